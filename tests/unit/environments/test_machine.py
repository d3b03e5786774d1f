"""Any order of verbs, failures and lost reconcilers, against a model of a few lines."""

from __future__ import annotations

import asyncio
import tempfile
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from app.core.errors import SoundstageError
from app.database.migrate import migrate_sqlite
from app.database.sqlite import SqliteDatabase
from app.engines.base import UnitStatus
from app.environments.models import Desired, EnvironmentStatus
from tests.support.clock import MockClock
from tests.support.databases import in_a_thread
from tests.support.lifecycles import World
from tests.support.tenants import found


@cache
def _migrated() -> bytes:
    """An empty database."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "soundstage.db"
        in_a_thread(migrate_sqlite(path))
        return path.read_bytes()


class Lives(RuleBasedStateMachine):
    """The model: what each environment is to be, and how many replicas of `web` it has."""

    environments = Bundle("environments")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = MockClock()
        self.model: dict[str, tuple[Desired, int]] = {}
        self.runner.run(self._open())

    async def _open(self) -> None:
        path = Path(self.folder.name) / "soundstage.db"
        path.write_bytes(_migrated())
        self.database = await SqliteDatabase(path).open()
        self.world = World(await found(self.database), self.clock)

    def teardown(self) -> None:
        self.runner.run(self.database.close())
        self.runner.close()
        self.folder.cleanup()

    def _ask(self, verb: str, environment: str, *arguments: object) -> bool:
        """Whether it was done; what is refused has to change nothing."""
        before = self.runner.run(self.world.environment(environment))
        try:
            self.runner.run(self.world.do(verb, environment, *arguments))
        except SoundstageError:
            assert self.runner.run(self.world.environment(environment)) == before
            return False
        return True

    @rule(target=environments, replicas=st.integers(1, 2))
    def create(self, replicas: int) -> object:
        if len(self.model) > 4:
            return multiple()
        services = {"db": {"run": "store"}, "web": {"run": "serve", "replicas": replicas, "ports": ["http"]}}
        made = self.runner.run(self.world.create(blueprint={"services": services}))
        self.model[made] = (Desired.RUNNING, replicas)
        return made

    @rule(environment=environments)
    def stop(self, environment: str) -> None:
        assert self._ask("stop", environment)
        self.model[environment] = (Desired.STOPPED, self.model[environment][1])

    @rule(environment=environments)
    def resume(self, environment: str) -> None:
        was_stopped = self.model[environment][0] is Desired.STOPPED
        done = self._ask("resume", environment)
        assert done or not was_stopped
        self.model[environment] = (Desired.RUNNING, self.model[environment][1])

    @rule(environment=environments, replicas=st.integers(0, 4))
    def scale(self, environment: str, replicas: int) -> None:
        assert self._ask("scale", environment, "web", replicas)
        self.model[environment] = (self.model[environment][0], replicas)

    @rule(environment=environments)
    def retry(self, environment: str) -> None:
        if self._ask("retry", environment):
            self.model[environment] = (Desired.RUNNING, self.model[environment][1])

    @rule(environment=consumes(environments))
    def delete(self, environment: str) -> None:
        assert self._ask("delete", environment)
        self.model[environment] = (Desired.DELETED, 0)

    @rule(environment=environments)
    def fail(self, environment: str) -> None:
        """A process ends, where one runs."""
        for unit in self.runner.run(self.world.engine.observe(environment)):
            if unit.status is UnitStatus.RUNNING:
                self.world.memory.set_status(unit.unit_id, UnitStatus.FAILED)
                return

    @rule(environment=environments)
    def one_pass(self, environment: str) -> None:
        self.runner.run(self.world.step(environment))

    @rule()
    def another_node_takes_over(self) -> None:
        self.clock.forward(31)
        self.world.reconciler = self.world.new_reconciler(f"node_{self.clock.present.timestamp()}")

    @rule()
    def all_settles(self) -> None:
        """In the end everything is as it was asked for."""
        self.runner.run(self._settle())

    async def _settle(self) -> None:
        for environment, (desired, replicas) in self.model.items():
            for _ in range(3):  # a failed one is tried again
                if (await self.world.environment(environment)).status is EnvironmentStatus.TERMINATED:
                    break
                await self.world.settle(environment)
                failed = (await self.world.environment(environment)).status
                if failed is EnvironmentStatus.DEGRADED:
                    await self.world.do("retry", environment)
                elif failed is EnvironmentStatus.FAILED:
                    self.clock.forward(700)
            row = await self.world.environment(environment)
            seen = {unit.unit_id for unit in await self.world.engine.observe(environment) if unit.status == "running"}
            wanted = {f"{environment}/db/0", *(f"{environment}/web/{number}" for number in range(replicas))}
            assert row.desired is desired
            assert row.status == {"running": "running", "stopped": "stopped", "deleted": "terminated"}[desired]
            assert seen == (wanted if desired is Desired.RUNNING else set())

    @invariant()
    def positions_count_up_by_one(self) -> None:
        for environment in self.model:
            positions = [event.position for event in self.runner.run(self.world.story(environment))]
            assert positions == list(range(1, len(positions) + 1))

    @invariant()
    def no_port_is_given_twice(self) -> None:
        ports = [
            port
            for environment in self.model
            for port in self.runner.run(self.world.environment(environment)).ports.values()
        ]
        assert len(ports) == len(set(ports))


TestLives = Lives.TestCase
TestLives.settings = settings(
    max_examples=50, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
