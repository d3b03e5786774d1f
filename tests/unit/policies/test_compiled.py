"""How sets of policies decide, whatever is in them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.identity.models import DefaultDecision
from app.policies.call import Call
from app.policies.compiled import Compiled
from app.policies.models import Policy, PolicyMode, PolicyScope, PolicyStatus, Verdict
from tests.support.policies import MOMENT, policy

ACTIONS = ["read", "write", "orders.refund", "orders.read", "environment.create"]
RESOURCES = ["", "orders/1", "orders/2", "env_1"]
globs = st.sampled_from([*ACTIONS, "*", "orders.*", "*.read", "?ead", "[rw]*"])
resource_globs = st.sampled_from([*filter(None, RESOURCES), "*", "orders/*", "env_?"])
rules = st.one_of(
    st.fixed_dictionaries({"type": st.just("action_allowlist"), "actions": st.lists(globs, max_size=3)}),
    st.fixed_dictionaries({"type": st.just("action_denylist"), "actions": st.lists(globs, min_size=1, max_size=3)}),
    st.fixed_dictionaries({"type": st.just("resource_allow"), "resources": st.lists(resource_globs, min_size=1)}),
    st.fixed_dictionaries({"type": st.just("resource_deny"), "resources": st.lists(resource_globs, min_size=1)}),
    st.fixed_dictionaries(
        {
            "type": st.just("attribute_match"),
            "where": st.fixed_dictionaries({"attribute": st.just("agent.team"), "equals": st.sampled_from(["a", "b"])}),
            "effect": st.sampled_from(["allow", "deny"]),
        }
    ),
    st.fixed_dictionaries({"type": st.just("require_approval"), "actions": st.lists(globs, min_size=1, max_size=2)}),
    st.just({"type": "argument_schema", "actions": ["*"], "schema": {"required": ["amount"]}}),
)
scopes = st.sampled_from(
    [
        (PolicyScope.ORG, ""),
        (PolicyScope.AGENT, "agt_1"),
        (PolicyScope.AGENT, "agt_2"),
        (PolicyScope.GROUP, "a"),
        (PolicyScope.ENVIRONMENT, "production"),
    ]
)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    scope, target = draw(scopes)
    mode = draw(st.sampled_from(PolicyMode))
    return policy(*draw(st.lists(rules, min_size=1, max_size=3)), scope=scope, target=target, mode=mode)


@st.composite
def calls(draw: st.DrawFn) -> Call:
    team = draw(st.sampled_from([{}, {"team": "a"}, {"team": "b", "environment": "production"}]))
    return Call(
        action=draw(st.sampled_from(ACTIONS)),
        at=MOMENT,
        agent_id="agt_1",
        kind=draw(st.sampled_from(["", "read", "write"])),
        resources=(draw(st.sampled_from(RESOURCES)),),
        arguments=draw(st.sampled_from([{}, {"amount": 1}])),
        attributes={"agent": team},
    )


@given(st.lists(policies(), max_size=5), policies(), calls())
def test_adding_a_policy_never_turns_a_denial_into_anything_else(
    given_: list[Policy], added: Policy, call: Call
) -> None:
    before, after = Compiled(given_).judge(call), Compiled([*given_, added]).judge(call)

    if before.verdict is Verdict.DENY:
        assert after.verdict is Verdict.DENY
    if before.verdict is Verdict.ESCALATE:
        assert after.verdict is not Verdict.ALLOW


@given(st.lists(policies(), max_size=5), calls(), st.integers(0, 5))
def test_an_action_that_is_denied_is_denied_wherever_the_denial_stands(
    others: list[Policy], call: Call, place: int
) -> None:
    denial = policy({"type": "action_denylist", "actions": [call.action]})

    for set_ in ([*others[:place], denial, *others[place:]], [denial, *others], [*others, denial]):
        assert Compiled(set_).judge(call).verdict is Verdict.DENY
        assert Compiled(set_, DefaultDecision.DENY).judge(call).verdict is Verdict.DENY


@given(st.lists(globs, max_size=4), st.lists(globs, max_size=4), calls())
def test_allowlists_intersect(first: list[str], second: list[str], call: Call) -> None:
    one, other = ({"type": "action_allowlist", "actions": actions} for actions in (first, second))

    allowed = [Compiled([policy(rule)]).judge(call).verdict is Verdict.ALLOW for rule in (one, other)]

    for set_ in ([policy(one), policy(other)], [policy(one, other)], [policy(other), policy(one, mode="enforce")]):
        assert (Compiled(set_).judge(call).verdict is Verdict.ALLOW) is all(allowed)


@given(st.lists(policies(), max_size=5), calls(), st.sampled_from(DefaultDecision))
def test_an_explanation_decides_as_the_decision_does(
    given_: list[Policy], call: Call, default: DefaultDecision
) -> None:
    compiled = Compiled(given_, default)

    decided, explained = compiled.judge(call), compiled.judge(call, explain=True)

    assert explained.verdict is decided.verdict
    assert all(reason in explained.reasons for reason in decided.reasons)


@given(st.lists(policies(), max_size=5), calls())
def test_policies_that_are_not_enforced_decide_nothing(given_: list[Policy], call: Call) -> None:
    idle = [found.changed(mode=PolicyMode.MONITOR) for found in given_]
    gone = [found.changed(status=PolicyStatus.ARCHIVED) for found in given_]
    off = [found.changed(mode=PolicyMode.OFF) for found in given_]

    for set_ in (idle, gone, off):
        assert Compiled(set_).judge(call).verdict is Verdict.ALLOW
    assert all(reason["mode"] == "monitor" for reason in Compiled(idle).judge(call).reasons)


@given(st.lists(policies(), max_size=5), calls())
def test_where_the_default_is_to_deny_only_what_a_policy_allows_passes(given_: list[Policy], call: Call) -> None:
    usual, strict = Compiled(given_).judge(call).verdict, Compiled(given_, DefaultDecision.DENY).judge(call).verdict

    assert strict in (usual, Verdict.DENY)
    if not any(found.mode is PolicyMode.ENFORCE for found in given_):
        assert strict is Verdict.DENY


def test_where_the_default_is_to_deny_an_allowlist_allows() -> None:
    compiled = Compiled([policy({"type": "action_allowlist", "actions": ["orders.*"]})], DefaultDecision.DENY)

    assert compiled.judge(Call("orders.refund", MOMENT)).verdict is Verdict.ALLOW
    assert compiled.judge(Call("users.delete", MOMENT)).verdict is Verdict.DENY
    assert Compiled([], DefaultDecision.DENY).judge(Call("read", MOMENT)).reasons[0]["code"] == "default_deny"


def test_the_generic_words_mean_every_operation_of_their_kind() -> None:
    compiled = Compiled([policy({"type": "action_allowlist", "actions": ["read", "write"]})])

    assert compiled.judge(Call("environment.create", MOMENT, kind="write")).verdict is Verdict.ALLOW
    assert compiled.judge(Call("environments.read", MOMENT, kind="read")).verdict is Verdict.ALLOW
    assert compiled.judge(Call("policy.create", MOMENT, kind="admin")).verdict is Verdict.DENY


@pytest.mark.parametrize("effect", ["allow", "deny"])
def test_a_missing_attribute_denies(effect: str) -> None:
    rule = {"type": "attribute_match", "where": {"attribute": "agent.team", "equals": "a"}, "effect": effect}

    judged = Compiled([policy(rule)]).judge(Call("read", MOMENT, attributes={"agent": {}}))

    assert judged.verdict is Verdict.DENY
    assert judged.reasons[0]["code"] == "policy_error"


def test_the_hash_names_exactly_the_set() -> None:
    one, other = (policy({"type": "action_denylist", "actions": [name]}) for name in ("a", "b"))

    hashes = {
        Compiled(set_).hash
        for set_ in ([], [one], [other], [one, other], [one.changed(version=2)], [one.changed(mode=PolicyMode.MONITOR)])
    } | {Compiled([one], DefaultDecision.DENY).hash}

    assert len(hashes) == 7
    assert Compiled([one, other]).hash == Compiled([other, one]).hash


def _verdict(rule: dict[str, Any], **call: Any) -> tuple[Verdict, str]:
    judged = Compiled([policy(rule)]).judge(Call(**{"action": "read", "at": MOMENT, **call}))
    return judged.verdict, judged.reasons[0]["code"] if judged.reasons else ""


ALLOWED = (Verdict.ALLOW, "")


@pytest.mark.parametrize(
    ("hour", "minute", "days", "begin", "end", "allowed"),
    [
        (12, 0, ["fri"], "09:00", "17:00", True),  # 14:00 in Berlin
        (12, 0, ["thu"], "09:00", "17:00", False),
        (15, 0, ["fri"], "09:00", "17:00", False),  # 17:00: the end is not in it
        (23, 0, ["fri"], "22:00", "06:00", True),  # Saturday 01:00, begun on Friday
        (23, 0, ["sat"], "22:00", "06:00", False),
        (20, 30, ["fri"], "22:00", "06:00", True),
    ],
)
def test_time_windows_are_in_their_zone(
    hour: int, minute: int, days: list[str], begin: str, end: str, allowed: bool
) -> None:
    rule = {"type": "time_window", "days": days, "from": begin, "to": end, "zone": "Europe/Berlin"}

    found = _verdict(rule, at=MOMENT.replace(hour=hour, minute=minute))

    assert found == (ALLOWED if allowed else (Verdict.DENY, "outside_time_window"))


@pytest.mark.parametrize(
    ("attributes", "resource", "allowed"),
    [
        ({}, "orders/1", True),
        ({"domain": "example.com"}, "", True),
        ({"url": "https://API.example.com:8443/x"}, "", True),
        ({"domain": "evil.com"}, "", False),
        ({"domain": "example.com", "url": "https://evil.com/"}, "", False),
        ({"domain": "example.com"}, "https://evil.com/", False),
        ({"url": "https://example.com@evil.com/"}, "", False),
        ({"url": "not a url"}, "", False),
    ],
)
def test_egress_is_judged_by_every_domain_that_the_call_names(
    attributes: dict[str, Any], resource: str, allowed: bool
) -> None:
    rule = {"type": "egress_allow", "domains": ["example.com", "*.example.com"]}

    assert (_verdict(rule, attributes=attributes, resources=(resource,)) == ALLOWED) is allowed


def test_arguments_are_judged_by_their_schema() -> None:
    rule = {
        "type": "argument_schema",
        "actions": ["orders.*"],
        "schema": {"properties": {"amount": {"maximum": 100}}, "required": ["amount"]},
    }

    assert _verdict(rule, action="orders.refund", arguments={"amount": 100}) == ALLOWED
    assert _verdict(rule, action="orders.refund", arguments={"amount": 101})[1] == "arguments_invalid"
    assert _verdict(rule, action="orders.refund")[1] == "arguments_invalid"
    assert _verdict(rule, action="users.read") == ALLOWED


def test_every_resource_that_a_call_names_has_to_be_allowed() -> None:
    allow, deny = ({"type": kind, "resources": ["orders/*"]} for kind in ("resource_allow", "resource_deny"))

    assert _verdict(allow, resources=("orders/1", "orders/2")) == ALLOWED
    assert _verdict(allow, resources=("orders/1", "users/2"))[1] == "resource_not_allowed"
    assert _verdict(allow)[1] == "resource_not_allowed"
    assert _verdict(deny, resources=("users/1", "orders/2"))[1] == "resource_denied"


def test_a_cedar_rule_forbids_what_it_does_not_permit() -> None:
    text = 'permit(principal in Group::"commerce", action == Action::"orders.refund", resource)'
    rule = {"type": "cedar", "text": text + " when { context.arguments.amount < 100 && principal.level == 3 };"}
    commerce = {"agent": {"team": "commerce", "level": 3}}

    def judged(**call: Any) -> tuple[Verdict, str]:
        return _verdict(rule, agent_id="agt_1", **{"action": "orders.refund", "attributes": commerce, **call})

    assert judged(arguments={"amount": 99}) == ALLOWED
    assert judged(arguments={"amount": 100})[1] == "cedar_denied"
    assert judged(arguments={"amount": 99}, action="orders.delete")[1] == "cedar_denied"
    assert judged(arguments={"amount": 99}, attributes={"agent": {"team": "other", "level": 3}})[1] == "cedar_denied"
    assert judged(arguments={})[1] == "policy_error"
