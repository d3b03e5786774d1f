"""Scalars of our own."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NewType

import strawberry
from pydantic_core import PydanticCustomError
from strawberry.types.scalar import ScalarDefinition

from app.blueprints.quantities import parse_duration
from app.core.clock import rfc3339
from app.core.errors import InvalidRequest

BlueprintDocument = NewType("BlueprintDocument", object)
Duration = NewType("Duration", int)
JsonWebKeySet = NewType("JsonWebKeySet", object)
Timestamp = NewType("Timestamp", datetime)
PolicyRule = NewType("PolicyRule", object)


def _blueprint(value: Any) -> Any:
    if not isinstance(value, (str, dict)):
        raise InvalidRequest("A Blueprint is the document as text, or the same as an object.")
    return value


def _duration(value: Any) -> int:
    try:
        return int(parse_duration(value))
    except PydanticCustomError as error:
        raise InvalidRequest(f'{value!r} is not a duration. Examples: 90 (seconds), "30s", "5m", "4h".') from error


def _rule(value: Any) -> Any:
    if not isinstance(value, dict):
        raise InvalidRequest("A rule is a JSON object with a `type`.")
    return value


SCALARS: dict[object, ScalarDefinition] = {
    BlueprintDocument: strawberry.scalar(
        name="BlueprintDocument",
        description="A Blueprint: the YAML or JSON document as text, or the same as an object. "
        "Its JSON Schema is at `/schemas/blueprint.json`; text gives errors with line and column.",
        serialize=lambda value: value,
        parse_value=_blueprint,
    ),
    PolicyRule: strawberry.scalar(
        name="PolicyRule",
        description="A rule of a policy: a JSON object with a `type` and its snake_case fields. Types: `rate_limit`, "
        "`action_allowlist`, `action_denylist`, `resource_allow`, `resource_deny`, `argument_schema`, "
        "`attribute_match`, `time_window`, `budget`, `require_approval`, `egress_allow`, `concurrency`, `cedar`. "
        "Their JSON Schema is at `/schemas/policy-rules.json`. Actions and resources are globs: `orders.*`; `read`, "
        "`write` and `admin` match every operation of that kind.",
        serialize=lambda value: value,
        parse_value=_rule,
    ),
    Duration: strawberry.scalar(
        name="Duration",
        description="A length of time: seconds as a number, or text such as `30s`, `5m`, `4h`, `1d`.",
        serialize=int,
        parse_value=_duration,
    ),
    JsonWebKeySet: strawberry.scalar(
        name="JsonWebKeySet",
        description='A JWK Set (RFC 7517): `{"keys": [...]}`, each key with `kid`, `kty`, `alg` and `use`.',
        serialize=lambda value: value,
    ),
    Timestamp: strawberry.scalar(
        name="Timestamp",
        description="A point in time in UTC, to the second: `2026-04-15T12:34:56Z` (RFC 3339).",
        serialize=rfc3339,
        parse_value=datetime.fromisoformat,
    ),
}


def as_given(value: Any) -> Any:
    """JSON as a client gave it: the service refuses what is not of its kind."""
    return value
