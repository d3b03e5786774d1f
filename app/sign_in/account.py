"""What is a person's own: password, second factor, sessions. `work` is the system's: a person is in no organization."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

from app.core.actor import Actor
from app.core.clock import Clock, now
from app.core.errors import Conflict, Forbidden, NotFound
from app.core.ids import new_id
from app.core.paging import NEWEST, Page
from app.database.unit_of_work import UnitOfWork
from app.identity.keys import fingerprint
from app.sign_in import passwords, repository, second_factor
from app.sign_in.errors import SignInFailed
from app.sign_in.models import Account, PasswordReset, SignInSession
from app.sign_in.service import Parts, set_password

RESET_PREFIX = "reset_"
RESET_LIFETIME = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator program needs; shown once."""

    secret: str
    uri: str


class OwnAccount:
    """The account of the actor."""

    def __init__(self, work: UnitOfWork, actor: Actor, parts: Parts, address: str, clock: Clock = now) -> None:
        self.work, self.actor, self.parts, self.address, self.clock = work, actor, parts, address, clock

    async def account(self) -> Account:
        """The actor's account; raises `Forbidden` for an agent, which has none."""
        found = await self.work.one(repository.ACCOUNT, user_id=self.actor.user_id)
        if found is None:
            raise Forbidden("Only a person has an account.")
        return found

    async def change_password(self, current: str | None, new: str) -> Account:
        """Sets another password and ends the person's other sessions."""
        account = await self.account()
        if account.password_hash:
            await self._prove(account, current or "")
        elif current is not None:
            raise SignInFailed()
        passwords.check(new, account.email)
        await set_password(self.work, account.id, new)
        self._end_others(account.id)
        return account

    async def begin_second_factor(self, password: str) -> Enrolment:
        """A new secret, which counts once a code has confirmed it."""
        account = await self.account()
        await self._prove(account, password)
        if account.totp_confirmed:
            raise Conflict("This account has a second factor. Remove it first.")
        secret = second_factor.new_secret()
        self._set_factor(account, self.parts.vault.seal({"totp": secret}), confirmed=False, step=0, hashes=[])
        return Enrolment(secret, second_factor.provisioning_uri(secret, account.email))

    async def confirm_second_factor(self, code: str) -> list[str]:
        """Turns the second factor on; the recovery codes, which are shown once."""
        account = await self.account()
        if account.totp_confirmed or not account.totp_sealed:
            raise Conflict("There is no second factor to confirm. Begin with a new one.")
        step = self._step(account, code)
        codes = second_factor.new_recovery_codes()
        hashes = [second_factor.recovery_hash(each) for each in codes]
        self._set_factor(account, account.totp_sealed, confirmed=True, step=step, hashes=hashes)
        self._end_others(account.id)
        return codes

    async def remove_second_factor(self, password: str, code: str) -> Account:
        """Turns the second factor off, for who has both factors; a recovery code serves as a code."""
        account = await self.account()
        await self._prove(account, password)
        if not account.totp_confirmed:
            raise Conflict("This account has no second factor.")
        if second_factor.recovery_hash(code) not in (account.recovery_hashes or ()):
            self._step(account, code)
        self._set_factor(account, "", confirmed=False, step=account.totp_step or 0, hashes=[])
        return account

    async def sessions(self, limit: int, before: str | None) -> Page[SignInSession]:
        """The actor's sessions that stand, newest first."""
        found = await self.work.all(
            repository.OWN_SESSIONS_BEFORE,
            organization_id=self.actor.organization_id,
            user_id=self.actor.user_id,
            before=before or NEWEST,
            moment=self.clock(),
            limit=limit + 1,
        )
        return Page(found[:limit], len(found) > limit)

    async def end_session(self, session_id: str) -> SignInSession:
        """Ends one of the actor's sessions; raises `NotFound`."""
        found = await self.work.one(
            repository.OWN_SESSION,
            organization_id=self.actor.organization_id,
            user_id=self.actor.user_id,
            id=session_id,
        )
        if found is None:
            raise NotFound()
        moment = self.clock()
        self.work.write(repository.END_SESSION, organization_id=found.organization_id, id=found.id, moment=moment)
        return found.changed(revoked_at=found.revoked_at or moment)

    async def offer_reset(self, user_id: str) -> tuple[PasswordReset, str]:
        """A link by which another member sets a new password: its record, and its token, which is not kept.

        Raises `NotFound`, and `Forbidden` for a person of other organizations, which only an operator may reset.
        """
        places = await self.work.all(repository.PLACES, user_id=user_id)
        here = next((place for place in places if place.organization_id == self.actor.organization_id), None)
        if here is None:
            raise NotFound()
        if len(places) > 1 and not self.actor.operator:
            raise Forbidden("This person's account is not yours alone to reset. Ask the operator.")
        if here.role == "owner" and self.actor.role != "owner":
            raise Forbidden("Only an owner resets an owner's password.")
        token, moment = RESET_PREFIX + secrets.token_urlsafe(32), self.clock()
        reset = PasswordReset(
            id=new_id("rst"),
            organization_id=self.actor.organization_id,
            user_id=user_id,
            hash=fingerprint(token),
            created_by=self.actor.user_id,
            created_at=moment,
            expires_at=moment + RESET_LIFETIME,
        )
        self.work.write(repository.ADD_RESET, **reset.__dict__)
        return reset, token

    async def _prove(self, account: Account, password: str) -> None:
        self.parts.throttle.admit(account.email, self.address)
        if not await passwords.matches(password, account.password_hash or ""):
            self.parts.throttle.failed(account.email, self.address)
            raise SignInFailed("The password is not right.")

    def _step(self, account: Account, code: str) -> int:
        self.parts.throttle.admit(account.email, self.address)
        secret = self.parts.vault.open(account.totp_sealed or "")["totp"]
        step = second_factor.accepted_step(secret, code, self.clock(), account.totp_step or 0)
        if step is None:
            self.parts.throttle.failed(account.email, self.address)
            raise SignInFailed("The code is not right. Check the clock of the device.")
        return step

    def _set_factor(self, account: Account, sealed: str, *, confirmed: bool, step: int, hashes: list[str]) -> None:
        self.work.write(
            repository.SET_SECOND_FACTOR,
            expect=1,
            whose=account.id,
            old_version=account.version,
            sealed=sealed,
            confirmed=confirmed,
            step=step,
            hashes=hashes,
        )

    def _end_others(self, user_id: str) -> None:
        self.work.write(repository.END_SESSIONS_OF, whose=user_id, but=self.actor.credential_id, moment=self.clock())
