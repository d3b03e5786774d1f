"""All queries about signing keys, which belong to the installation and to no organization."""

from __future__ import annotations

from sqlalchemy import bindparam

from app.database.statements import adding, change, changing_everywhere, everywhere, statement, table
from app.tokens.models import SigningKey, SigningKeyTable

_keys = table(SigningKeyTable).c
#: Keys that are listed at most: years of rotations.
MOST = 200

KEYS = statement(everywhere(SigningKeyTable).order_by(_keys.created_at.desc(), _keys.kid).limit(MOST), SigningKey)
KEY = statement(everywhere(SigningKeyTable).where(_keys.kid == bindparam("kid")), SigningKey)
ADD_KEY = change(adding(SigningKeyTable))
#: Moves a key on, unless somebody else did.
MOVE_KEY = change(
    changing_everywhere(SigningKeyTable)
    .where(_keys.kid == bindparam("kid"), _keys.state == bindparam("was"))
    .values(
        state=bindparam("state"),
        sealed=bindparam("sealed"),
        activates_at=bindparam("activates_at"),
        retires_at=bindparam("retires_at"),
        revoked_at=bindparam("revoked_at"),
    )
)
