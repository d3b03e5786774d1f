"""`Idempotency-Key`: the same request twice has one effect and one answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from app.core.actor import Actor
from app.core.clock import Clock, now
from app.core.errors import Conflict, InvalidRequest, Unprocessable
from app.core.vault import Vault
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.idempotency import repository
from app.idempotency.models import IdempotencyKey

LONGEST_KEY = 255
KEPT = timedelta(hours=24)
#: How long an answer may be on its way before it counts as lost with the process that was to give it.
IN_FLIGHT = timedelta(seconds=10)


class IdempotencyMismatch(Unprocessable):
    """This Idempotency-Key was used for another request. Take a new key for a new request."""

    code = "IDEMPOTENCY_KEY_REUSED"


class IdempotencyInFlight(Conflict):
    """The first request with this Idempotency-Key is still being answered. Retry in a moment."""

    code = "IDEMPOTENCY_IN_FLIGHT"


class AnswerLost(Conflict):
    """The first request with this Idempotency-Key took effect, but its answer was lost and cannot be made again."""

    code = "ANSWER_LOST"

    @classmethod
    def of(cls, resource_id: str) -> AnswerLost:
        """The same, with the id of what was made or changed."""
        return cls(f"{cls.__doc__} It is about {resource_id}: read that.", resourceId=resource_id)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the first request was answered."""

    status: int
    headers: str
    body: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request with a key: what is known of it from before."""

    key: str
    request_hash: str
    #: The whole answer, to be given again.
    answer: Answer | None = None
    #: The effect happened, but the answer was lost: what the mutation returned.
    resource_id: str | None = None


class Idempotency:
    """The keys of an actor's organization."""

    def __init__(self, database: Database, actor: Actor, vault: Vault, clock: Clock = now) -> None:
        self.database, self.organization_id, self.vault, self.clock = database, actor.organization_id, vault, clock
        #: Somebody else's request is another request, whatever its key.
        self._who = (actor.user_id or actor.agent_id).encode()

    async def begin(self, key: str, method: str, path: str, content: bytes) -> Attempt:
        """Looks a key up; raises `IdempotencyMismatch` for another request, `IdempotencyInFlight` for one under way."""
        if not key or len(key) > LONGEST_KEY:
            raise InvalidRequest(f"An Idempotency-Key has 1 to {LONGEST_KEY} characters.")
        request_hash = self.vault.mac(self._who, method.encode(), path.encode(), content)
        work = UnitOfWork(self.database, self.organization_id)
        found = await work.one(repository.BY_KEY, key=key)
        if found is None:
            return Attempt(key, request_hash)
        if found.request_hash != request_hash:
            raise IdempotencyMismatch()
        if found.status is not None:
            body = self.vault.open(found.body or "").get("body", "")
            return Attempt(key, request_hash, Answer(found.status, found.headers or "", body))
        if self.clock() - found.created_at < IN_FLIGHT:
            raise IdempotencyInFlight()
        return Attempt(key, request_hash, resource_id=found.resource_id)

    def claim(self, work: UnitOfWork, attempt: Attempt, resource_id: str) -> None:
        """Takes the key in the transaction of the effect: of two at once, one commits and the other is in flight."""
        claimed = IdempotencyKey(
            organization_id=self.organization_id,
            key=attempt.key,
            request_hash=attempt.request_hash,
            resource_id=resource_id,
            created_at=self.clock(),
        )
        work.write(repository.ADD, otherwise=IdempotencyInFlight(), **claimed.__dict__)

    async def finish(self, attempt: Attempt, answer: Answer) -> None:
        """Keeps the answer, sealed: it may hold a secret that is shown once."""
        sealed = self.vault.seal({"body": answer.body})
        work = UnitOfWork(self.database, self.organization_id)
        work.write(repository.ANSWER, key=attempt.key, status=answer.status, headers=answer.headers, body=sealed)
        await work.commit()


async def forget_old(database: Database, clock: Clock = now) -> None:
    """Removes the keys that were kept long enough."""
    work = UnitOfWork(database, None)
    work.write(repository.FORGET_BEFORE, moment=clock() - KEPT)
    await work.commit()
