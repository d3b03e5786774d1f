"""What is judged: one call of an agent, with all that rules may ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

#: Bytes of arguments and attributes that are kept with an event or an approval.
LARGEST_KEPT = 8 * 1024


@dataclass(frozen=True)
class Usage:
    """What a call uses at most, or has used."""

    tokens: int = 0
    cost: float = 0.0


@dataclass(frozen=True)
class Call:
    """An agent's call. Equal calls are judged equally, apart from what is counted."""

    action: str
    at: datetime
    agent_id: str = ""
    #: What Soundstage's own operations are beside their action: `read`, `write`, `admin`.
    kind: str = ""
    #: All that the call names; the first is what the audit log shows.
    resources: tuple[str, ...] = ("",)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    #: {"agent": {metadata, id, name}, "environment": …, and what the call gives}
    attributes: Mapping[str, Any] = field(default_factory=dict)
    #: None: the call cannot use tokens or money.
    usage: Usage | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """What globs of actions are matched with: the action and its kind."""
        return (self.action, self.kind) if self.kind else (self.action,)

    @property
    def resource(self) -> str:
        """What the audit log shows."""
        return self.resources[0]

    @cached_property
    def groups(self) -> frozenset[str]:
        """The groups that the agent's metadata puts it in."""
        return groups_of(self.attributes.get("agent") or {})

    @cached_property
    def environments(self) -> frozenset[str]:
        """The environments that agent, call or resource name."""
        named = ((self.attributes.get("agent") or {}).get("environment"), self.attributes.get("environment"))
        return frozenset(name for name in named if isinstance(name, str)).union(self.resources)


def groups_of(metadata: Mapping[str, Any]) -> frozenset[str]:
    """`group`, `team` and the list `groups` of an agent's metadata."""
    listed = metadata.get("groups")
    named = [metadata.get("group"), metadata.get("team"), *(listed if isinstance(listed, list) else ())]
    return frozenset(name for name in named if isinstance(name, str))
