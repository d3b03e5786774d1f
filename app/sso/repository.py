"""All queries about single sign-on."""

from __future__ import annotations

from sqlalchemy import bindparam

from app.database.statements import adding, change, changing, everywhere, readable, removing, statement, table
from app.identity.models import OrganizationTable, User, UserTable
from app.sso.models import (
    SsoConnection,
    SsoConnectionTable,
    SsoDomain,
    SsoDomainTable,
    SsoIdentity,
    SsoIdentityTable,
)

_connections, _domains = table(SsoConnectionTable).c, table(SsoDomainTable).c
_identities, _users, _organizations = table(SsoIdentityTable).c, table(UserTable).c, table(OrganizationTable).c

CONNECTIONS = statement(readable(SsoConnectionTable).order_by(_connections.id.desc()), SsoConnection)
CONNECTION = statement(readable(SsoConnectionTable).where(_connections.id == bindparam("id")), SsoConnection)
ADD_CONNECTION = change(adding(SsoConnectionTable))
CHANGE_CONNECTION = change(
    changing(SsoConnectionTable)
    .where(_connections.id == bindparam("old_id"), _connections.version == bindparam("old_version"))
    .values(
        issuer=bindparam("new_issuer"),
        client_id=bindparam("new_client_id"),
        client_secret=bindparam("new_client_secret"),
        default_role=bindparam("new_default_role"),
        enabled=bindparam("new_enabled"),
        updated_at=bindparam("moment"),
        version=_connections.version + 1,
    )
)
REMOVE_CONNECTION = change(removing(SsoConnectionTable).where(_connections.id == bindparam("id")))

DOMAINS = statement(readable(SsoDomainTable).order_by(_domains.domain), SsoDomain)
DOMAIN = statement(readable(SsoDomainTable).where(_domains.id == bindparam("id")), SsoDomain)
ADD_DOMAIN = change(adding(SsoDomainTable))
REMOVE_DOMAIN = change(removing(SsoDomainTable).where(_domains.id == bindparam("id")))
VERIFIED = change(
    changing(SsoDomainTable).where(_domains.id == bindparam("id")).values(verified_at=bindparam("moment"))
)

REMOVE_IDENTITIES = change(removing(SsoIdentityTable).where(_identities.connection_id == bindparam("connection_id")))
REQUIRE_SSO = change(
    table(OrganizationTable)
    .update()
    .where(_organizations.id == bindparam("organization_id"))
    .values(require_sso=bindparam("required"), version=_organizations.version + 1)
)

# Before somebody has signed in there is no organization to start from.
CONNECTION_ANYWHERE = statement(everywhere(SsoConnectionTable).where(_connections.id == bindparam("id")), SsoConnection)
CONNECTION_OF_DOMAIN = statement(
    everywhere(SsoConnectionTable)
    .join(_domains.id.table, _domains.organization_id == _connections.organization_id)
    .where(_domains.domain == bindparam("domain"), _domains.verified_at.is_not(None), _connections.enabled.is_(True)),
    SsoConnection,
)
VERIFIED_DOMAIN = statement(
    everywhere(SsoDomainTable).where(_domains.domain == bindparam("domain"), _domains.verified_at.is_not(None)),
    SsoDomain,
)
DOMAIN_BY_CHALLENGE = statement(
    everywhere(SsoDomainTable).where(_domains.challenge == bindparam("challenge")), SsoDomain
)
IDENTITY = statement(
    everywhere(SsoIdentityTable).where(
        _identities.connection_id == bindparam("connection_id"), _identities.subject == bindparam("subject")
    ),
    SsoIdentity,
)
ADD_IDENTITY = change(adding(SsoIdentityTable))
USER = statement(everywhere(UserTable).where(_users.id == bindparam("id")), User)
USER_BY_EMAIL = statement(everywhere(UserTable).where(_users.email == bindparam("email")), User)
