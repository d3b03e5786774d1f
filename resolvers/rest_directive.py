"""`@rest`: makes an operation document a REST route. A no-op for the executor; read by `rest_compat`."""

from __future__ import annotations

import enum

import strawberry
from strawberry.directive import DirectiveLocation, DirectiveValue


@strawberry.enum(description="The method of a REST route; `WS` is a WebSocket, for subscriptions.")
class RestMethod(enum.StrEnum):
    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"
    WS = "WS"


@strawberry.directive(
    locations=[DirectiveLocation.QUERY, DirectiveLocation.MUTATION, DirectiveLocation.SUBSCRIPTION],
    name="rest",
    description="Serves this operation as a REST route: path and query parameters and the body become its variables. "
    'With `when: "field=value"` it is one of several of its path, chosen by that field of the body.',
)
def rest(
    method: RestMethod,
    path: str,
    status: int = 200,
    raw: bool = False,
    group: str | None = None,
    max_age: int | None = None,
    when: str | None = None,
    value: DirectiveValue[object] = None,
) -> object:
    return value
