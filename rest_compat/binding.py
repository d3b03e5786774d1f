"""Path, query and body of a request become the operation's variables; what does not fit is told field by field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
)
from graphql.utilities import validate_input_value

from app.core.errors import InvalidRequest
from rest_compat.operations import IF_VERSION, INPUT, RestOperation, Variable

MOST_ITEMS = 1_000


def bind(
    operation: RestOperation,
    path: Mapping[str, str],
    query: Mapping[str, list[str]],
    body: Any,
    if_version: int | None,
) -> dict[str, Any]:
    """The variables. Raises `InvalidRequest` that names every field that is missing, unknown or of a wrong type."""
    values: dict[str, Any] = {name: path[name] for name in operation.path_parameters}
    free = {name: variable for name, variable in operation.variables.items() if name not in values}
    if free.pop(IF_VERSION, None) is not None and if_version is not None:
        values[IF_VERSION] = if_version
    if operation.takes_body:
        values.update(_from_body(free, _without_choice(operation, body)))
        _refuse_unknown(query, {}, "query parameter")
    else:
        # RFC 6749, section 4.1.2: whoever redirects to us may add parameters of its own.
        known = {name: query[name] for name in query.keys() & free.keys()} if operation.redirects else query
        values.update(_from_query(free, known))
    _check(operation.variables, values)
    return values


def _without_choice(operation: RestOperation, body: Any) -> Any:
    """The body without the field that chose the operation."""
    if operation.when is None or not isinstance(body, dict):
        return body
    return {name: value for name, value in body.items() if name != operation.when[0]}


def _from_body(variables: Mapping[str, Variable], body: Any) -> dict[str, Any]:
    if body is None:
        body = {}
    if not isinstance(body, dict):
        raise InvalidRequest("The body has to be a JSON object.")
    if INPUT in variables:
        return {INPUT: _raised(variables[INPUT].type, body)}
    _refuse_unknown(body, variables, "field")
    return {name: _raised(variables[name].type, value) for name, value in body.items()}


def _from_query(variables: Mapping[str, Variable], query: Mapping[str, list[str]]) -> dict[str, Any]:
    _refuse_unknown(query, variables, "query parameter")
    values: dict[str, Any] = {}
    for name, texts in query.items():
        type_ = _nullable(variables[name].type)
        if isinstance(type_, GraphQLList):
            values[name] = [_from_text(name, type_.of_type, text) for text in texts]
        elif len(texts) > 1:
            raise InvalidRequest(f"The query parameter '{name}' is given {len(texts)} times.")
        else:
            values[name] = _from_text(name, type_, texts[0])
    if isinstance(limit := values.get("limit"), int) and not 1 <= limit <= MOST_ITEMS:
        raise InvalidRequest(f"'limit' is {limit}; it has to be from 1 to {MOST_ITEMS:,}.")
    return values


def _from_text(name: str, type_: GraphQLInputType, text: str) -> Any:
    type_ = _nullable(type_)
    if isinstance(type_, GraphQLEnumType):
        return text.upper()
    if isinstance(type_, GraphQLScalarType):
        if type_.name == "Int":
            if not re.fullmatch(r"-?\d{1,18}", text, re.ASCII):
                raise InvalidRequest(f"'{name}' is {text!r}; it has to be a whole number.")
            return int(text)
        if type_.name == "Boolean":
            if text not in ("true", "false"):
                raise InvalidRequest(f"'{name}' is {text!r}; it has to be true or false.")
            return text == "true"
    return text


def _refuse_unknown(given: Mapping[str, Any], known: Mapping[str, Any], what: str) -> None:
    unknown = sorted(set(given) - set(known))
    if unknown:
        names = f" Known: {', '.join(sorted(known))}." if known else ""
        raise InvalidRequest(f"Unknown {what} '{unknown[0]}'.{names}", fields=unknown)


def _nullable(type_: Any) -> Any:
    return type_.of_type if isinstance(type_, GraphQLNonNull) else type_


def _raised(type_: GraphQLInputType, value: Any) -> Any:
    """The value with enums in GraphQL's upper case."""
    type_ = _nullable(type_)
    if value is None:
        return None
    if isinstance(type_, GraphQLEnumType):
        return value.upper() if isinstance(value, str) else value
    if isinstance(type_, GraphQLList) and isinstance(value, list):
        return [_raised(type_.of_type, item) for item in value]
    if isinstance(type_, GraphQLInputObjectType) and isinstance(value, dict):
        return {
            key: _raised(type_.fields[key].type, item) if key in type_.fields else item for key, item in value.items()
        }
    return value


def _check(variables: Mapping[str, Variable], values: Mapping[str, Any]) -> None:
    problems: list[dict[str, str]] = []
    for name, variable in variables.items():
        if name not in values:
            if variable.required:
                problems.append({"field": name, "message": f"The '{name}' field is required."})
            continue
        if variable.exact is not None and variable.exact(values[name]):
            continue

        def tell(error: GraphQLError, path: list[str | int], name: str = name) -> None:
            problems.append(_problem(name, path, error))

        validate_input_value(values[name], variable.type, tell)
    if problems:
        raise InvalidRequest(" ".join(problem["message"] for problem in problems[:5]), fields=problems)


_MISSING = re.compile(r"Expected value of type '[^']+' to include required field '([^']+)'")
_UNKNOWN = re.compile(r"Expected value of type '[^']+' not to include unknown field '([^']+)'")
_HINT = re.compile(r"Did you mean (?:the enum value )?([^?]+)\?")
#: What graphql-core shows of the value: it may hold a secret.
_FOUND = re.compile(r"(?:, found|[.] Found|: (?=['\"{\[])).*", re.DOTALL)


def _problem(name: str, path: list[str | int], error: GraphQLError) -> dict[str, str]:
    """graphql-core's words about types, as words about the body; the value itself is not repeated."""
    steps = path if name == INPUT else [name, *path]
    where = ".".join(map(str, steps))
    hint = f" Did you mean {found[1].lower()}?" if (found := _HINT.search(error.message)) else ""
    if missing := _MISSING.match(error.message):
        field = ".".join([*map(str, steps), missing[1]])
        return {"field": field, "message": f"The '{field}' field is required."}
    if unknown := _UNKNOWN.match(error.message):
        field = ".".join([*map(str, steps), unknown[1]])
        return {"field": field, "message": f"Unknown field '{field}'.{hint}"}
    if isinstance(error.original_error, InvalidRequest):
        return {"field": where, "message": f"'{where}': {error.original_error.message}"}
    return {"field": where, "message": f"'{where or 'body'}': {_FOUND.sub('', error.message)}.{hint}"}
