"""Drives a reconciler step by step: one pass at a time, no loops, no waiting. And crashes it wherever we like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from app.core.streams import Wakeups
from app.core.vault import Vault
from app.database.changes import Change, Database
from app.database.unit_of_work import UnitOfWork
from app.engines.base import Engine
from app.engines.memory import Behaviour, MemoryEngine
from app.environments import repository
from app.environments.lifecycle import Lifecycle
from app.environments.models import Desired, Environment, EnvironmentEvent, EnvironmentStatus, UnitRecord
from app.environments.reconciler import LeaseLost, Reconciler
from app.environments.service import Environments, Parts
from tests.support.clock import MockClock
from tests.support.tenants import Tenant

#: What an environment is when nothing more is to be done.
SETTLED = {
    Desired.RUNNING: {EnvironmentStatus.RUNNING, EnvironmentStatus.FAILED, EnvironmentStatus.DEGRADED},
    Desired.STOPPED: {EnvironmentStatus.STOPPED},
    Desired.DELETED: {EnvironmentStatus.TERMINATED},
}
VAULT_KEY = b"M0nSxHFSnMS0cRyKq0qTWB5bX4bJvSBsN6W1r1lZ9n8="


class Crash(BaseException):
    """The process ended here: nothing after it happened."""


class World:
    """An organization, an engine, and reconcilers that come and go."""

    def __init__(
        self,
        tenant: Tenant,
        clock: MockClock,
        *,
        engine: Engine | None = None,
        database: Database | None = None,
        behaviour: dict[str, Behaviour] | None = None,
        run: str = "",
    ) -> None:
        self.tenant, self.clock = tenant, clock
        #: The command of every service; its own name where nothing is really run.
        self.run = run
        self.database: Database = database or tenant.database
        self.memory = engine if isinstance(engine, MemoryEngine) else MemoryEngine(behaviour)
        self.engine: Engine = engine or self.memory
        self.vault = Vault(VAULT_KEY)
        self.events = Wakeups()
        self.reconciler = self.new_reconciler()

    def new_reconciler(self, owner: str = "node_a") -> Reconciler:
        """A new life of a node: nothing is remembered."""
        lifecycle = Lifecycle(self.engine, self.vault, self.clock)
        return Reconciler(self.database, lifecycle, self.events, owner=owner, clock=self.clock)

    def verbs(self) -> tuple[Environments, UnitOfWork]:
        """The verbs of the owner in a new unit of work."""
        work = UnitOfWork(self.database, self.tenant.id)
        parts = Parts(self.engine, self.vault, lambda _: None, self.events, clock=self.clock)
        return Environments(work, self.tenant.actor, parts), work

    async def do(self, verb: str, *arguments: Any, **options: Any) -> Environment:
        """One verb, committed: `await world.do("stop", environment_id)`."""
        environments, work = self.verbs()
        done: Environment = await getattr(environments, verb)(*arguments, **options)
        await work.commit()
        return done

    async def create(self, *services: str, **options: Any) -> str:
        """The id of a new environment with these services, or of this `blueprint`."""
        blueprint = options.pop("blueprint", None) or {
            "services": {name: {"run": self.run or name} for name in services or ("web",)}
        }
        return (await self.do("create", blueprint, **options)).id

    async def step(self, environment_id: str, reconciler: Reconciler | None = None) -> None:
        """One pass."""
        await (reconciler or self.reconciler).reconcile(environment_id)

    async def settle(self, environment_id: str, reconciler: Reconciler | None = None, most: int = 20) -> int:
        """Passes until the environment is what is wanted and a pass changes nothing more: how many it took."""
        for passes in range(1, most + 1):
            before = await self.environment(environment_id)
            await self.step(environment_id, reconciler)
            after = await self.environment(environment_id)
            if after.status in SETTLED[after.desired] and after.version == before.version:
                return passes - 1
        raise AssertionError(f"not settled after {most} passes: {after.status}, wanted {after.desired}")

    async def environment(self, environment_id: str) -> Environment:
        """The row as it is."""
        found = await UnitOfWork(self.tenant.database, None).one(repository.SYSTEM_BY_ID, id=environment_id)
        assert found is not None
        return found

    async def units(self, environment_id: str) -> dict[str, UnitRecord]:
        """ "web/0" -> what is known of it."""
        work = UnitOfWork(self.tenant.database, None)
        found = await work.all(repository.SYSTEM_UNITS, environment_id=environment_id)
        return {unit.id.partition("/")[2]: unit for unit in found}

    async def story(self, environment_id: str) -> list[EnvironmentEvent]:
        """All events."""
        work = UnitOfWork(self.tenant.database, self.tenant.id)
        return await work.all(repository.EVENTS_AFTER, environment_id=environment_id, after=0, limit=10_000)

    async def running(self, *services: str, **options: Any) -> str:
        """The id of a new environment that has settled."""
        made = await self.create(*services, **options)
        await self.settle(made)
        return made


class Failpoints:
    """Counts the calls of engine and database, and crashes at one of them: before it, or after it took effect."""

    def __init__(self, crash_at: int = 0, *, after: bool = False) -> None:
        self.crash_at, self.after, self.calls = crash_at, after, 0
        self.names: list[str] = []

    async def through(self, name: str, call: Callable[[], Any]) -> Any:
        """Does a call, unless the crash comes before it."""
        self.calls += 1
        self.names.append(name)
        here = self.calls == self.crash_at
        if here and not self.after:
            raise Crash(f"before {name}")
        result = await call()
        if here:
            raise Crash(f"after {name}")
        return result


class CrashingDatabase:
    """A database that crashes where the failpoints say."""

    def __init__(self, database: Database, points: Failpoints) -> None:
        self.database, self.points, self.name, self.news = database, points, database.name, database.news

    async def fetch(self, compiled: Any, arguments: Sequence[Any]) -> Sequence[Sequence[Any]]:
        found: Sequence[Sequence[Any]] = await self.points.through(
            "fetch", lambda: self.database.fetch(compiled, arguments)
        )
        return found

    def version(self) -> int | None:
        return self.database.version()

    async def commit(self, changes: Sequence[Change]) -> None:
        await self.points.through("commit", lambda: self.database.commit(changes))

    async def close(self) -> None:
        """The database is its owner's to close."""


