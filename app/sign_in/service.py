"""Signing in and out, by people who are nobody yet: every answer is the same whether an account exists or not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from app.audit import service as audit
from app.audit.models import AuditResult
from app.core.actor import Actor, CredentialKind, Role
from app.core.clock import Clock, now
from app.core.errors import Conflict
from app.core.ids import new_id
from app.core.vault import Vault
from app.database.unit_of_work import UnitOfWork
from app.identity import repository as identity
from app.identity.keys import fingerprint
from app.identity.models import User
from app.identity.service import add_member
from app.members import repository as members
from app.members.errors import InvitationInvalid
from app.members.models import Invitation
from app.members.service import display_name
from app.sign_in import passwords, repository, second_factor
from app.sign_in.errors import SecondFactorRequired, SessionEnded, SignInFailed, SsoRequired
from app.sign_in.models import Account, Means, Place, SignInSession, UserSecrets
from app.sign_in.sessions import Client, Mint, Sessions, SignedIn
from app.sign_in.throttle import Throttle

SIGN_IN, REFRESH = "session.create", "session.refresh"
LONGEST_EMAIL = 320


@dataclass(frozen=True)
class Parts:
    """What signing in takes besides the database."""

    vault: Vault
    mint: Mint
    throttle: Throttle


class SignIn:
    """Proves who somebody is, and opens a session. `work` is the system's: its writes are committed by its owner."""

    def __init__(self, work: UnitOfWork, parts: Parts, client: Client, request_id: str, clock: Clock = now) -> None:
        self.work, self.parts, self.client, self.request_id, self.clock = work, parts, client, request_id, clock
        self.sessions = Sessions(work, parts.mint, clock)

    async def sign_in(
        self, email: str, password: str, *, code: str | None, organization_id: str | None, means: Means
    ) -> SignedIn:
        """A session for who has the password and the second factor.

        Raises `SignInFailed`, `SecondFactorRequired`, `TooManyAttempts`, `SsoRequired`.
        """
        account = await self._proved(email.strip().lower()[:LONGEST_EMAIL], password)
        second = await self._second_factor(account, code)
        place = await self._place(account, organization_id)
        self.parts.throttle.succeeded(account.email, self.client.address)
        await self._renew_hash(account, password)
        return await self.sessions.open(account.id, place.organization_id, means, self.client, second_factor=second)

    async def refresh(self, token: str) -> SignedIn:
        """New tokens for an old refresh token, once. One that was used before ends its session: it was stolen."""
        kept = await self.work.one(repository.REFRESH_BY_HASH, hash=fingerprint(token))
        if kept is None:
            raise SessionEnded()
        session = await self.work.one(repository.SESSION_BY_ID, id=kept.session_id)
        if session is None:
            raise SessionEnded()
        if kept.used_at is not None:
            self.sessions.end(session)
            self._tell(session, REFRESH, AuditResult.DENIED, "refresh token used twice")
            await self.work.commit()
            raise SessionEnded()
        # Raises `SessionEnded` for a session that was ended, has expired or whose member has left.
        await self._standing(session)
        moment = self.clock()
        self.work.write(
            repository.USE_REFRESH,
            expect=1,
            otherwise=SessionEnded(),
            hash=kept.hash,
            organization_id=kept.organization_id,
            moment=moment,
        )
        self.work.write(repository.SESSION_USED, id=session.id, organization_id=session.organization_id, moment=moment)
        return SignedIn(session, None, await self.sessions.tokens(session))

    async def accept(self, token: str, *, name: str | None, password: str, code: str | None, means: Means) -> SignedIn:
        """Membership for who was invited: makes an account, or has an existing one proved.

        Raises `InvitationInvalid`, and what `sign_in` raises.
        """
        self.parts.throttle.admit(self._guessing("invitation"), self.client.address)
        invitation = await self.work.one(members.INVITATION_BY_HASH, hash=fingerprint(token))
        if invitation is None or invitation.accepted_at or invitation.revoked_at:
            self.parts.throttle.failed(self._guessing("invitation"), self.client.address)
            raise InvitationInvalid()
        if invitation.expires_at <= self.clock():
            raise InvitationInvalid()
        await self._takes_password(invitation.organization_id, invitation.role)
        if await self.work.one(repository.ACCOUNT_BY_EMAIL, email=invitation.email) is None:
            user_id, second = await self._new_account(invitation.email, name, password), False
        else:
            account = await self._proved(invitation.email, password)
            user_id, second = account.id, await self._second_factor(account, code)
        self._join(invitation, user_id)
        return await self.sessions.open(user_id, invitation.organization_id, means, self.client, second_factor=second)

    def _guessing(self, what: str) -> str:
        """What guesses at a link count against: this address alone, or one guesser would lock out everybody."""
        return f"{what} {self.client.address}"

    async def reset_password(self, token: str, password: str, *, code: str | None, means: Means) -> SignedIn:
        """Sets a new password by a link, ends all sessions, and opens one."""
        self.parts.throttle.admit(self._guessing("reset"), self.client.address)
        reset = await self.work.one(repository.RESET_BY_HASH, hash=fingerprint(token))
        if reset is None or reset.used_at is not None or reset.expires_at <= self.clock():
            self.parts.throttle.failed(self._guessing("reset"), self.client.address)
            raise InvitationInvalid("This link is not valid: it was used or has expired. Ask for a new one.")
        account = await self.work.one(repository.ACCOUNT, user_id=reset.user_id)
        if account is None:
            raise SignInFailed()
        places = await self.work.all(repository.PLACES, user_id=account.id)
        role = next((place.role for place in places if place.organization_id == reset.organization_id), Role.VIEWER)
        await self._takes_password(reset.organization_id, role)
        second = await self._second_factor(account, code)
        passwords.check(password, account.email)
        await set_password(self.work, account.id, password)
        self.work.write(
            repository.USE_RESET,
            expect=1,
            otherwise=InvitationInvalid(),
            hash=reset.hash,
            organization_id=reset.organization_id,
            moment=self.clock(),
        )
        self.sessions.end_all(account.id)
        return await self.sessions.open(account.id, reset.organization_id, means, self.client, second_factor=second)

    async def end(self, actor: Actor) -> SignInSession:
        """Ends the session that the actor came with; raises `Conflict` for one that came with a key."""
        session = await self.work.one(repository.SESSION_BY_ID, id=actor.credential_id)
        if session is None:
            raise Conflict("This credential has no session to end. An API key is revoked instead.")
        self.sessions.end(session)
        return session.changed(revoked_at=self.clock())

    async def end_cookie(self, cookie: str) -> None:
        """Ends the session of a cookie that is about to be replaced."""
        session = await self.work.one(repository.SESSION_BY_HASH, hash=fingerprint(cookie))
        if session is not None:
            self.sessions.end(session)

    async def _proved(self, email: str, password: str) -> Account:
        """The account of who knows its password; raises `SignInFailed`, `TooManyAttempts`."""
        self.parts.throttle.admit(email, self.client.address)
        account = await self.work.one(repository.ACCOUNT_BY_EMAIL, email=email)
        if not await passwords.matches(password, (account and account.password_hash) or "") or account is None:
            await self._refuse(account, email, "password")
        return account

    async def _second_factor(self, account: Account, code: str | None) -> bool:
        """Whether a second factor was proved; False for an account without one."""
        if not account.totp_confirmed:
            return False
        if not code:
            raise SecondFactorRequired()
        secret = self.parts.vault.open(account.totp_sealed or "")["totp"]
        step = second_factor.accepted_step(secret, code, self.clock(), account.totp_step or 0)
        if step is not None:
            self.work.write(repository.TAKE_STEP, expect=1, otherwise=SignInFailed(), whose=account.id, step=step)
            return True
        left = list(account.recovery_hashes or ())
        if (used := second_factor.recovery_hash(code)) not in left:
            await self._refuse(account, account.email, "code")
        left.remove(used)
        self.work.write(
            repository.SET_SECOND_FACTOR,
            expect=1,
            otherwise=SignInFailed(),
            whose=account.id,
            old_version=account.version,
            sealed=account.totp_sealed,
            confirmed=True,
            step=account.totp_step,
            hashes=left,
        )
        return True

    async def _place(self, account: Account, wanted: str | None) -> Place:
        places = await self.work.all(repository.PLACES, user_id=account.id)
        possible = [place for place in places if wanted in (None, place.organization_id)]
        if not possible:
            await self._refuse(account, account.email, "organization")
        chosen = next((place for place in possible if place.takes_password), None)
        if chosen is None:
            raise SsoRequired()
        return chosen

    async def _takes_password(self, organization_id: str, role: Role) -> None:
        """Raises `SsoRequired` where a member in this role has to sign in by single sign-on."""
        found = await self.work.one(repository.ORGANIZATION, organization_id=organization_id)
        if found is not None and found.require_sso and role is not Role.OWNER:
            raise SsoRequired()

    async def _refuse(self, account: Account | None, email: str, why: str) -> NoReturn:
        """Counts and records a failure, then raises `SignInFailed`."""
        self.parts.throttle.failed(email, self.client.address)
        if account is not None:
            work = UnitOfWork(self.work.database, None)
            for place in await work.all(repository.PLACES, user_id=account.id):
                actor = Actor(place.organization_id, account.id, place.role, kind=CredentialKind.SESSION)
                audit.record(
                    work,
                    actor,
                    action=SIGN_IN,
                    resource=account.id,
                    request_id=self.request_id,
                    result=AuditResult.DENIED,
                    details={"failed": why},
                )
            await work.commit()
        raise SignInFailed()

    def _tell(self, session: SignInSession, action: str, result: AuditResult, why: str) -> None:
        actor = Actor(session.organization_id, session.user_id, Role.VIEWER, credential_id=session.id)
        audit.record(
            self.work,
            actor,
            action=action,
            resource=session.id,
            request_id=self.request_id,
            result=result,
            details={"failed": why},
        )

    async def _standing(self, session: SignInSession) -> None:
        moment = self.clock()
        opened = await self.work.one(repository.CREDENTIAL_BY_SESSION_ID, id=session.id)
        if opened is None or session.expires_at <= moment:
            raise SessionEnded()

    async def _new_account(self, email: str, name: str | None, password: str) -> str:
        passwords.check(password, email)
        user = User(
            id=new_id("usr"),
            email=email,
            name=display_name(name or email.partition("@")[0]),
            created_at=self.clock(),
        )
        secrets = UserSecrets(user_id=user.id, password_hash=await passwords.hashed(password))
        self.work.write(identity.ADD_USER, otherwise=InvitationInvalid(), **user.__dict__)
        self.work.write(repository.ADD_SECRETS, **secrets.__dict__)
        return user.id

    def _join(self, invitation: Invitation, user_id: str) -> None:
        add_member(
            self.work,
            invitation.organization_id,
            user_id,
            invitation.role,
            role_id=invitation.role_id,
            clock=self.clock,
        )
        self.work.write(
            members.ACCEPT_INVITATION,
            expect=1,
            otherwise=InvitationInvalid(),
            id=invitation.id,
            organization_id=invitation.organization_id,
            moment=self.clock(),
        )

    async def _renew_hash(self, account: Account, password: str) -> None:
        if account.password_hash and passwords.outdated(account.password_hash):
            await set_password(self.work, account.id, password)


async def set_password(work: UnitOfWork, user_id: str, password: str) -> None:
    """Writes a password's hash. `work` is the system's."""
    hashed = await passwords.hashed(password)
    if await work.one(repository.SECRETS, user_id=user_id) is None:
        work.write(repository.ADD_SECRETS, **UserSecrets(user_id=user_id, password_hash=hashed).__dict__)
    else:
        work.write(repository.SET_PASSWORD, expect=1, whose=user_id, new_hash=hashed)


def disarm(work: UnitOfWork, user_id: str, moment: datetime) -> None:
    """Takes everything from an account by which somebody got into it. `work` is the system's."""
    work.write(repository.DISARM, whose=user_id, none="", no_hashes=[])
    work.write(repository.END_SESSIONS_OF, whose=user_id, but="", moment=moment)
    work.write(repository.VOID_RESETS_OF, whose=user_id, moment=moment)
