"""The databases of an actor's sessions: what they hold, and what is asked of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from app.core.actor import Actor
from app.core.errors import InvalidRequest
from app.core.ids import new_id
from app.core.paging import Page
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.database_console import repository
from app.database_console.errors import OwnDatabase
from app.database_console.models import Bounds, Driver, FileId, Result, Selection, Statement, Table
from app.database_console.running import Key, Running
from app.database_console.statements import select
from app.environments import repository as environments
from app.environments.models import Desired
from app.services.models import DatabaseAccess, DatabaseEngine
from app.services.runtimes import RuntimeParts
from app.services.service import Services
from app.workspaces.sessions import Sessions

if TYPE_CHECKING:
    from app.database_console.postgresql import Postgresql

T = TypeVar("T")

MOST_SECONDS, MOST_ROWS, MOST_BYTES = 60.0, 10_000, 4 * 1024 * 1024
#: For pages of tables, whose statements are ours.
PAGE_SECONDS = 15.0
LONGEST_NAME = 100


@dataclass(frozen=True)
class ConsoleParts:
    """What is needed besides the unit of work."""

    services: RuntimeParts
    #: The control plane's own database: nobody's service.
    database: Database
    #: Its files, where it is SQLite.
    own_files: Sequence[Path] = ()
    allow_private: bool = False
    running: Running = field(default_factory=Running)


@dataclass(frozen=True, slots=True)
class TablePage:
    """A page of a table's rows, and whether there are more."""

    table: Table
    result: Result
    more: bool


class DatabaseConsole:
    """The databases of an actor's sessions."""

    def __init__(self, work: UnitOfWork, actor: Actor, parts: ConsoleParts) -> None:
        self.work, self.actor, self.parts = work, actor, parts
        self.services = Services(work, actor, parts.services)

    async def access(self, session_id: str, service_id: str) -> DatabaseAccess:
        """How a database is reached, with its password; raises `NoDatabase`."""
        return await self.services.database(session_id, service_id)

    async def tables(
        self, session_id: str, service_id: str, schema: str | None, after: tuple[str, str] | None, limit: int
    ) -> Page[Table]:
        """Its tables and views, by schema and name."""

        async def ask(driver: Driver) -> Page[Table]:
            return await driver.tables(schema, after, limit)

        return await self._asked(session_id, service_id, ask)

    async def rows(
        self, session_id: str, service_id: str, schema: str | None, name: str, wanted: Selection
    ) -> TablePage:
        """A page of a table's rows; raises `TableNotFound`, `BadSelection`."""

        async def ask(driver: Driver) -> TablePage:
            table = await driver.table(schema, name)
            # One more than the page tells whether there is another page.
            bounds = Bounds(PAGE_SECONDS, wanted.limit + 1, MOST_BYTES)
            found = await driver.run(select(table, wanted, driver.dialect), bounds)
            more = len(found.rows) > wanted.limit or found.cut is not None
            del found.rows[wanted.limit :]
            return TablePage(table, found, more)

        return await self._asked(session_id, service_id, ask)

    async def query(
        self, session_id: str, service_id: str, statement: Statement, bounds: Bounds, name: str | None = None
    ) -> Result:
        """Runs one statement, which only reads unless it says `write`. `name` is what it can be cancelled by."""
        _check(bounds, name)

        async def ask(driver: Driver) -> Result:
            return await driver.run(statement, bounds)

        return await self._asked(session_id, service_id, ask, name=name, write=statement.write)

    async def cancel(self, session_id: str, service_id: str, name: str) -> bool:
        """Cancels a statement that runs on this server; says whether there was one."""
        await self.services.get(session_id, service_id)
        return self.parts.running.cancel(Key(self.actor.organization_id, service_id, name))

    # Within.

    async def _asked(
        self,
        session_id: str,
        service_id: str,
        ask: Callable[[Driver], Awaitable[T]],
        *,
        name: str | None = None,
        write: bool = False,
    ) -> T:
        access = await self.access(session_id, service_id)

        async def asked() -> T:
            async with self._opened(session_id, access, write=write) as driver:
                return await ask(driver)

        key = Key(self.actor.organization_id, service_id, name or new_id("qry"))
        return await self.parts.running.run(key, asked())

    @asynccontextmanager
    async def _opened(self, session_id: str, access: DatabaseAccess, *, write: bool) -> AsyncIterator[Driver]:
        from app.database_console import postgresql, sqlite  # a start is spared what only those need who ask
        from app.database_console.addresses import place_of

        async with AsyncExitStack() as stack:
            if access.engine is DatabaseEngine.SQLITE:
                copy = await Sessions(self.work, self.actor, self.parts.services.workspaces).working_copy(session_id)
                own = _file_ids(self.parts.own_files)
                yield await stack.enter_async_context(sqlite.opened(copy.folder, access.path, own, write=write))
                return
            ports = await self._own_ports(session_id)
            place = await place_of(access, ports, allow_private=self.parts.allow_private)
            driver = await stack.enter_async_context(postgresql.connected(access, place))
            await self._check_other(driver)
            yield driver

    async def _own_ports(self, session_id: str) -> set[int]:
        """The ports that the runner holds for this session's services, and for nobody else's."""
        found = await self.work.all(environments.OF_SESSIONS, sessions=[session_id])
        running = [each for each in found if each.desired is Desired.RUNNING]
        return {port for environment in running for port in environment.ports.values()}

    async def _check_other(self, driver: Postgresql) -> None:
        """Raises `OwnDatabase` on the server that holds our own, whatever the database's name and the address."""
        if self.parts.database.name != "postgresql":
            return
        system = UnitOfWork(self.parts.database, None)
        own = await system.one(repository.OWN_SERVER)
        theirs = await driver.identity()
        if theirs is None:
            raise OwnDatabase("The server does not tell which one it is, so it may be Soundstage's own.")
        if own is None or theirs == own["identity"]:
            raise OwnDatabase()


def _file_ids(paths: Sequence[Path]) -> list[FileId]:
    found = []
    for path in paths:
        for each in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
            with suppress(FileNotFoundError):
                status = each.stat()
                found.append((status.st_dev, status.st_ino))
    return found


def _check(bounds: Bounds, name: str | None) -> None:
    if not 0.1 <= bounds.seconds <= MOST_SECONDS:
        raise InvalidRequest(f"A statement may take 0.1 to {MOST_SECONDS:g} seconds.")
    if not 1 <= bounds.rows <= MOST_ROWS:
        raise InvalidRequest(f"A statement answers with 1 to {MOST_ROWS:,} rows at most.")
    if name is not None and not 1 <= len(name) <= LONGEST_NAME:
        raise InvalidRequest(f"A statement's name has 1 to {LONGEST_NAME} characters.")
