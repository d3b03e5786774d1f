"""Signing in and out, and changing one's own account."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.actor import Actor, CredentialKind, Kind, Role, Scope
from app.sign_in.models import Means
from app.sign_in.sessions import LONGEST, SignedIn
from resolvers.access import Access, mutation
from resolvers.context import Context
from resolvers.cookies import clear_session, set_session
from resolvers.node import Id
from resolvers.sign_in.types import (
    Account,
    PasswordResetLink,
    RecoveryCodes,
    SecondFactorEnrolment,
    SignIn,
    SignInMeans,
    SignInSession,
    account,
    session,
    signed_in,
)

WRITE = Access(scope=Scope.ACCOUNT, kind=Kind.WRITE)
MEMBERS = Access(scope=Scope.MEMBERS, kind=Kind.ADMIN)
_MEANS = "A session cookie for a browser, or tokens for a program."
_CODE = "The code of the second factor, or a recovery code, where the account has one."


@strawberry.input(description="Who wants to sign in.")
class SignInInput:
    email: str = strawberry.field(description="The account's address.")
    password: str = strawberry.field(description="Its password.")
    code: str | None = strawberry.field(default=None, description=_CODE)
    organization_id: strawberry.ID | None = strawberry.field(
        default=None, description="The organization to sign in to; the first that the person joined by default."
    )
    means: SignInMeans = strawberry.field(default=Means.TOKEN, description=_MEANS)


@strawberry.input(description="An invitation to accept: makes the account, or adds the membership to an existing one.")
class AcceptInvitationInput:
    token: str = strawberry.field(description="The invitation's token.")
    password: str = strawberry.field(
        description="The password of the new account, 10 to 256 characters; the existing one's where there is one."
    )
    name: str | None = strawberry.field(default=None, description="The person's name, for a new account.")
    code: str | None = strawberry.field(default=None, description=_CODE)
    means: SignInMeans = strawberry.field(default=Means.TOKEN, description=_MEANS)


@strawberry.input(description="A new password, by a link that was handed out.")
class ResetPasswordInput:
    token: str = strawberry.field(description="The link's token.")
    password: str = strawberry.field(description="10 to 256 characters.")
    code: str | None = strawberry.field(default=None, description=_CODE)
    means: SignInMeans = strawberry.field(default=Means.TOKEN, description=_MEANS)


@strawberry.input(description="Another password for your account.")
class ChangePasswordInput:
    current_password: str | None = strawberry.field(
        default=None, description="The present password; left out where the account has none."
    )
    new_password: str = strawberry.field(description="10 to 256 characters.")


@strawberry.input(description="Both factors, to give one up.")
class RemoveSecondFactorInput:
    password: str = strawberry.field(description="The account's password.")
    code: str = strawberry.field(description="A code, or a recovery code.")


def opened(context: Context, made: SignedIn) -> SignIn:
    """The answer to a sign-in; from here on the caller is known, and an older session of the browser is over."""
    found = made.session
    context.actor = Actor(
        found.organization_id, found.user_id, Role.VIEWER, credential_id=found.id, kind=CredentialKind.SESSION
    )
    if made.cookie is not None:
        set_session(context.response_headers, made.cookie, int(LONGEST.total_seconds()))
    context.response_headers["Cache-Control"] = "no-store"
    return signed_in(made)


def _own_id(info: Info[Context, None]) -> strawberry.ID:
    return strawberry.ID(info.context.require_actor().user_id)


@strawberry.type
class SignInMutations:
    @mutation(
        "Signs in with a password. Wrong ones are throttled; the answer never tells whether an account exists.",
        None,
        audited="session.create",
        personal=True,
    )
    async def sign_in(
        self,
        info: Info[Context, None],
        input: Annotated[SignInInput, strawberry.argument(description="Who wants to sign in.")],
    ) -> SignIn:
        context = info.context
        made = await context.sign_in.sign_in(
            input.email,
            input.password,
            code=input.code,
            organization_id=input.organization_id,
            means=Means(input.means),
        )
        if made.cookie is not None and context.cookie is not None:
            await context.sign_in.end_cookie(context.cookie)
        return opened(context, made)

    @mutation(
        "Renews the tokens of a session. A refresh token works once; used twice, it ends the session.",
        None,
        audited="session.refresh",
        personal=True,
    )
    async def refresh_session(
        self,
        info: Info[Context, None],
        refresh_token: Annotated[str, strawberry.argument(description="The newest refresh token of the session.")],
    ) -> SignIn:
        return opened(info.context, await info.context.sign_in.refresh(refresh_token))

    @mutation("Accepts an invitation and signs in.", None, audited="invitation.accept", personal=True)
    async def accept_invitation(
        self,
        info: Info[Context, None],
        input: Annotated[AcceptInvitationInput, strawberry.argument(description="The invitation to accept.")],
    ) -> SignIn:
        made = await info.context.sign_in.accept(
            input.token, name=input.name, password=input.password, code=input.code, means=Means(input.means)
        )
        return opened(info.context, made)

    @mutation(
        "Sets a new password by a link, ends all sessions of the account, and signs in.",
        None,
        audited="password.reset",
        personal=True,
    )
    async def reset_password(
        self,
        info: Info[Context, None],
        input: Annotated[ResetPasswordInput, strawberry.argument(description="The new password.")],
    ) -> SignIn:
        made = await info.context.sign_in.reset_password(
            input.token, input.password, code=input.code, means=Means(input.means)
        )
        return opened(info.context, made)

    @mutation("Ends the session of this request.", WRITE, audited="session.end", personal=True)
    async def sign_out(self, info: Info[Context, None]) -> SignInSession:
        ended = await info.context.sign_in.end(info.context.require_actor())
        clear_session(info.context.response_headers)
        return session(ended)

    @mutation("Ends one of your sessions.", WRITE, audited="session.end", personal=True)
    async def end_sign_in_session(self, info: Info[Context, None], id: Id) -> SignInSession:
        return session(await info.context.account.end_session(id))

    @mutation("Changes your password and ends your other sessions.", WRITE, audited="password.change", personal=True)
    async def change_password(
        self,
        info: Info[Context, None],
        input: Annotated[ChangePasswordInput, strawberry.argument(description="The passwords.")],
    ) -> Account:
        return account(await info.context.account.change_password(input.current_password, input.new_password))

    @mutation(
        "Begins a second factor: time-based codes (RFC 6238). It counts once `confirmSecondFactor` has seen a code.",
        WRITE,
        audited="second_factor.begin",
        personal=True,
    )
    async def begin_second_factor(
        self,
        info: Info[Context, None],
        password: Annotated[str, strawberry.argument(description="Your password.")],
    ) -> SecondFactorEnrolment:
        made = await info.context.account.begin_second_factor(password)
        return SecondFactorEnrolment(id=_own_id(info), secret=made.secret, uri=made.uri)

    @mutation(
        "Turns your second factor on, and ends your other sessions.",
        WRITE,
        audited="second_factor.confirm",
        personal=True,
    )
    async def confirm_second_factor(
        self,
        info: Info[Context, None],
        code: Annotated[str, strawberry.argument(description="A code that the authenticator program shows.")],
    ) -> RecoveryCodes:
        return RecoveryCodes(id=_own_id(info), codes=await info.context.account.confirm_second_factor(code))

    @mutation("Turns your second factor off.", WRITE, audited="second_factor.remove", personal=True)
    async def remove_second_factor(
        self,
        info: Info[Context, None],
        input: Annotated[RemoveSecondFactorInput, strawberry.argument(description="Both factors.")],
    ) -> Account:
        return account(await info.context.account.remove_second_factor(input.password, input.code))

    @mutation(
        "Makes a link by which a member sets a new password. Shown once; works for a day.",
        MEMBERS,
        audited="password.offer_reset",
        personal=True,
    )
    async def create_password_reset(self, info: Info[Context, None], user_id: Id) -> PasswordResetLink:
        made, token = await info.context.account.offer_reset(user_id)
        return PasswordResetLink(
            id=strawberry.ID(made.id), user_id=strawberry.ID(made.user_id), token=token, expires_at=made.expires_at
        )
