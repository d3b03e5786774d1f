"""Sign-ins and accounts in GraphQL."""

from __future__ import annotations

from datetime import datetime

import strawberry

from app.sign_in import models
from app.sign_in.sessions import SignedIn
from resolvers.node import Node

SignInMeans = models.Means
strawberry.enum(
    SignInMeans,
    name="SignInMeans",
    description="What a sign-in hands out: a session cookie for browsers, or tokens for programs.",
)


@strawberry.type(description="A session that was opened or renewed. Tokens are shown this one time.")
class SignIn:
    id: strawberry.ID = strawberry.field(description="The session's id.")
    user_id: strawberry.ID = strawberry.field(description="Who signed in.")
    organization_id: strawberry.ID = strawberry.field(description="The organization that the session is for.")
    means: SignInMeans = strawberry.field(description="What was handed out.")
    access_token: str | None = strawberry.field(
        description="For `Authorization: Bearer`, 15 minutes; null where a cookie was set."
    )
    refresh_token: str | None = strawberry.field(
        description="Gives new tokens once; null where a cookie was set. Used twice, it ends the session."
    )
    token_type: str = strawberry.field(description="`Bearer`.")
    expires_in: int | None = strawberry.field(description="Seconds that the access token is valid.")


@strawberry.type(description="A signed-in browser or program of yours.")
class SignInSession(Node):
    means: SignInMeans = strawberry.field(description="What was handed out.")
    user_agent: str = strawberry.field(description="What the browser or program calls itself.")
    second_factor: bool = strawberry.field(description="Whether a second factor was proved.")
    created_at: datetime = strawberry.field(description="When it was opened.")
    last_used_at: datetime = strawberry.field(description="When it was last used, to the minute.")
    expires_at: datetime = strawberry.field(description="When it ends at the latest; two days unused end it, too.")
    revoked_at: datetime | None = strawberry.field(description="When it was ended; null while it stands.")


@strawberry.type(description="The account of the person who asks.")
class Account:
    id: strawberry.ID = strawberry.field(description="The person's id.")
    email: str = strawberry.field(description="The address that they sign in with.")
    name: str = strawberry.field(description="Their name.")
    has_password: bool = strawberry.field(description="Whether they sign in with a password.")
    has_second_factor: bool = strawberry.field(description="Whether signing in takes a second factor.")
    recovery_codes_left: int = strawberry.field(description="Recovery codes that were not used yet.")


@strawberry.type(description="A second factor that waits for its first code. Shown once.")
class SecondFactorEnrolment:
    id: strawberry.ID = strawberry.field(description="The person's id.")
    secret: str = strawberry.field(description="The secret in base32, to be typed into an authenticator program.")
    uri: str = strawberry.field(description="The same as an `otpauth://` address, for a QR code.")


@strawberry.type(description="The codes for when the device is lost; each works once. Shown this one time.")
class RecoveryCodes:
    id: strawberry.ID = strawberry.field(description="The person's id.")
    codes: list[str] = strawberry.field(description="Ten codes.")


@strawberry.type(description="A link by which a member sets a new password.")
class PasswordResetLink:
    id: strawberry.ID = strawberry.field(description="Its id.")
    user_id: strawberry.ID = strawberry.field(description="Whose password it sets.")
    token: str = strawberry.field(description="For `resetPassword`: hand it to the member; it is not shown again.")
    expires_at: datetime = strawberry.field(description="Until when it works.")


def signed_in(made: SignedIn) -> SignIn:
    """An open session as GraphQL shows it."""
    tokens = made.tokens
    return SignIn(
        id=strawberry.ID(made.session.id),
        user_id=strawberry.ID(made.session.user_id),
        organization_id=strawberry.ID(made.session.organization_id),
        means=made.session.means,
        access_token=tokens.access if tokens else None,
        refresh_token=tokens.refresh if tokens else None,
        token_type="Bearer",  # noqa: S106 - the type's name
        expires_in=tokens.expires_in if tokens else None,
    )


def session(record: models.SignInSession) -> SignInSession:
    """The record as GraphQL shows it."""
    return SignInSession(
        id=strawberry.ID(record.id),
        means=record.means,
        user_agent=record.user_agent,
        second_factor=bool(record.second_factor),
        created_at=record.created_at,
        last_used_at=record.last_used_at,
        expires_at=record.expires_at,
        revoked_at=record.revoked_at,
    )


def account(record: models.Account) -> Account:
    """The record as GraphQL shows it; no secret."""
    return Account(
        id=strawberry.ID(record.id),
        email=record.email,
        name=record.name,
        has_password=bool(record.password_hash),
        has_second_factor=bool(record.totp_confirmed),
        recovery_codes_left=len(record.recovery_hashes or ()) if record.totp_confirmed else 0,
    )
