"""All queries about federated providers."""

from __future__ import annotations

from sqlalchemy import Integer, bindparam

from app.database.statements import (
    adding,
    change,
    changing,
    readable,
    removing,
    removing_everywhere,
    statement,
    table,
)
from app.federation.models import Provider, ProviderTable, TokenUseTable

_providers, _uses = table(ProviderTable).c, table(TokenUseTable).c

ADD_PROVIDER = change(adding(ProviderTable))
PROVIDER = statement(readable(ProviderTable).where(_providers.id == bindparam("id")), Provider)
PROVIDER_BY_ISSUER = statement(readable(ProviderTable).where(_providers.issuer == bindparam("issuer")), Provider)
PROVIDERS_BEFORE = statement(
    readable(ProviderTable)
    .where(_providers.id < bindparam("before"))
    .order_by(_providers.id.desc())
    .limit(bindparam("limit", type_=Integer)),
    Provider,
)
SYNCED = change(
    changing(ProviderTable)
    .where(_providers.id == bindparam("id"))
    .values(
        status=bindparam("status"),
        keys=bindparam("keys"),
        synced_at=bindparam("synced_at"),
        sync_error=bindparam("sync_error"),
        version=_providers.version + 1,
    )
)
REMOVE_PROVIDER = change(removing(ProviderTable).where(_providers.id == bindparam("id")))
ADD_USE = change(adding(TokenUseTable))
FORGET_USES = change(removing_everywhere(TokenUseTable).where(_uses.expires_at < bindparam("moment")))
