"""Fixtures of all tests: a real database of each kind, a server with an engine in memory, organizations with keys."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import structlog

from app.database.changes import Database
from app.settings import Settings
from tests.support import plans
from tests.support.clock import MockClock
from tests.support.code_hosts import code_hosts
from tests.support.databases import KINDS, Databases
from tests.support.live import LiveServer
from tests.support.serving import Served
from tests.support.tenants import Tenant, found
from tests.support.working import Working, begin

#: Whose tests measure time, or start and kill whole programs: they run after the others, one by one.
ALONE = ("engines", "reliability", "console", "cli")


#: Files that take minutes: they begin first.
LONGEST = "test_fuzz"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.relative_to(here).parts[0] in ALONE:
            item.add_marker(pytest.mark.alone)
    items.sort(key=lambda item: not item.path.name.startswith(LONGEST))  # no core is to wait for them at the end


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True, scope="session")
def plain_logs() -> None:
    """Warnings and worse, one line each: a test shows them when it fails."""
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
    )


@pytest.fixture(autouse=True, scope="session")
def planning() -> Iterator[None]:
    """With `PLAN_FIRST=1` everything is run by plans that can be."""
    with pytest.MonkeyPatch.context() as patch:
        if plans.WANTED:
            plans.plan_first(patch)
        yield


@pytest.fixture
def clock() -> MockClock:
    return MockClock()


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """Makes databases of each kind; PostgreSQL is started when the first one is asked for."""
    with Databases(tmp_path_factory.mktemp("databases")) as made:
        yield made


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Which database: a test that asks for it, or for what needs it, runs once with each."""
    name: str = request.param
    return name


@pytest.fixture
async def database(databases: Databases, kind: str) -> AsyncIterator[Database]:
    """A database of its own, migrated and empty."""
    async with databases.opened(kind) as made:
        yield made


@pytest.fixture
async def organization(database: Database) -> Tenant:
    """An organization in `database`, with its owner's key."""
    return await found(database)


@pytest.fixture
async def working(organization: Tenant, tmp_path: Path) -> AsyncIterator[Working]:
    """A workspace with one session, on real git."""
    made = await begin(organization, tmp_path / "workspaces")
    yield made
    await made.parts.close()


@pytest.fixture
async def serve(databases: Databases, tmp_path: Path, kind: str) -> AsyncIterator[Callable[..., Awaitable[Served]]]:
    """Starts servers: `await serve(production=True)`. Each has a database of its own."""
    async with AsyncExitStack() as stack:

        async def start(**settings: object) -> Served:
            data_dir = tmp_path / f"data-{len(list(tmp_path.iterdir()))}"
            url = await databases.url(kind, data_dir)
            given = {"data_dir": data_dir, "database_url": url, **_local(), **settings}
            return await stack.enter_async_context(Served(Settings(**given)))

        yield start


@pytest.fixture(scope="module")
async def shared(databases: Databases, kind: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """One server for all tests of a module, which keep apart by `await shared.newcomer()`."""
    data_dir = tmp_path_factory.mktemp("shared") / "data"
    url = await databases.url(kind, data_dir)
    async with Served(Settings(data_dir=data_dir, database_url=url, **_local())) as started:
        yield started


def _local() -> dict[str, Any]:
    """Code hosts and models on this machine: no test asks anybody else's."""
    hosts = code_hosts()
    return {
        "allow_private_models": True,
        "allow_private_code_hosts": True,
        "github_url": hosts.github,
        "gitlab_url": hosts.gitlab,
        "bitbucket_url": hosts.bitbucket,
        "dockerhub_url": hosts.dockerhub,
        "docker_registry_url": hosts.registry,
    }


@pytest.fixture
async def server(serve: Callable[..., Awaitable[Served]]) -> Served:
    """A server in this process, with an organization whose owner asks."""
    return await serve()


@pytest.fixture
def live(databases: Databases, tmp_path: Path) -> Iterator[LiveServer]:
    """A server that listens on a port of this machine, on SQLite."""
    with LiveServer(Settings(data_dir=tmp_path / "data", database_url="", **_local())) as started:
        yield started
