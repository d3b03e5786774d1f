"""A session's SQLite file, in a child process that opens nothing else.

The path is walked without following links, and the child tells the file that it opened by its inode: what was checked
is what is read. Statements that only read are run on a connection that cannot write, under an authorizer that knows
neither other files nor extensions; see `sqlite_child.py`.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import orjson

from app.core.errors import SoundstageError
from app.core.paging import Page
from app.database_console import sqlite_child
from app.database_console.errors import (
    DatabaseUnreachable,
    NotADatabase,
    OwnDatabase,
    QueryCancelled,
    QueryFailed,
    QueryTimedOut,
    ReadOnly,
    ResultTooLarge,
    StatementRefused,
    TableNotFound,
)
from app.database_console.models import (
    Bounds,
    Column,
    Cut,
    FileId,
    ForeignKey,
    Result,
    ResultColumn,
    Statement,
    Table,
    TableIndex,
    TableKind,
)
from app.database_console.statements import check_text
from app.files.errors import FileNotFound, NotAFile
from app.files.tree import Tree
from app.git.paths import check_path

SCHEMA = "main"
CATALOGUE_SECONDS = 10.0
START_SECONDS = 10.0
#: What a child gets to end by itself beyond its time, before it is killed.
GRACE_SECONDS = 1.0
LONGEST_ANSWER = 64 * 1024 * 1024

_BESIDE = ("-journal", "-wal", "-shm")
_ERRORS: Mapping[str, type[SoundstageError]] = {
    "read_only": ReadOnly,
    "timed_out": QueryTimedOut,
    "cancelled": QueryCancelled,
    "not_a_database": NotADatabase,
    "not_opened": DatabaseUnreachable,
    "moved": DatabaseUnreachable,
    "too_large": ResultTooLarge,
    "refused": StatementRefused,
}
_TOLD = ("not_opened", "moved")


class SqliteDialect:
    """How SQLite writes filters: the column's affinity converts a value."""

    def parameter(self, number: int, column: Column) -> str:
        return f"?{number}"

    def contains(self, column: str, number: int) -> str:
        return f"instr(CAST({column} AS TEXT), ?{number}) > 0"

    def starts_with(self, column: str, number: int) -> str:
        return f"substr(CAST({column} AS TEXT), 1, length(?{number})) = ?{number}"

    def bound(self, value: str | int | float | bool) -> Any:
        return int(value) if isinstance(value, bool) else value


class Sqlite:
    """A child process with the file open."""

    dialect = SqliteDialect()

    def __init__(self, child: asyncio.subprocess.Process) -> None:
        self._child = child

    async def tables(self, schema: str | None, after: tuple[str, str] | None, limit: int) -> Page[Table]:
        if schema not in (None, SCHEMA):
            return Page([], False)
        asked = {"do": "names", "after": after[1] if after else "", "limit": limit + 1}
        found = [_table(each) for each in (await self._ask(asked, CATALOGUE_SECONDS))["tables"]]
        return Page(found[:limit], len(found) > limit)

    async def table(self, schema: str | None, name: str) -> Table:
        if schema not in (None, SCHEMA):
            raise TableNotFound()
        found = (await self._ask({"do": "table", "name": name}, CATALOGUE_SECONDS))["tables"]
        if not found:
            raise TableNotFound()
        return _table(found[0])

    async def run(self, statement: Statement, bounds: Bounds) -> Result:
        check_text(statement.sql)
        began = time.perf_counter()
        asked = {
            "do": "run",
            "sql": statement.sql,
            "parameters": list(statement.parameters),
            "rows": bounds.rows,
            "bytes": bounds.bytes,
        }
        try:
            told = await self._ask(asked, bounds.seconds)
        except asyncio.CancelledError:
            told = await self._outcome() if statement.write else None
            if told is None:
                raise
        return Result(
            columns=_columns(told["columns"], told["rows"]),
            rows=told["rows"],
            changed=told["changed"],
            cut=Cut(told["cut"]) if told["cut"] else None,
            cut_values=told["cut_values"],
            milliseconds=(time.perf_counter() - began) * 1000,
        )

    async def _outcome(self) -> Any:
        """What became of a change that was cancelled: its answer where it was committed before, else None."""
        with suppress(ProcessLookupError):
            self._child.terminate()
        try:
            return await self._answer(GRACE_SECONDS)
        except SoundstageError:
            return None

    async def ready(self) -> None:
        """Waits until the file is open; raises `NotADatabase`, `DatabaseUnreachable`."""
        await self._answer(START_SECONDS)

    async def _ask(self, asked: dict[str, Any], seconds: float) -> Any:
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(orjson.dumps({**asked, "seconds": seconds}) + b"\n")
            await self._child.stdin.drain()
        except TypeError as error:
            raise QueryFailed("A parameter is a number beyond 64 bits: send it as text.") from error
        except ConnectionError as error:
            raise ResultTooLarge("SQLite ended: it needed more memory than it may have.") from error
        return await self._answer(seconds + GRACE_SECONDS)

    async def _answer(self, seconds: float) -> Any:
        assert self._child.stdout is not None
        try:
            async with asyncio.timeout(seconds):
                line = await self._child.stdout.readline()
        except TimeoutError:
            raise QueryTimedOut() from None
        except ValueError as error:
            raise ResultTooLarge() from error
        if not line:
            raise ResultTooLarge("SQLite ended: it needed more memory than it may have.")
        told = orjson.loads(line)
        if "error" in told:
            _raise(told["error"], told["message"])
        return told


