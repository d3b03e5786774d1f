"""Statements: built once at import with SQLAlchemy Core, compiled once per dialect, run over bare connections."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Generic, TypeVar

from sqlalchemy import Delete, Insert, Select, Table, Update, bindparam, delete, func, insert, select, update
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import ClauseElement
from sqlmodel import SQLModel

from app.database.types import NulCharacter

R = TypeVar("R")

ORGANIZATION = "organization_id"


class Record(SQLModel):
    """A row as a value: what a repository returns. Frozen; `changed` gives a copy with other values."""

    model_config = {"frozen": True, "defer_build": True}

    def changed(self: R, **values: Any) -> R:
        """A copy with these values instead; nothing is written."""
        return construct(type(self), {**self.__dict__, **values})


def construct(record: type[R], values: dict[str, Any], names: set[str] | None = None) -> R:
    """A record from values that the database has checked already: skips pydantic's validation (a tenth of the time).

    `names`: those of the values, where many records have them in common.
    """
    made = object.__new__(record)  # what SQLModel's sets is set here
    set_attribute = object.__setattr__
    set_attribute(made, "__dict__", values)
    set_attribute(made, "__pydantic_fields_set__", set(values) if names is None else names)
    set_attribute(made, "__pydantic_extra__", None)
    set_attribute(made, "__pydantic_private__", None)
    return made


@lru_cache
def dialect(name: str) -> Dialect:
    """The SQLAlchemy dialect that a database of this name speaks."""
    if name == "postgresql":
        from sqlalchemy.dialects import postgresql  # imported late, as the next one is: each serves one database

        return postgresql.asyncpg.dialect()  # type: ignore[no-untyped-call]
    from sqlalchemy.dialects import sqlite

    return sqlite.dialect(paramstyle="qmark")


class Compiled:
    """A statement's text for one dialect, and how its parameters and rows are converted."""

    def __init__(self, core: ClauseElement, name: str) -> None:
        speaks = dialect(name)
        compiled: Any = core.compile(dialect=speaks)
        self.text = str(compiled)
        order: Sequence[str] = compiled.positiontup if compiled.positiontup is not None else list(compiled.params)
        binds: Mapping[str, Any] = compiled.binds
        self.parameters: list[tuple[str, Any, Callable[[Any], Any] | None]] = [
            (key, binds[key].value, binds[key].type.dialect_impl(speaks).bind_processor(speaks)) for key in order
        ]
        #: Whether the statement is bound to one organization.
        self.scoped = ORGANIZATION in order
        columns = [
            (str(column.keyname), column.type.dialect_impl(speaks).result_processor(speaks, None))
            for column in (compiled._result_columns or ())
        ]
        self.names = {name for name, _ in columns}
        #: A row as a dict of Python values.
        self.values = _reader(columns)

    def arguments(self, given: Mapping[str, Any]) -> list[Any]:
        """The parameters in the order of the text; raises `NulCharacter`, and `KeyError` for one that is not given."""
        arguments = []
        for key, constant, convert in self.parameters:
            value = given[key] if key in given else _constant(key, constant)
            value = convert(value) if convert is not None else value
            if type(value) is str and "\0" in value:
                raise NulCharacter()
            arguments.append(value)
        return arguments


def _reader(columns: Sequence[tuple[str, Callable[[Any], Any] | None]]) -> Callable[[Sequence[Any]], dict[str, Any]]:
    """Python that makes a dict of a row, for just these columns: a fifth of the steps of a loop over them."""
    if not columns:
        return lambda row: {}
    values = [f"value_{place}" for place in range(len(columns))]
    namespace: dict[str, Any] = {f"convert_{place}": convert for place, (_, convert) in enumerate(columns)}
    parts = [
        f"{name!r}: {value}" if convert is None else f"{name!r}: None if {value} is None else convert_{place}({value})"
        for place, ((name, convert), value) in enumerate(zip(columns, values, strict=True))
    ]
    source = f"def read(row):\n    {', '.join(values)}, = row\n    return {{{', '.join(parts)}}}"
    exec(compile(source, "<row>", "exec"), namespace)  # noqa: S102  # the names of our own columns, as constants
    found: Callable[[Sequence[Any]], dict[str, Any]] = namespace["read"]
    return found