class CrashingEngine:
    """An engine that crashes where the failpoints say."""

    def __init__(self, engine: Engine, points: Failpoints) -> None:
        self.engine, self.points = engine, points

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self.engine, name)
        if name not in ("capabilities", "reserve", "apply", "observe", "stop", "destroy"):
            return inner

        async def call(*arguments: Any, **options: Any) -> Any:
            return await self.points.through(name, lambda: inner(*arguments, **options))

        return call


#: A whole life: (verb, further arguments).
LIFE: list[tuple[str, tuple[Any, ...]]] = [
    ("create", ()), ("stop", ()), ("resume", ()), ("scale", ("web", 3)), ("scale", ("web", 1)), ("delete", ()),
]  # fmt: skip


async def live_through(world: World, points: Failpoints, *, most_passes: int = 3, grace: float = 31.0) -> int:
    """Lives a whole life with one crash in it: how many calls it took. After the crash a new life converges soon.

    The crash hits the reconciler or the verb. A verb that crashed is asked again, as a client would.
    """
    environment_id = ""
    for verb, arguments in LIFE:
        crashed = False
        database, engine = world.database, world.engine
        world.database, world.engine = CrashingDatabase(database, points), CrashingEngine(engine, points)  # type: ignore[assignment]
        world.reconciler = world.new_reconciler()
        try:
            if verb == "create":
                environment_id = await world.create("db", "web")
            else:
                await world.do(verb, environment_id, *arguments)
            await _settled(world, environment_id)
        except Crash:
            crashed = True
        finally:
            world.database, world.engine = database, engine
        if crashed:
            environment_id = await _again(world, verb, environment_id, arguments)
            world.clock.forward(grace)  # the lease of the life before has run out
            reborn = world.new_reconciler()
            passes = await world.settle(environment_id, reborn)
            assert passes <= most_passes, f"{passes} passes after a crash {points.names[-1]} in {verb}"
        await _agrees(world, environment_id, verb)
    return points.calls


async def _settled(world: World, environment_id: str) -> None:
    try:
        await world.settle(environment_id, world.reconciler)
    except LeaseLost:
        await world.settle(environment_id, world.reconciler)


async def _again(world: World, verb: str, environment_id: str, arguments: tuple[Any, ...]) -> str:
    """What a client does whose request was cut off: look, and ask again where it did not take effect."""
    if verb == "create":
        environments, _ = world.verbs()
        page = await environments.page(10, None)
        return page.items[0].id if page.items else await world.create("db", "web")
    found = await world.environment(environment_id)
    wanted = {"stop": Desired.STOPPED, "resume": Desired.RUNNING, "delete": Desired.DELETED}.get(verb)
    if wanted is not None and found.desired is wanted:
        return environment_id
    await world.do(verb, environment_id, *arguments)
    return environment_id


async def _agrees(world: World, environment_id: str, verb: str) -> None:
    """Database, engine and what was asked for tell the same."""
    environment, units = await world.environment(environment_id), await world.units(environment_id)
    seen = {unit.unit_id: unit.status for unit in await world.engine.observe(environment_id)}
    replicas = environment.replicas.get("web", 1)
    running = {f"{environment_id}/db/0", *(f"{environment_id}/web/{number}" for number in range(replicas))}
    alive = {unit_id for unit_id, status in seen.items() if status == "running"}
    assert alive == (running if environment.desired is Desired.RUNNING else set()), verb
    if environment.desired is Desired.DELETED:
        assert (seen, units, environment.ports, environment.secrets) == ({}, {}, {}, "")
    positions = [event.position for event in await world.story(environment_id)]
    assert positions == list(range(1, len(positions) + 1)), "events have gaps or doubles"
