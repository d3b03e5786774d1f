"""All queries about idempotency keys."""

from __future__ import annotations

from sqlalchemy import bindparam

from app.database.statements import adding, change, changing, readable, removing_everywhere, statement, table
from app.idempotency.models import IdempotencyKey, IdempotencyKeyTable

_keys = table(IdempotencyKeyTable).c

ADD = change(adding(IdempotencyKeyTable))
BY_KEY = statement(readable(IdempotencyKeyTable).where(_keys.key == bindparam("key")), IdempotencyKey)
ANSWER = change(
    changing(IdempotencyKeyTable)
    .where(_keys.key == bindparam("key"), _keys.status.is_(None))
    .values(status=bindparam("status"), headers=bindparam("headers"), body=bindparam("body"))
)
FORGET_BEFORE = change(removing_everywhere(IdempotencyKeyTable).where(_keys.created_at < bindparam("moment")))
