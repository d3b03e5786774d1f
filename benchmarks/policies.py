"""A policy decision in process at 2, 20 and 200 rules, beside cedarpy and Microsoft's agent-os-kernel.

Each engine gets rules of equal shape: a condition on an attribute of the call that none refuses, so that nothing is
decided early. Ours stand in as many policies as there are rules. Conditions on a value are found by it; globs are the
case in which every rule is looked at.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime

import cedarpy

from app.policies.call import Call
from app.policies.compiled import Compiled
from app.policies.models import Policy, PolicyMode, PolicyScope, PolicyStatus

SIZES = (2, 20, 200)
DECISIONS, ROUNDS = 4_000, 5
MOMENT = datetime(2026, 4, 17, 12, 0, tzinfo=UTC)


def measure() -> list[str]:
    """One row an engine and size: median and 99th percentile, in microseconds."""
    rows = []
    for size in SIZES:
        for name, decide, count in (
            ("ours, conditions on an attribute's value", _ours(size, "equals"), DECISIONS),
            ("ours, globs on an attribute: each rule looked at", _ours(size, "matches"), DECISIONS),
            ("ours, allowlists and denylists by action", _ours_by_action(size), DECISIONS),
            ("cedarpy, parsed before", _cedar(size), DECISIONS // 4),
            ("agent-os-kernel", _microsoft(size), DECISIONS // 4),
        ):
            if decide is None:
                rows.append(f"| {name} | {size} | not installed: `pip install --group bench` | |")
                continue
            median, worst = _percentiles(decide, count)
            rows.append(f"| {name} | {size} | {median:.1f} µs | {worst:.1f} µs |")
    return rows


def _percentiles(decide: Callable[[], bool], count: int) -> tuple[float, float]:
    """Median and 99th percentile of the round with the lowest one: other work on the machine only ever adds."""
    assert decide(), "every engine has to allow the call"
    return min((_round(decide, count) for _ in range(ROUNDS)), key=lambda found: found[1])


def _round(decide: Callable[[], bool], count: int) -> tuple[float, float]:
    for _ in range(200):
        decide()
    gc.collect()
    taken = []
    for _ in range(count):
        begin = time.perf_counter_ns()
        decide()
        taken.append((time.perf_counter_ns() - begin) / 1_000)
    return statistics.median(taken), statistics.quantiles(taken, n=100)[98]


def _policy(number: int, rule: dict[str, object]) -> Policy:
    return Policy(
        id=f"pol_{number:026d}",
        organization_id="org",
        name=f"policy {number}",
        scope=PolicyScope.ORG,
        rules=[rule],
        mode=PolicyMode.ENFORCE,
        status=PolicyStatus.ACTIVE,
        created_by="usr",
        created_at=MOMENT,
        updated_at=MOMENT,
    )


def _ours(size: int, operator: str) -> Callable[[], bool]:
    where = [{"attribute": "agent.team", operator: f"team-{number}"} for number in range(size)]
    rules = [{"type": "attribute_match", "where": condition, "effect": "deny"} for condition in where]
    return _judged(rules)


def _ours_by_action(size: int) -> Callable[[], bool]:
    kinds = ("action_denylist", "action_allowlist")
    rules = [
        {"type": kinds[number % 2], "actions": [f"users.{number}"] if number % 2 == 0 else ["orders.*", "read"]}
        for number in range(size)
    ]
    return _judged(rules)


def _judged(rules: list[dict[str, object]]) -> Callable[[], bool]:
    compiled = Compiled([_policy(number, rule) for number, rule in enumerate(rules)])

    def decide() -> bool:
        call = Call(
            "orders.refund", MOMENT, "agt_1", resources=("orders/1",), attributes={"agent": {"team": "commerce"}}
        )
        return compiled.judge(call).verdict.value == "allow"

    return decide


def _cedar(size: int) -> Callable[[], bool]:
    forbidden = "\n".join(
        f'forbid(principal, action, resource) when {{ context.team == "team-{number}" }};' for number in range(size - 1)
    )
    policies = cedarpy.PolicySet.from_str(f"permit(principal, action, resource);\n{forbidden}")
    entities = cedarpy.Entities.from_json_str("[]")
    request = {
        "principal": {"type": "Agent", "id": "agt_1"},
        "action": {"type": "Action", "id": "orders.refund"},
        "resource": {"type": "Resource", "id": "orders/1"},
        "context": {"team": "commerce"},
    }
    return lambda: cedarpy.is_authorized(request, policies, entities).allowed


def _microsoft(size: int) -> Callable[[], bool] | None:
    try:
        from agent_os.policies import evaluator, schema
    except ImportError:
        return None
    rules = [
        schema.PolicyRule(
            name=f"rule-{number}",
            condition=schema.PolicyCondition(field="team", operator=schema.PolicyOperator.EQ, value=f"team-{number}"),
            action=schema.PolicyAction.DENY,
        )
        for number in range(size)
    ]
    policies = [schema.PolicyDocument(name=f"policy-{number}", rules=[rule]) for number, rule in enumerate(rules)]
    engine = evaluator.PolicyEvaluator(policies=policies)
    context = {"team": "commerce", "action": "orders.refund", "resource": "orders/1", "agent": "agt_1"}
    return lambda: bool(engine.evaluate(context).allowed)
