"""How people prove who they are: passwords, second factors, sign-in sessions."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from app.core.actor import Role
from app.database.statements import Record
from app.database.types import Choice, Json, Moment


class Means(enum.StrEnum):
    """What a sign-in hands out."""

    #: A session cookie, for browsers.
    COOKIE = "cookie"
    #: A short-lived access token and a refresh token, for programs.
    TOKEN = "token"  # noqa: S105


class UserSecrets(Record):
    """What proves that somebody is a certain person. Never leaves the domain."""

    user_id: str = Field(primary_key=True, foreign_key="users.id")
    #: Argon2id (RFC 9106) in PHC form; empty where the person signs in by other means only.
    password_hash: str = ""
    #: The TOTP secret (RFC 6238), sealed; empty without a second factor.
    totp_sealed: str = ""
    #: Whether a code has proved that the person has the secret.
    totp_confirmed: bool = False
    #: The time step of the newest accepted code: none is accepted twice.
    totp_step: int = 0
    #: SHA-256 of the recovery codes that are left.
    recovery_hashes: list[str] = Field(default_factory=list, sa_type=Json)
    version: int = 1


class UserSecretsTable(UserSecrets, table=True):
    __tablename__ = "user_secrets"


class SignInSession(Record):
    """A signed-in browser or program."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    user_id: str = Field(foreign_key="users.id")
    means: Means = Field(sa_type=Choice(Means))
    #: SHA-256 of the cookie; of the session's own id for tokens.
    hash: str
    user_agent: str
    second_factor: bool
    created_at: datetime = Field(sa_type=Moment)
    last_used_at: datetime = Field(sa_type=Moment)
    expires_at: datetime = Field(sa_type=Moment)
    revoked_at: datetime | None = Field(default=None, sa_type=Moment)


class SignInSessionTable(SignInSession, table=True):
    __tablename__ = "sign_in_sessions"
    __table_args__ = (
        UniqueConstraint("hash", name="sign_in_sessions_hash"),
        Index("sign_in_sessions_of_user", "organization_id", "user_id", "id"),
    )


class RefreshToken(Record):
    """One refresh token of a session; used once (RFC 9700, section 4.14.2)."""

    hash: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    session_id: str = Field(foreign_key="sign_in_sessions.id")
    created_at: datetime = Field(sa_type=Moment)
    used_at: datetime | None = Field(default=None, sa_type=Moment)


class RefreshTokenTable(RefreshToken, table=True):
    __tablename__ = "refresh_tokens"
    __table_args__ = (Index("refresh_tokens_of_session", "session_id"),)


class PasswordReset(Record):
    """A link by which a person sets a new password once."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    user_id: str = Field(foreign_key="users.id")
    hash: str
    created_by: str
    created_at: datetime = Field(sa_type=Moment)
    expires_at: datetime = Field(sa_type=Moment)
    used_at: datetime | None = Field(default=None, sa_type=Moment)


class PasswordResetTable(PasswordReset, table=True):
    __tablename__ = "password_resets"
    __table_args__ = (UniqueConstraint("hash", name="password_resets_hash"),)


class Account(Record):
    """A person who wants to sign in, with what has to be proved."""

    id: str
    email: str
    name: str
    password_hash: str | None
    totp_sealed: str | None
    totp_confirmed: bool | None
    totp_step: int | None
    recovery_hashes: list[str] | None
    version: int | None


class Place(Record):
    """An organization that a person may sign in to."""

    organization_id: str
    role: Role
    #: Whether the organization wants its members to sign in by single sign-on; owners need not.
    require_sso: bool

    @property
    def takes_password(self) -> bool:
        """Whether the person may sign in here with a password."""
        return self.role is Role.OWNER or not self.require_sso
