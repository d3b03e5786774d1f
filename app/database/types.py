"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.elements import BindParameter, ColumnElement
from sqlalchemy.types import NullType, TypeDecorator, UserDefinedType
from sqlalchemy.types import String as Text

from app.core.errors import InvalidRequest

Processor = Callable[[Any], Any] | None
#: An escaped NUL, but not an escaped backslash before `u0000`.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class NulCharacter(InvalidRequest):
    """A text holds the character U+0000, which cannot be stored. Leave it out."""


class Json(UserDefinedType[Any]):
    """A JSON document: JSONB on PostgreSQL, text on SQLite."""

    cache_ok = True
    render_bind_cast = True

    def bind_processor(self, dialect: Any) -> Processor:
        return _to_json

    def result_processor(self, dialect: Any, coltype: Any) -> Processor:
        return lambda value: orjson.loads(value) if isinstance(value, (str, bytes)) else value


class Moment(UserDefinedType[datetime]):
    """A point in time, always UTC. SQLite has no such type: there it is ISO 8601 text, which sorts by time."""

    cache_ok = True
    render_bind_cast = True

    def bind_processor(self, dialect: Any) -> Processor:
        return _to_text if dialect.name == "sqlite" else None

    def result_processor(self, dialect: Any, coltype: Any) -> Processor:
        return datetime.fromisoformat if dialect.name == "sqlite" else None


def _to_json(value: Any) -> str | None:
    if value is None:
        return None
    text = orjson.dumps(value).decode()
    if "\\u0000" in text and _NUL.search(text):
        raise NulCharacter()
    return text


def _to_text(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")


class Choice(TypeDecorator[Any]):
    """A member of a string enum, stored as its value."""

    impl = Text
    cache_ok = True

    def __init__(self, choices: type[enum.StrEnum]) -> None:
        super().__init__()
        self.choices = choices

    def process_bind_param(self, value: Any, dialect: Any) -> Any:
        return None if value is None else str(value)

    def process_result_value(self, value: Any, dialect: Any) -> Any:
        return None if value is None else self.choices(value)


class TextList(UserDefinedType[list[str]]):
    """A list of texts as one parameter: an array on PostgreSQL, JSON text on SQLite."""

    cache_ok = True
    render_bind_cast = True

    def bind_processor(self, dialect: Any) -> Processor:
        return (lambda value: orjson.dumps(value).decode()) if dialect.name == "sqlite" else list


class among(ColumnElement[bool]):
    """`column IN (the texts of one parameter)`: one statement text for lists of every length."""

    inherit_cache = True
    type = NullType()  # type: ignore[assignment]  # a boolean type would add `= 1` on SQLite

    def __init__(self, column: ColumnElement[Any], name: str) -> None:
        self.column = column
        self.bound: BindParameter[Any] = BindParameter(name, type_=TextList())


@compiles(Json)
@compiles(Moment)
@compiles(TextList)
def _text(element: Any, compiler: Any, **options: Any) -> str:
    return "TEXT"


@compiles(Json, "postgresql")
def _jsonb(element: Any, compiler: Any, **options: Any) -> str:
    return "JSONB"


@compiles(Moment, "postgresql")
def _timestamptz(element: Any, compiler: Any, **options: Any) -> str:
    return "TIMESTAMP WITH TIME ZONE"


@compiles(TextList, "postgresql")
def _text_array(element: Any, compiler: Any, **options: Any) -> str:
    return "TEXT[]"


@compiles(among)
def _among(element: among, compiler: Any, **options: Any) -> str:
    column, bound = compiler.process(element.column, **options), compiler.process(element.bound, **options)
    return f"{column} IN (SELECT value FROM json_each({bound}))"  # noqa: S608 - both are compiled, nothing is a client's


@compiles(among, "postgresql")
def _any(element: among, compiler: Any, **options: Any) -> str:
    column, bound = compiler.process(element.column, **options), compiler.process(element.bound, **options)
    return f"{column} = ANY({bound})"