def _constant(key: str, value: Any) -> Any:
    if value is None:
        raise KeyError(f"the statement's parameter {key!r} was not given")
    return value


class Upsert:
    """A new row, or something else where its primary key is taken. Both databases have it; each spells it its way."""

    def __init__(self, rows: Table, changes: Callable[[Table, Any], dict[str, Any]] | None) -> None:
        self.rows, self.changes = rows, changes

    def spoken(self, name: str) -> ClauseElement:
        """The statement for one dialect."""
        if name == "postgresql":
            from sqlalchemy.dialects.postgresql import insert as insert_into  # imported late, as the dialects are
        else:
            from sqlalchemy.dialects.sqlite import insert as insert_into  # type: ignore[assignment]
        made = insert_into(self.rows).values({column.name: bindparam(column.name) for column in self.rows.columns})
        keys = list(self.rows.primary_key)
        if self.changes is None:
            return made.on_conflict_do_nothing(index_elements=keys)
        return made.on_conflict_do_update(index_elements=keys, set_=self.changes(self.rows, made.excluded))


class Statement(Generic[R]):
    """One SQL statement of a repository, with the record that its rows become."""

    def __init__(self, core: ClauseElement | Upsert, record: type[R]) -> None:
        self.core = core
        self.record = record
        self.is_record = isinstance(record, type) and issubclass(record, SQLModel)
        self._compiled: dict[str, Compiled] = {}

    def compiled(self, name: str) -> Compiled:
        """The statement for one dialect; compiled at the first call."""
        found = self._compiled.get(name)
        if found is None:
            core = self.core.spoken(name) if isinstance(self.core, Upsert) else self.core
            found = self._compiled[name] = Compiled(core, name)
        return found

    def record_from(self, compiled: Compiled, row: Sequence[Any]) -> R:
        """A row as a record; as a dict where the statement declares no record class."""
        values = compiled.values(row)
        return construct(self.record, values, compiled.names) if self.is_record else values  # type: ignore[return-value]


def statement(core: ClauseElement, record: type[R]) -> Statement[R]:
    """Declares a statement of a repository."""
    return Statement(core, record)


def change(core: ClauseElement | Upsert) -> Statement[None]:
    """Declares a statement that writes and returns nothing."""
    return Statement(core, type(None))


def table(model: type[SQLModel]) -> Table:
    """The Core table behind a SQLModel class."""
    return model.__table__  # type: ignore[attr-defined, no-any-return]


def readable(model: type[SQLModel]) -> Select[Any]:
    """All rows that the actor may read: the start of every query. The unit of work fills in the organization."""
    rows = table(model)
    return select(rows).where(rows.c[ORGANIZATION] == bindparam(ORGANIZATION))


def counted(rows: Select[Any]) -> Select[Any]:
    """How many rows a query has, as `count`."""
    return rows.with_only_columns(func.count().label("count"), maintain_column_froms=True)


def everywhere(model: type[SQLModel]) -> Select[Any]:
    """All rows of all organizations: for the system's own work, refused in a request's unit of work."""
    return select(table(model))


def adding(model: type[SQLModel]) -> Insert:
    """A new row with all columns."""
    return insert(table(model))


def adding_or_leaving(model: type[SQLModel]) -> Upsert:
    """A new row with all columns; nothing where its primary key is taken."""
    return Upsert(table(model), None)


def adding_or_changing(model: type[SQLModel], changes: Callable[[Table, Any], dict[str, Any]]) -> Upsert:
    """A new row with all columns; where its primary key is taken, `changes(kept row, given row)` of that row."""
    return Upsert(table(model), changes)


def changing(model: type[SQLModel]) -> Update:
    """Changes of rows that the actor may read."""
    rows = table(model)
    return update(rows).where(rows.c[ORGANIZATION] == bindparam(ORGANIZATION))


def changing_everywhere(model: type[SQLModel]) -> Update:
    """Changes of rows of any organization: for the system's own work."""
    return update(table(model))


def removing(model: type[SQLModel]) -> Delete:
    """Removal of rows that the actor may read."""
    rows = table(model)
    return delete(rows).where(rows.c[ORGANIZATION] == bindparam(ORGANIZATION))


def removing_everywhere(model: type[SQLModel]) -> Delete:
    """Removal of rows of any organization: for the system's own work."""
    return delete(table(model))
