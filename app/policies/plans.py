"""What has a say in one action, arranged so that a call meets only the rules that can find something."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from app.policies import document
from app.policies.call import Call
from app.policies.rules import Finding, Judge, attribute, distinct


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rule stands, and whom it concerns."""

    policy_id: str
    policy_name: str
    version: int
    index: int
    enforced: bool
    rule: document.Rule
    #: None: everybody.
    concerns: Callable[[Call], bool] | None

    def reason(self, finding: Finding) -> dict[str, Any]:
        """The finding as decisions and the audit log tell it."""
        return {
            "policyId": self.policy_id,
            "policyName": self.policy_name,
            "version": self.version,
            "ruleIndex": self.index,
            "code": finding.code,
            "message": finding.message,
            "mode": "enforce" if self.enforced else "monitor",
        }


Step = tuple[Place, Judge]
_Numbered = tuple[int, Step]


class Checks:
    """The steps that can refuse, in the order of judging.

    Rules that forbid values of an attribute are found by the value that a call has, so hundreds of them cost one look.
    """

    def __init__(self) -> None:
        self._count = 0
        self._always: list[_Numbered] = []
        self._steps: list[Step] = []
        self._by_attribute: dict[str, _ByValue] = {}

    def add(self, place: Place, judge: Judge) -> None:
        """A step behind those that are there."""
        step = (self._count, (place, judge))
        self._count += 1
        rule = place.rule
        forbidden = _forbidden(rule) if isinstance(rule, document.AttributeMatch) else None
        if isinstance(rule, document.AttributeMatch) and forbidden is not None:
            name = rule.where.attribute
            known = self._by_attribute.setdefault(name, _ByValue(name.split(".")))
            known.add(forbidden, step)
        else:
            self._always.append(step)
            self._steps.append(step[1])

    def met_by(self, call: Call) -> Sequence[Step]:
        """The steps that a call has to pass, in their order; those left out find nothing."""
        found: list[_Numbered] = []
        for values in self._by_attribute.values():
            found += values.met_by(call.attributes)
        if not found:
            return self._steps
        found += self._always
        found.sort(key=itemgetter(0))
        return [step for _, step in found]


class _ByValue:
    """The steps that forbid values of one attribute."""

    def __init__(self, path: list[str]) -> None:
        self._path = path
        self._all: list[_Numbered] = []
        self._steps: dict[tuple[bool, Any], list[_Numbered]] = {}

    def add(self, forbidden: set[tuple[bool, Any]], step: _Numbered) -> None:
        self._all.append(step)
        for value in forbidden:
            self._steps.setdefault(value, []).append(step)

    def met_by(self, attributes: Mapping[str, Any]) -> Sequence[_Numbered]:
        try:
            value = attribute(attributes, self._path)
        except (LookupError, TypeError):
            return self._all  # each of them refuses what it cannot look at
        if not isinstance(value, str | int | float):
            return ()
        return self._steps.get((isinstance(value, bool), value), ())


def _forbidden(rule: document.AttributeMatch) -> set[tuple[bool, Any]] | None:
    """The values that a rule refuses; None where they cannot be listed."""
    if rule.effect != "deny" or rule.where.matches is not None:
        return None
    return distinct(rule.where)


@dataclass(slots=True)
class Plan:
    """What has a say in one action, in the order of judging."""

    #: Denials first, then allowlists; each can only refuse.
    checks: Checks = field(default_factory=Checks)
    approvals: list[Step] = field(default_factory=list)
    limits: list[Place] = field(default_factory=list)
    #: Where the default is to deny: one of these has to concern the call.
    grants: list[Place] = field(default_factory=list)
