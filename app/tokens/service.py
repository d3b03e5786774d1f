"""The installation as an issuer: mints, signs, publishes its keys, and verifies what it minted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app.core.clock import Clock, now
from app.core.ids import new_id
from app.core.vault import Vault
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.tokens import hybrid, repository
from app.tokens.cache import VerifiedTokens
from app.tokens.encoding import encode
from app.tokens.errors import ClaimsRefused, KeysChanged, TokenRefused, UnknownKey
from app.tokens.hybrid import BEARER_TYPE, PROOF, Issuer, Mode, Verified
from app.tokens.jwk import Family, Jwk, PublicKey, read_set
from app.tokens.models import KeyState, SigningKey
from app.tokens.private_keys import PrivateKey, unseal
from app.tokens.rotation import LONGEST_LIFETIME, Rotation, Schedule, is_due
from app.tokens.signatures import Signatures

#: How old the view of the keys may be; another server's rotation or revocation is noticed within it.
REFRESH_SECONDS = 5.0
#: How often an unknown kid makes us look before that.
LOOK_AGAIN_SECONDS = 1.0
#: How often servers that start at the same moment try before they give up.
TRIES = 5
#: Claims that minting sets itself.
_OURS = frozenset({"iss", "iat", "nbf", "exp", PROOF})


@dataclass(frozen=True)
class _View:
    """The keys as they were last read."""

    keys: Sequence[SigningKey] = ()
    #: Those whose signatures are accepted.
    accepted: Mapping[str, PublicKey] = field(default_factory=dict)

    def active(self, family: Family) -> SigningKey:
        """The key that signs; raises `KeysChanged` for the moment in which there is none."""
        for key in self.keys:
            if key.family is family and key.state is KeyState.ACTIVE:
                return key
        raise KeysChanged()


class SigningKeys:
    """The installation's keys, kept in memory and read again every few seconds."""

    def __init__(
        self, database: Database, vault: Vault, *, issuer: str, clock: Clock = now, schedule: Schedule | None = None
    ) -> None:
        self.database, self.vault, self.issuer, self.clock = database, vault, issuer, clock
        self.schedule = schedule or Schedule()
        self.verified = VerifiedTokens()
        self._view = _View()
        self._stale = True
        self._looked = float("-inf")
        self._private: dict[str, PrivateKey] = {}
        self._reading = asyncio.Lock()

    async def open(self) -> SigningKeys:
        """Reads the keys, and makes the first ones."""
        await self.refresh()
        return self

    async def refresh(self) -> None:
        """Reads the keys again and does what is due for them."""
        for attempt in range(TRIES):
            await self._read()
            if not is_due(self._view.keys, self.clock()):
                return
            work = UnitOfWork(self.database, None)
            try:
                self.rotation(work).keep(self._view.keys, self.clock())
                await work.commit()
            except KeysChanged:
                await asyncio.sleep(0.01 * attempt)  # another server was faster: its keys are ours
        await self._read()

    def rotation(self, work: UnitOfWork) -> Rotation:
        """Changes to the keys, collected in a unit of work of the system."""
        return Rotation(work, self.vault, self.schedule)

    def changed(self) -> None:
        """Tells that the keys in the database are others now: the next use reads them first."""
        self._stale = True
        self.verified.clear()

    async def all(self) -> Sequence[SigningKey]:
        """Every key, newest first, retired ones included."""
        return (await self._current()).keys

    async def jwks(self, family: Family | None = None) -> dict[str, list[Jwk]]:
        """The JWK Set of those keys whose signatures are accepted, or soon will be made; of one family or both."""
        view = await self._current()
        found = [key for key in view.keys if key.kid in view.accepted and family in (None, key.family)]
        return {"keys": [key.public for key in found]}

    async def public_keys(self) -> Sequence[Jwk]:
        """All public keys, retired ones included: what was signed once can be verified for ever."""
        return [key.public for key in await self.all()]

    async def public(self, kid: str) -> SigningKey | None:
        """A key of any state by its kid: what was signed once can be verified for ever."""
        return await UnitOfWork(self.database, None).one(repository.KEY, kid=kid)

    async def sign(self, message: bytes) -> Signatures:
        """Signs with both active keys."""
        view = await self._current()
        classical, proof = view.active(Family.CLASSICAL), view.active(Family.POST_QUANTUM)
        return Signatures(
            classical.kid,
            self._open(classical).sign(message),
            proof.kid,
            await asyncio.to_thread(self._open(proof).sign, message),
        )

    async def mint(self, claims: Mapping[str, Any], lifetime: timedelta, typ: str = BEARER_TYPE) -> str:
        """A token with these claims. `aud` is this installation where it is not given; `jti` is a new one.

        Raises `ClaimsRefused` for claims that cannot be signed, `TokenTooLong` above 7,800 characters.
        """
        if not timedelta(seconds=1) <= lifetime <= LONGEST_LIFETIME:
            raise ClaimsRefused("A token lives for 1 second to 24 hours.")
        taken = sorted(_OURS & set(claims))
        if taken:
            raise ClaimsRefused(f"Minting sets {', '.join(taken)} itself.")
        view = await self._current()
        classical, proof = view.active(Family.CLASSICAL), view.active(Family.POST_QUANTUM)
        begins = int(self.clock().timestamp())
        whole = {"aud": self.issuer, "jti": new_id("jti"), **claims, "iss": self.issuer}
        whole |= {"iat": begins, "nbf": begins, "exp": begins + int(lifetime.total_seconds())}
        payload = hybrid.canonical(whole)
        hybrid.checked_length(encode(payload))
        header, message = hybrid.proof_input(payload, kid=proof.kid, classical_kid=classical.kid)
        second = await asyncio.to_thread(self._open(proof).sign, message)
        signed = hybrid.token_input(whole, f"{header}..{encode(second)}", kid=classical.kid, typ=typ)
        return hybrid.checked_length(f"{signed}.{encode(self._open(classical).sign(signed.encode()))}")

    async def verify(self, token: str, *, audience: str | None = None) -> Verified:
        """A token of this installation with both proofs; raises `TokenRefused`, `TokenExpired`."""
        view, moment = await self._current(), self.clock()
        wanted = audience or self.issuer
        known = self.verified.get(token, moment) if wanted == self.issuer else None
        if known is not None:
            return known
        try:
            verified = self._verify(token, view, wanted, moment)
        except UnknownKey:
            verified = self._verify(token, await self._look_again(), wanted, moment)
        if wanted == self.issuer:
            self.verified.keep(token, verified, moment)
        return verified

    def _verify(self, token: str, view: _View, audience: str, moment: datetime) -> Verified:
        issuer = Issuer(self.issuer, view.accepted, Mode.REQUIRE)
        return hybrid.verify(token, issuer=issuer, audience=audience, now=moment)

    async def _current(self) -> _View:
        if self._stale:
            await self._read()
        return self._view

    async def _look_again(self) -> _View:
        """The keys anew, for a kid that is not known: once a second at most, whatever strangers send."""
        if time.monotonic() - self._looked < LOOK_AGAIN_SECONDS:
            raise TokenRefused("its key is not known, and the keys were read just now")
        await self._read()
        return self._view

    async def _read(self) -> None:
        async with self._reading:
            self._stale = False
            try:
                keys = await UnitOfWork(self.database, None).all(repository.KEYS)
            except BaseException:
                self._stale = True
                raise
            self._looked = time.monotonic()
            accepted = read_set(key.public for key in keys if key.state is not KeyState.RETIRED)
            if self._view.accepted.keys() - accepted.keys():
                self.verified.clear()
            self._view = _View(keys, accepted)
            self._private = {kid: key for kid, key in self._private.items() if kid in accepted}

    def _open(self, key: SigningKey) -> PrivateKey:
        found = self._private.get(key.kid)
        if found is None:
            found = self._private[key.kid] = unseal(key.sealed, self.vault)
        return found
