"""The models that an organization can use, and what they have used."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, timedelta

from app.assistant import repository
from app.assistant.endpoints import Model, Spent
from app.assistant.errors import NoModel, UnknownModel
from app.assistant.models import ModelUse, owner_of
from app.core.actor import Actor
from app.core.clock import Clock, now
from app.core.errors import InvalidRequest
from app.core.vault import Vault
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.limits.counters import Metric, UsageCounters
from app.organization import repository as organization
from app.organization.models import EnabledModel

LONGEST_REPORT = timedelta(days=366)
MOST_ROWS = 10_000
#: What rows of a report can be summed up by.
GROUPS = ("day", "model", "actor")


class Catalogue:
    """The models of the actor's organization, the default one first."""

    def __init__(self, work: UnitOfWork, vault: Vault, *, allow_private: bool) -> None:
        self.work, self.vault, self.allow_private = work, vault, allow_private

    async def models(self) -> list[EnabledModel]:
        """All that are enabled, in the organization's own order: the first is the default."""
        return await self.work.all(organization.MODELS)

    async def choose(self, model_id: str) -> Model:
        """A model by its id, or the default one; raises `NoModel` and `UnknownModel`."""
        models = await self.models()
        if not models:
            raise NoModel()
        found = next((each for each in models if each.id == model_id), None) if model_id else models[0]
        if found is None:
            raise UnknownModel(models=[each.id for each in models])
        key = self.vault.open(found.secrets).get("key", "")
        return Model(found.id, found.base_url, key, self.allow_private)


def write_use(work: UnitOfWork, actor_id: str, model: str, spent: Spent, moment: datetime) -> None:
    """Adds a call to what was used, in the transaction of its caller."""
    assert work.organization_id is not None
    used = ModelUse(
        organization_id=work.organization_id,
        day=moment.astimezone(UTC).date().isoformat(),
        model=model,
        actor_id=actor_id,
        requests=1,
        tokens_in=spent.tokens_in,
        tokens_out=spent.tokens_out,
    )
    work.write(repository.USE, **used.__dict__)


def counter(
    database: Database, actor: Actor, model: str, usage: UsageCounters, clock: Clock = now
) -> Callable[[Spent], Awaitable[None]]:
    """Counts calls to a model, each in a transaction of its own."""

    async def count(spent: Spent) -> None:
        work = UnitOfWork(database, actor.organization_id)
        write_use(work, owner_of(actor), model, spent, clock())
        await work.commit()
        usage.record(actor.organization_id, Metric.MODEL_TOKENS, spent.tokens_in + spent.tokens_out)

    return count


async def used(
    work: UnitOfWork, since: date | None, until: date | None, group_by: Sequence[str], clock: Clock = now
) -> list[ModelUse]:
    """What the organization used from one day to another, both included; what it is not grouped by is empty."""
    last = until or clock().astimezone(UTC).date()
    first = since or last - timedelta(days=29)
    if not timedelta(0) <= last - first <= LONGEST_REPORT:
        raise InvalidRequest(f"'from' is not after 'to', and at most {LONGEST_REPORT.days} days before it.")
    rows = await work.all(
        repository.USED,
        since=first.isoformat(),
        until=last.isoformat(),
        limit=MOST_ROWS + 1,
        **{f"by_{name}": name in group_by for name in GROUPS},
    )
    if len(rows) > MOST_ROWS:
        raise InvalidRequest(f"The report has more than {MOST_ROWS:,} rows. Ask for fewer days, or group by less.")
    return rows
