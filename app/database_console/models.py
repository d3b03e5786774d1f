"""What is known of a session's database, and what is asked of it."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from app.core.paging import Page

#: A file, by device and inode: the same under every name.
FileId = tuple[int, int]


class TableKind(enum.StrEnum):
    """What rows are selected from."""

    TABLE = "table"
    VIEW = "view"
    MATERIALIZED_VIEW = "materialized_view"
    FOREIGN_TABLE = "foreign_table"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. `type` is the database's own word, which can stand in a statement."""

    name: str
    type: str
    nullable: bool
    #: The default's expression; None for none.
    default: str | None = None
    #: The expression that computes it; None where it is stored as given.
    generated: str | None = None
    #: Its place in the primary key, from 1; None outside.
    key_position: int | None = None
    comment: str | None = None
    #: The type as a value of any length is cast to it: without the length that `type` may tell.
    cast: str = ""


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Columns that name a row of another table."""

    name: str | None
    columns: list[str]
    foreign_schema: str
    foreign_table: str
    #: Empty where the other table's primary key is meant.
    foreign_columns: list[str]
    on_update: str
    on_delete: str


@dataclass(frozen=True, slots=True)
class TableIndex:
    """An index. `columns` holds the expressions of what is no column."""

    name: str
    columns: list[str]
    unique: bool
    primary: bool
    #: The condition of a partial index; None for none.
    condition: str | None = None
    method: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A table or a view, with all that is known of it."""

    schema: str
    name: str
    kind: TableKind
    columns: list[Column] = field(default_factory=list)
    foreign_keys: list[ForeignKey] = field(default_factory=list)
    indexes: list[TableIndex] = field(default_factory=list)
    #: As the database estimates it; None where it does not.
    estimated_rows: int | None = None
    comment: str | None = None

    @property
    def primary_key(self) -> list[str]:
        """The columns of its primary key, in its order."""
        keyed = [column for column in self.columns if column.key_position]
        return [column.name for column in sorted(keyed, key=lambda column: column.key_position or 0)]


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of a result. Names may come twice."""

    name: str
    #: The database's word; empty where it tells none and no value does.
    type: str


class Cut(enum.StrEnum):
    """Why rows of a result are left out."""

    ROWS = "rows"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class Result:
    """What a statement answered."""

    columns: list[ResultColumn]
    #: Values that JSON and JavaScript hold: see `values.py`.
    rows: list[list[Any]]
    #: Rows that it changed; None where it changes none.
    changed: int | None = None
    #: Why there are fewer rows than it found; None where all are here.
    cut: Cut | None = None
    #: Values that were too long, of which the beginning is here.
    cut_values: int = 0
    milliseconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement with its parameters."""

    sql: str
    parameters: Sequence[Any] = ()
    write: bool = False


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a statement may take."""

    seconds: float
    rows: int
    bytes: int


class Operator(enum.StrEnum):
    """How a filter compares."""

    EQUAL = "equal"
    NOT_EQUAL = "not_equal"
    LESS = "less"
    LESS_OR_EQUAL = "less_or_equal"
    GREATER = "greater"
    GREATER_OR_EQUAL = "greater_or_equal"
    ONE_OF = "one_of"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    IS_NULL = "is_null"
    IS_NOT_NULL = "is_not_null"


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on a column."""

    column: str
    operator: Operator
    #: One for most operators, none for those about NULL, some for `one_of`.
    values: Sequence[str | int | float | bool] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """A column to sort by."""

    column: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows of a table, in which order."""

    filters: Sequence[Filter] = ()
    order: Sequence[Order] = ()
    offset: int = 0
    limit: int = 100


class Dialect(Protocol):
    """How a database writes what differs between them."""

    def parameter(self, number: int, column: Column) -> str:
        """A parameter that is compared with a column."""

    def contains(self, column: str, number: int) -> str:
        """Whether a column's text holds a parameter's."""

    def starts_with(self, column: str, number: int) -> str:
        """Whether a column's text begins with a parameter's."""

    def bound(self, value: str | int | float | bool) -> Any:
        """A filter's value as the driver takes it."""


class Driver(Protocol):
    """An open connection to a database, for one thing after the other."""

    @property
    def dialect(self) -> Dialect:
        """How the database writes what differs between them."""

    async def tables(self, schema: str | None, after: tuple[str, str] | None, limit: int) -> Page[Table]:
        """Tables and views by schema and name, without the system's own."""

    async def table(self, schema: str | None, name: str) -> Table:
        """One of them; raises `TableNotFound`."""

    async def run(self, statement: Statement, bounds: Bounds) -> Result:
        """Runs one statement. Cancelled, it is cancelled in the database too.

        Raises `ReadOnly`, `StatementRefused`, `QueryFailed`, `QueryTimedOut` or `ResultTooLarge`.
        """
