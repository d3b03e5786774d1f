"""Steps found by the value of an attribute are those that a look at every rule finds, in the same order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.policies.call import Call
from app.policies.compiled import Compiled
from app.policies.document import parse_rules
from app.policies.models import Policy
from app.policies.rules import POLICY_ERROR, bind
from tests.support.policies import MOMENT, policy

values = st.sampled_from(["a", "b", "", 0, 1, 1.0, 1.5, True, False])
operators = st.one_of(
    st.fixed_dictionaries({"equals": values}),
    st.fixed_dictionaries({"in": st.lists(values, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"matches": st.sampled_from(["a*", "?", "*"])}),
)
rules = st.builds(
    lambda attribute, operator, effect: {
        "type": "attribute_match",
        "where": {"attribute": attribute, **operator},
        "effect": effect,
    },
    st.sampled_from(["agent.team", "agent.level", "place", "agent.team.deep"]),
    operators,
    st.sampled_from(["allow", "deny", "deny"]),
) | st.sampled_from(
    [{"type": "resource_deny", "resources": ["orders/*"]}, {"type": "resource_allow", "resources": ["env_*"]}]
)
given_values = st.one_of(values, st.none(), st.just(["a"]), st.just({"deep": "a"}))
attributes = st.fixed_dictionaries(
    {},
    optional={
        "place": given_values,
        "agent": st.fixed_dictionaries({}, optional={"team": given_values, "level": given_values}),
    },
)


def one_by_one(policies: Sequence[Policy], call: Call) -> list[tuple[str, int, str]]:
    """Every finding, by asking each rule: denials of resources first, as `Compiled` orders them."""
    found = []
    for made in policies:
        for index, rule in enumerate(parse_rules(made.rules)):
            judge = bind(rule)(call.words)
            try:
                finding = judge(call) if judge is not None else None
            except Exception:
                found.append((rule.type != "resource_deny", made.id, index, POLICY_ERROR))
                continue
            if finding is not None:
                found.append((rule.type != "resource_deny", made.id, index, finding.code))
    return [finding[1:] for finding in sorted(found, key=lambda finding: finding[0])]


@given(
    st.lists(st.lists(rules, min_size=1, max_size=4), max_size=6), attributes, st.sampled_from(["orders/1", "env_1"])
)
def test_the_same_findings_in_the_same_order(
    sets: list[list[dict[str, Any]]], attributes: dict[str, Any], resource: str
) -> None:
    policies = [policy(*rules) for rules in sets]
    call = Call("orders.refund", MOMENT, "agt_1", resources=(resource,), attributes=attributes)

    reasons = Compiled(policies).judge(call, explain=True).reasons

    told = [(reason["policyId"], reason["ruleIndex"], reason["code"]) for reason in reasons]
    assert told == one_by_one(policies, call)


def test_true_is_not_one() -> None:
    ruled = policy({"type": "attribute_match", "where": {"attribute": "level", "equals": 1}, "effect": "deny"})

    verdicts = [
        Compiled([ruled]).judge(Call("a", MOMENT, attributes={"level": level})).verdict.value
        for level in (1, 1.0, True, "1")
    ]

    assert verdicts == ["deny", "deny", "allow", "allow"]
