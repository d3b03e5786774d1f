"""Rules in Cedar, evaluated by cedarpy: parsed once, then asked with the call as principal, action and resource."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cedarpy import Entities, PolicySet, Schema  # 15 ms of every start, for those who bring Cedar


@dataclass(frozen=True, slots=True)
class CedarPolicies:
    """A parsed set of policies."""

    policies: PolicySet
    schema: Schema | None

    def authorize(self, request: Mapping[str, Any], entities: Entities) -> CedarAnswer:
        """Asks the set: `request` has principal, action, resource (each {type, id}) and context."""
        import cedarpy

        found = cedarpy.is_authorized(dict(request), self.policies, entities, self.schema)
        return CedarAnswer(found.allowed, tuple(found.diagnostics.reasons), tuple(found.diagnostics.errors))


@dataclass(frozen=True, slots=True)
class CedarAnswer:
    """What Cedar decided, by which policies, and which of them could not be evaluated."""

    allowed: bool
    reasons: tuple[str, ...]
    errors: tuple[str, ...]


def parse(text: str, schema: str | None = None) -> CedarPolicies:
    """A set of policies; raises `ValueError` for text that does not parse, or is not valid by its schema."""
    import cedarpy
    from cedarpy import PolicySet, Schema

    policies = PolicySet.from_str(text)
    if schema is None:
        return CedarPolicies(policies, None)
    parsed = Schema.from_json_str(schema) if schema.lstrip().startswith("{") else Schema.from_str(schema)
    checked = cedarpy.validate_policies(text, parsed)
    if not checked.validation_passed:
        raise ValueError("; ".join(str(error.error) for error in checked.errors[:3]))
    return CedarPolicies(policies, parsed)


def entities(items: Any, schema: Schema | None = None) -> Entities:
    """Entities from their JSON."""
    from cedarpy import Entities

    return Entities.from_json_str(items if isinstance(items, str) else json.dumps(items), schema)


def agent_entities(agent_id: str, attributes: Mapping[str, Any]) -> Entities:
    """The agent as Cedar sees it: `Agent::"agt_…"` with its metadata as attributes, a member of its groups."""
    groups = [{"type": "Group", "id": group} for group in sorted(attributes.get("groups", ()))]
    known = {name: value for name, value in attributes.items() if _sayable(value)}
    agent = {"uid": {"type": "Agent", "id": agent_id}, "attrs": known, "parents": groups}
    return entities([agent, *({"uid": group, "attrs": {}, "parents": []} for group in groups)])


def context(values: Mapping[str, Any]) -> dict[str, Any]:
    """A record that Cedar can hold: without nulls and fractions, for which it has no type."""
    return {name: made for name, value in values.items() if (made := _said(value)) is not None}


def _said(value: Any) -> Any:
    if isinstance(value, Mapping):
        return None if "__entity" in value or "__extn" in value else context(value)
    if isinstance(value, list | tuple):
        return [made for item in value if (made := _said(item)) is not None]
    return value if _sayable(value) else None


def _sayable(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_sayable, value.values())) and "__entity" not in value and "__extn" not in value
    if isinstance(value, list | tuple):
        return all(map(_sayable, value))
    return isinstance(value, str | bool) or (isinstance(value, int) and -(2**63) <= value < 2**63)
