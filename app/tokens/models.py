"""The installation's signing keys."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlmodel import Field

from app.database.statements import Record
from app.database.types import Choice, Json, Moment
from app.tokens.jwk import Family


class KeyState(enum.StrEnum):
    """A key's life, in order."""

    #: Published, so that every verifier knows it before the first signature.
    NEXT = "next"
    #: Signs.
    ACTIVE = "active"
    #: Signs no more; what it signed is still accepted.
    RETIRING = "retiring"
    #: Nothing that it signed is accepted as a token; its private part is gone.
    RETIRED = "retired"


class SigningKey(Record):
    """A key of one family. Its kid is the RFC 7638 thumbprint of its public part."""

    kid: str = Field(primary_key=True)
    family: Family = Field(sa_type=Choice(Family))
    state: KeyState = Field(sa_type=Choice(KeyState))
    public: dict[str, str] = Field(sa_type=Json)
    #: The private part, sealed by the vault; empty once the key signs no more.
    sealed: str
    #: When it was made, and so published.
    created_at: datetime = Field(sa_type=Moment)
    #: When it began to sign, or is to begin.
    activates_at: datetime = Field(sa_type=Moment)
    #: When it is retired, or was; null while that is not settled.
    retires_at: datetime | None = Field(default=None, sa_type=Moment)
    #: When it was dropped in an emergency.
    revoked_at: datetime | None = Field(default=None, sa_type=Moment)


class SigningKeyTable(SigningKey, table=True):
    __tablename__ = "signing_keys"
    # One next and one active key a family, whoever makes them at the same moment: an index in app/tables.py.
