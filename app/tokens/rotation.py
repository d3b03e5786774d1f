"""How keys come and go: next → active → retiring → retired, each family by itself.

Every step is a change that applies only if nobody else took it; together with the unique index over the current keys
two servers cannot both make, or both replace, a key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.core.errors import NotFound
from app.core.vault import Vault
from app.database.unit_of_work import UnitOfWork
from app.tokens import repository
from app.tokens.errors import KeysChanged
from app.tokens.hybrid import SKEW_SECONDS
from app.tokens.jwk import Family
from app.tokens.models import KeyState, SigningKey
from app.tokens.private_keys import new_key, public_of, seal

#: A token lives no longer than this.
LONGEST_LIFETIME = timedelta(hours=24)
#: Until every server has noticed that another key signs now.
NOTICED_WITHIN = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long a key signs, and how long before that it is published."""

    active: timedelta = timedelta(days=90)
    published: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Rotation:
    """Moves the keys of an installation on; collects its changes in `work` and commits nothing."""

    work: UnitOfWork
    vault: Vault
    schedule: Schedule = Schedule()

    def keep(self, keys: Sequence[SigningKey], now: datetime) -> None:
        """Does what is due: first keys, the next key's turn, the end of retiring ones."""
        for family in Family:
            self._keep(family, _current(keys, family), now)
        for key in keys:
            if _ends(key, now):
                self._move(key, state=KeyState.RETIRED)

    def rotate(self, keys: Sequence[SigningKey], family: Family, now: datetime) -> SigningKey:
        """Gives the next key its turn: now if it was published long enough, else as soon as it will have been.

        Returns the key that signs next. Raises `KeysChanged` where there is none: a server makes it within seconds.
        """
        current = _current(keys, family)
        following = current.get(KeyState.NEXT)
        if following is None:
            raise KeysChanged()
        ready = following.created_at + self.schedule.published
        if ready <= now:
            return self._promote(following, current.get(KeyState.ACTIVE), now)
        return self._move(following, activates_at=min(ready, following.activates_at))

    def revoke(self, keys: Sequence[SigningKey], kid: str, now: datetime) -> SigningKey:
        """Drops a key at once, whatever its state, and replaces it; raises `NotFound`."""
        key = next((found for found in keys if found.kid == kid), None)
        if key is None:
            raise NotFound("There is no signing key with this kid. `soundstage keys list` shows all.")
        if key.revoked_at is not None:
            return key
        dropped = self._move(key, state=KeyState.RETIRED, retires_at=now, revoked_at=now, sealed="")
        left = _current([other for other in keys if other.kid != kid], key.family)
        if key.state is KeyState.ACTIVE or key.state is KeyState.NEXT:
            self._keep(key.family, left, now)
        return dropped

    def _keep(self, family: Family, current: dict[KeyState, SigningKey], now: datetime) -> None:
        active, following = current.get(KeyState.ACTIVE), current.get(KeyState.NEXT)
        if following is not None and (active is None or following.activates_at <= now):
            self._promote(following, active, now)
        elif active is None:
            self._add(family, KeyState.ACTIVE, now, now)
            self._add(family, KeyState.NEXT, now, now + self.schedule.active)
        elif following is None:
            turn = max(active.activates_at + self.schedule.active, now + self.schedule.published)
            self._add(family, KeyState.NEXT, now, turn)

    def _promote(self, following: SigningKey, active: SigningKey | None, now: datetime) -> SigningKey:
        if active is not None:
            last = now + LONGEST_LIFETIME + timedelta(seconds=SKEW_SECONDS) + NOTICED_WITHIN
            self._move(active, state=KeyState.RETIRING, retires_at=last, sealed="")
        promoted = self._move(following, state=KeyState.ACTIVE, activates_at=now)
        self._add(following.family, KeyState.NEXT, now, now + self.schedule.active)
        return promoted

    def _add(self, family: Family, state: KeyState, now: datetime, turn: datetime) -> None:
        private = new_key(family)
        public = public_of(private)
        made = SigningKey(
            kid=public["kid"],
            family=family,
            state=state,
            public=public,
            sealed=seal(private, self.vault),
            created_at=now,
            activates_at=turn,
        )
        self.work.write(repository.ADD_KEY, otherwise=KeysChanged(), **made.__dict__)

    def _move(self, key: SigningKey, **values: object) -> SigningKey:
        moved = key.changed(**values)
        parameters = {
            name: getattr(moved, name)
            for name in ("kid", "state", "sealed", "activates_at", "retires_at", "revoked_at")
        }
        self.work.write(repository.MOVE_KEY, expect=1, otherwise=KeysChanged(), was=key.state, **parameters)
        return moved


def is_due(keys: Sequence[SigningKey], now: datetime) -> bool:
    """Whether `keep` would do something."""
    for family in Family:
        current = _current(keys, family)
        if len(current) < 2 or current[KeyState.NEXT].activates_at <= now:
            return True
    return any(_ends(key, now) for key in keys)


def _ends(key: SigningKey, now: datetime) -> bool:
    return key.state is KeyState.RETIRING and key.retires_at is not None and key.retires_at <= now


def _current(keys: Sequence[SigningKey], family: Family) -> dict[KeyState, SigningKey]:
    """The active key and the next one."""
    return {key.state: key for key in keys if key.family is family and key.state in (KeyState.NEXT, KeyState.ACTIVE)}
