"""What becomes of a session's environment when its services change, and who wins when two act at once."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.streams import Wakeups
from app.core.vault import Vault
from app.database.statements import change, removing_everywhere, table
from app.database.unit_of_work import UnitOfWork
from app.engines.memory import MemoryEngine
from app.environments import repository as environments
from app.environments.errors import EnvironmentChanged
from app.environments.lifecycle import Lifecycle
from app.environments.models import Desired, Environment
from app.environments.reconciler import Reconciler
from app.environments.service import Parts
from app.services.jobs import sweep
from app.services.models import SessionService
from app.services.runtimes import RuntimeParts, Runtimes
from app.services.service import NewService, Services
from app.workspaces.errors import SessionNotFound
from app.workspaces.models import SessionTable
from app.workspaces.service import Workspaces
from app.workspaces.sessions import Sessions
from tests.support.lifecycles import VAULT_KEY
from tests.support.working import Working

pytestmark = pytest.mark.anyio


class Running:
    """A session with services, whose environment is reconciled when a test says so."""

    def __init__(self, working: Working) -> None:
        self.working, self.tenant = working, working.tenant
        self.engine, vault, events = MemoryEngine(), Vault(VAULT_KEY), Wakeups()
        self.parts = RuntimeParts(working.parts, Parts(self.engine, vault, lambda _: None, events))
        self.reconciler = Reconciler(self.tenant.database, Lifecycle(self.engine, vault), events, owner="node_a")

    def runtimes(self, work: UnitOfWork) -> Runtimes:
        return Runtimes(work, self.tenant.actor, self.parts)

    async def run(self, verb: str, *arguments: Any) -> None:
        """A verb of runtimes, committed, and what the reconciler does about it."""
        work = self.tenant.work()
        await getattr(self.runtimes(work), verb)(self.working.id, *arguments)
        await work.commit()
        await self.settle()

    async def define(self, verb: str, *arguments: Any, **options: Any) -> SessionService:
        work = self.tenant.work()
        done: SessionService = await getattr(Services(work, self.tenant.actor, self.parts), verb)(
            self.working.id, *arguments, **options
        )
        await work.commit()
        await self.settle()
        return done

    async def add(self, name: str, **definition: Any) -> SessionService:
        return await self.define("create", NewService(name, {"run": name, **definition}))

    async def environment(self) -> Environment | None:
        found = await self.tenant.work().all(environments.OF_SESSIONS, sessions=[self.working.id])
        return found[0] if found else None

    async def settle(self) -> None:
        environment = await self.environment()
        for _ in range(3 if environment is not None else 0):
            await self.reconciler.reconcile(environment.id)  # type: ignore[union-attr]

    async def alive(self) -> set[str]:
        return {seen.service for seen in await self.engine.observe() if seen.status == "running"}


@pytest.fixture
def running(working: Working) -> Running:
    return Running(working)


async def test_there_is_no_environment_before_something_is_run(running: Running) -> None:
    await running.add("web")

    assert await running.environment() is None
    await running.run("stop_all")
    assert await running.environment() is None


async def test_the_environment_works_in_the_working_copy(running: Running) -> None:
    await running.add("web")
    await running.run("run_all")

    environment = await running.environment()
    folders = running.working.parts.folders
    assert environment is not None
    assert environment.session_id == running.working.id
    assert folders.root.parent / environment.folder == running.working.folder
    assert [folders.root.parent / path for path in environment.reads] == [running.working.bare.folder]


async def test_a_renamed_service_stays_as_it_was(running: Running) -> None:
    web, api = await running.add("web"), await running.add("api")
    await running.run("run_all")
    await running.run("stop", web.id)

    await running.define("update", web.id, name="site")
    await running.define("update", api.id, name="service")

    assert await running.alive() == {"service"}


async def test_names_can_change_places(running: Running) -> None:
    web, api = await running.add("web"), await running.add("api")
    await running.run("run_all")
    await running.run("stop", web.id)

    await running.define("update", web.id, name="other")
    await running.define("update", api.id, name="web")

    assert await running.alive() == {"web"}


async def test_what_is_removed_ends_and_the_last_one_ends_the_environment(running: Running) -> None:
    web, api = await running.add("web"), await running.add("api")
    await running.run("run_all")

    await running.define("delete", web.id)
    after_one = await running.alive()
    environment = await running.environment()
    await running.define("delete", api.id)
    await running.reconciler.reconcile(environment.id)  # type: ignore[union-attr]

    assert after_one == {"api"}
    assert await running.alive() == set()
    assert await running.environment() is None


async def test_a_stopped_session_is_not_started_by_a_change(running: Running) -> None:
    web = await running.add("web")
    await running.run("run_all")
    await running.run("stop_all")

    await running.define("update", web.id, definition={"run": "other"})
    await running.add("api")
    stopped = await running.alive()
    await running.run("run_all")

    assert stopped == set()
    assert await running.alive() == {"web", "api"}


async def test_the_last_one_that_is_stopped_stops_the_environment(running: Running) -> None:
    web, api = await running.add("web"), await running.add("api")
    await running.run("run_all")

    await running.run("stop", web.id)
    await running.run("stop", api.id)
    environment = await running.environment()
    await running.run("restart", api.id)

    assert environment is not None
    assert environment.desired is Desired.STOPPED
    assert await running.alive() == {"api"}


async def test_one_is_restarted_alone(running: Running) -> None:
    web = await running.add("web")
    await running.add("api", depends_on=["web"])
    await running.run("run_all")
    before = {seen.service: seen.pid for seen in await running.engine.observe()}

    await running.run("restart", web.id)

    after = {seen.service: seen.pid for seen in await running.engine.observe()}
    assert after["web"] != before["web"]
    assert after["api"] == before["api"]


async def test_of_two_who_run_all_at_once_one_wins(running: Running) -> None:
    await running.add("web")
    first, second = running.tenant.work(), running.tenant.work()
    for work in (first, second):
        await running.runtimes(work).run_all(running.working.id)

    await first.commit()
    with pytest.raises(EnvironmentChanged):
        await second.commit()


async def test_what_is_run_while_the_session_is_deleted_is_not_run(running: Running) -> None:
    await running.add("web")
    run, delete = running.tenant.work(), running.tenant.work()
    await running.runtimes(run).run_all(running.working.id)
    await Sessions(delete, running.tenant.actor, running.working.parts).delete(running.working.id)

    await delete.commit()
    with pytest.raises(SessionNotFound):
        await run.commit()
    assert await running.environment() is None


async def test_a_session_that_is_deleted_ends_what_was_run_meanwhile(running: Running) -> None:
    await running.add("web")
    run, delete = running.tenant.work(), running.tenant.work()
    await Sessions(delete, running.tenant.actor, running.working.parts).delete(running.working.id)
    await running.runtimes(run).run_all(running.working.id)

    await run.commit()
    environment = await running.environment()
    await delete.commit()
    await running.reconciler.reconcile(environment.id)  # type: ignore[union-attr]

    assert await running.environment() is None
    assert await running.alive() == set()


async def test_a_workspace_that_is_deleted_ends_what_runs_in_it(running: Running) -> None:
    await running.add("web")
    await running.run("run_all")
    environment, work = await running.environment(), running.tenant.work()

    await Workspaces(work, running.tenant.actor, running.working.parts).delete(running.working.workspace)
    await work.commit()
    await running.reconciler.reconcile(environment.id)  # type: ignore[union-attr]

    assert await running.alive() == set()


async def test_what_a_session_has_left_is_swept(running: Running) -> None:
    await running.add("web")
    await running.run("run_all")
    environment = await running.environment()
    await sweep(running.tenant.database)
    assert await running.environment() == environment, "a session that is there keeps its own"

    work = UnitOfWork(running.tenant.database, None)
    work.write(change(removing_everywhere(SessionTable).where(table(SessionTable).c.id == running.working.id)))
    await work.commit()
    await sweep(running.tenant.database)
    await running.reconciler.reconcile(environment.id)  # type: ignore[union-attr]

    assert await running.alive() == set()


async def test_another_secret_starts_what_uses_it_afresh(running: Running) -> None:
    uses = NewService("web", {"run": "web", "env": {"TOKEN": "${secrets.TOKEN}"}}, secrets={"TOKEN": "one", "B": "x"})
    web = await running.define("create", uses)
    await running.add("api")
    await running.run("run_all")
    before = {seen.service: seen.pid for seen in await running.engine.observe()}

    await running.define("update", web.id, secrets={"TOKEN": "two"})

    environment = await running.environment()
    assert environment is not None
    assert running.parts.environments.vault.open(environment.secrets) == {"TOKEN": "two"}, "what is gone is forgotten"
    after = {seen.service: seen.pid for seen in await running.engine.observe()}
    assert after["web"] != before["web"]
    assert after["api"] == before["api"]