def _raise(code: str, message: str) -> NoReturn:
    known = _ERRORS.get(code)
    if known is None:
        raise QueryFailed(message)
    raise known(f"The file cannot be opened: {message}.") if code in _TOLD else known()


class _Opening(Tree):
    """A working copy whose files are opened for somebody who keeps them open."""

    def opened(self, path: str) -> int:
        """A descriptor of an ordinary file, which the caller closes; raises what `read` does."""
        if self.entry(path).kind != "file":
            raise NotAFile()
        try:
            with self._file(check_path(path)) as handle:
                return os.dup(handle)
        except OSError as error:
            raise FileNotFound() from error

    def check_beside(self, path: str) -> None:
        """Raises `NotADatabase` where SQLite's own files beside it may be somebody else's, under another name.

        SQLite follows no links, but writes to what is linked hard: to shared memory even when it only reads.
        """
        for suffix in _BESIDE:
            with suppress(FileNotFound):
                handle = self.opened(f"{path}{suffix}")
                links = os.fstat(handle).st_nlink
                os.close(handle)
                if links != 1:
                    raise NotADatabase(f"The file {path}{suffix} has another name elsewhere.")


@asynccontextmanager
async def opened(folder: Path, path: str, own: Sequence[FileId], *, write: bool) -> AsyncIterator[Sqlite]:
    """A file of a working copy, open as long as the block runs; `own` are files that nobody reaches from here.

    Raises `FileNotFound`, `NotAFile`, `NotAFolder`, `BadPath`, `OwnDatabase`, `NotADatabase`, `DatabaseUnreachable`.
    """
    # Kept open meanwhile: no other file can get its inode.
    files = _Opening(folder)
    handle = await asyncio.to_thread(files.opened, path)
    try:
        await asyncio.to_thread(files.check_beside, path)
        status = os.fstat(handle)
        file_id = (status.st_dev, status.st_ino)
        if file_id in own:
            raise OwnDatabase()
        child = await _start(folder / check_path(path), file_id, write=write)
        try:
            made = Sqlite(child)
            await made.ready()
            yield made
        finally:
            await _end(child)
    finally:
        os.close(handle)


async def _start(path: Path, file_id: FileId, *, write: bool) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-S",
        sqlite_child.__file__,
        str(path),
        str(file_id[0]),
        str(file_id[1]),
        "rw" if write else "ro",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        limit=LONGEST_ANSWER,
        start_new_session=True,
    )


async def _end(child: asyncio.subprocess.Process) -> None:
    """Lets it end by itself, a statement that is under way interrupted; then kills it."""
    assert child.stdin is not None
    child.stdin.close()
    with suppress(ProcessLookupError):
        child.terminate()
    try:
        async with asyncio.timeout(GRACE_SECONDS):
            await asyncio.shield(child.wait())
    except BaseException as error:
        with suppress(ProcessLookupError):
            child.kill()
        await child.wait()
        if not isinstance(error, TimeoutError):
            raise


def _columns(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[ResultColumn]:
    """SQLite has types of values, not of columns: that of the first value that is not NULL is told."""
    return [
        ResultColumn(name, next((_type(row[at]) for row in rows if row[at] is not None), ""))
        for at, name in enumerate(names)
    ]


def _type(value: Any) -> str:
    if isinstance(value, dict):
        return "blob"
    return {int: "integer", float: "real"}.get(type(value), "text")


def _table(told: Mapping[str, Any]) -> Table:
    name = told["name"]
    keys: dict[int, list[Any]] = {}
    for row in told["foreign_keys"]:
        keys.setdefault(row[0], []).append(row)
    return Table(
        schema=SCHEMA,
        name=name,
        kind=TableKind(told["kind"]),
        columns=[_column(row) for row in told["columns"]],
        foreign_keys=[_foreign_key(rows) for rows in keys.values()],
        indexes=[_index(row) for row in told["indexes"]],
    )


def _column(row: Sequence[Any]) -> Column:
    name, type_, required, default, key, hidden = row
    return Column(
        name=name,
        type=type_.lower(),
        nullable=not required and not key,
        default=default,
        generated="stored" if hidden == 3 else "virtual" if hidden == 2 else None,
        key_position=key or None,
    )


def _foreign_key(rows: Sequence[Sequence[Any]]) -> ForeignKey:
    first = rows[0]
    return ForeignKey(
        name=None,
        columns=[row[3] for row in rows],
        foreign_schema=SCHEMA,
        foreign_table=first[2],
        foreign_columns=[row[4] for row in rows if row[4] is not None],
        on_update=first[5],
        on_delete=first[6],
    )


def _index(row: Sequence[Any]) -> TableIndex:
    name, unique, origin, parts, definition = row
    sql = definition[0][0] if definition and definition[0][0] else ""
    _, found, condition = sql.partition(" WHERE ")
    return TableIndex(
        name=name,
        columns=[part or "(expression)" for part in parts],
        unique=bool(unique),
        primary=origin == "pk",
        condition=condition if found else None,
    )
