"""The rules of a policy: what a client may write, checked when it is saved. Unknown fields are errors."""

from __future__ import annotations

from datetime import time
from enum import StrEnum
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator, model_validator

from app.policies import cedar, schemas
from app.policies.errors import PolicyInvalid

MOST_RULES = 100
Glob = Annotated[str, Field(min_length=1, max_length=200, description="`*` any text, `?` any character, `[ab]` one.")]
Globs = Annotated[list[Glob], Field(min_length=1, max_length=500)]
Seconds = Annotated[int, Field(ge=1, le=30 * 24 * 3600)]


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True, defer_build=True)


class Per(StrEnum):
    """Whose calls a rate is counted over."""

    AGENT = "agent"
    ORG = "org"
    ACTION = "action"


class RateLimit(_Rule):
    """At most so many calls in any 60 seconds; of them `burst` in any one second."""

    type: Literal["rate_limit"]
    max_requests_per_minute: int = Field(ge=0, le=1_000_000)
    per: Per = Per.AGENT
    burst: int | None = Field(default=None, ge=1, le=1_000_000)
    actions: Globs | None = None


class ActionAllowlist(_Rule):
    """Only these actions. Several allowlists intersect."""

    type: Literal["action_allowlist"]
    actions: Annotated[list[Glob], Field(max_length=500)]


class ActionDenylist(_Rule):
    """Never these actions."""

    type: Literal["action_denylist"]
    actions: Globs


class ResourceAllow(_Rule):
    """Only these resources. A call that names none is refused, unless a glob matches the empty text."""

    type: Literal["resource_allow"]
    resources: Globs
    actions: Globs | None = None


class ResourceDeny(_Rule):
    """Never these resources."""

    type: Literal["resource_deny"]
    resources: Globs
    actions: Globs | None = None


class ArgumentSchema(_Rule):
    """The arguments have to be valid against a JSON Schema (draft 2020-12; no references to other documents)."""

    type: Literal["argument_schema"]
    actions: Globs
    schema_: dict[str, Any] | bool = Field(alias="schema")

    @field_validator("schema_")
    @classmethod
    def _compiles(cls, value: dict[str, Any] | bool) -> dict[str, Any] | bool:
        schemas.compile_schema(value)
        return value


class Where(_Rule):
    """A condition on an attribute: `agent.team`, `environment`, or what the call gives. One operator."""

    attribute: str = Field(min_length=1, max_length=200)
    equals: str | int | float | bool | None = None
    in_: list[str | int | float | bool] | None = Field(default=None, alias="in", min_length=1, max_length=500)
    matches: Glob | None = None

    @model_validator(mode="after")
    def _one(self) -> Where:
        if sum(value is not None for value in (self.equals, self.in_, self.matches)) != 1:
            raise ValueError("give exactly one of `equals`, `in` and `matches`")
        return self


class AttributeMatch(_Rule):
    """Only (`allow`) or never (`deny`) where the condition holds. A missing attribute is a denial in both."""

    type: Literal["attribute_match"]
    where: Where
    effect: Literal["allow", "deny"] = "allow"
    actions: Globs | None = None


class Day(StrEnum):
    """A day of the week."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


class TimeWindow(_Rule):
    """Only at these times. A window whose end is not after its begin ends on the next day."""

    type: Literal["time_window"]
    days: list[Day] = Field(default_factory=lambda: list(Day), min_length=1)
    from_: time = Field(alias="from")
    to: time
    zone: str = "UTC"
    actions: Globs | None = None

    @field_validator("zone")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("not a zone of the IANA database; an example: Europe/Berlin") from error
        return value


class Metric(StrEnum):
    """What a budget counts."""

    CALLS = "calls"
    TOKENS = "tokens"
    COST = "cost"


class Period(StrEnum):
    """When a budget begins anew, in UTC."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


class Budget(_Rule):
    """So much in a period, of all whom the policy concerns together. Usage is reserved first and settled after."""

    type: Literal["budget"]
    metric: Metric
    limit: float = Field(ge=0, le=1e12)
    period: Period
    actions: Globs | None = None


class RequireApproval(_Rule):
    """A person has to approve each call; an approval is bound to the call's arguments and good for once."""

    type: Literal["require_approval"]
    actions: Globs | None = None
    resources: Globs | None = None
    ttl: Seconds = Field(default=3600, description="Seconds until a request for an approval, or the approval, expires.")

    @model_validator(mode="after")
    def _names_something(self) -> RequireApproval:
        if self.actions is None and self.resources is None:
            raise ValueError("give `actions`, `resources`, or both")
        return self


class EgressAllow(_Rule):
    """Only these domains, where a call names one: as attribute `domain` or `url`, or as a resource that is a URL."""

    type: Literal["egress_allow"]
    domains: Globs
    actions: Globs | None = None


class Concurrency(_Rule):
    """At most so many calls of an agent at a time, on each node."""

    type: Literal["concurrency"]
    max: int = Field(ge=0, le=100_000)
    actions: Globs | None = None


class Cedar(_Rule):
    """Policies in Cedar (https://www.cedarpolicy.com). As in Cedar, what nothing permits is forbidden."""

    type: Literal["cedar"]
    text: str = Field(min_length=1, max_length=64 * 1024)
    schema_: str | None = Field(default=None, alias="schema", max_length=64 * 1024)
    actions: Globs | None = None

    @model_validator(mode="after")
    def _parses(self) -> Cedar:
        cedar.parse(self.text, self.schema_)
        return self


Rule = Annotated[
    RateLimit
    | ActionAllowlist
    | ActionDenylist
    | ResourceAllow
    | ResourceDeny
    | ArgumentSchema
    | AttributeMatch
    | TimeWindow
    | Budget
    | RequireApproval
    | EgressAllow
    | Concurrency
    | Cedar,
    Field(discriminator="type"),
]
_RULES: TypeAdapter[list[Rule]] = TypeAdapter(Annotated[list[Rule], Field(max_length=MOST_RULES)])


def parse_rules(rules: Any) -> list[Rule]:
    """The rules of a policy; raises `PolicyInvalid` that names each field that is wrong."""
    try:
        return _RULES.validate_python(rules)
    except ValidationError as error:
        problems = [
            {"field": _path(found["loc"]), "message": found["msg"].removeprefix("Value error, ")}
            for found in error.errors(include_input=False, include_url=False)
        ]
        told = " ".join(f"'{problem['field']}': {problem['message']}." for problem in problems[:5])
        raise PolicyInvalid(told, fields=problems) from error


def plain_rules(rules: list[Rule]) -> list[dict[str, Any]]:
    """The rules as JSON, as clients write them; what is left out stays out."""
    return [rule.model_dump(mode="json", by_alias=True, exclude_unset=True) for rule in rules]


def rules_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the rules, for editors; `parse_rules` checks more."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "/schemas/policy-rules.json"}
    return {**head, **_RULES.json_schema(by_alias=True), "title": "Soundstage policy rules"}


def _path(steps: tuple[int | str, ...]) -> str:
    """`rules[0].actions`; pydantic puts the chosen type second."""
    shown = "rules"
    for place, step in enumerate(steps):
        if place == 1 and isinstance(step, str) and len(steps) > 2:
            continue
        shown += f"[{step}]" if isinstance(step, int) else f".{step}"
    return shown
