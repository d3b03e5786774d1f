"""What a rule may be, and how a wrong one is told."""

from __future__ import annotations

from typing import Any

import pytest

from app.policies.arguments import kept, redacted
from app.policies.document import parse_rules, plain_rules
from app.policies.errors import PolicyInvalid

FINE: list[dict[str, Any]] = [
    {"type": "rate_limit", "max_requests_per_minute": 1000},
    {"type": "action_allowlist", "actions": ["read", "write"]},
    {"type": "budget", "metric": "cost", "limit": 0.5, "period": "day"},
    {"type": "attribute_match", "where": {"attribute": "agent.team", "in": ["a", 1]}, "effect": "deny"},
    {"type": "time_window", "from": "09:00:00", "to": "17:00:00", "zone": "Europe/Berlin"},
    {"type": "argument_schema", "actions": ["*"], "schema": {"type": "object"}},
    {"type": "require_approval", "resources": ["prod/*"], "ttl": 60},
]


def test_rules_are_given_back_as_they_were_written() -> None:
    assert plain_rules(parse_rules(FINE)) == FINE


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({}, "rules[0]"),
        ({"type": "nonsense"}, "rules[0]"),
        ({"type": "rate_limit"}, "rules[0].max_requests_per_minute"),
        ({"type": "rate_limit", "max_requests_per_minute": -1}, "rules[0].max_requests_per_minute"),
        ({"type": "action_denylist", "actions": []}, "rules[0].actions"),
        ({"type": "action_denylist", "actions": ["a"], "extra": 1}, "rules[0].extra"),
        ({"type": "argument_schema", "actions": ["a"], "schema": {"type": "strin"}}, "rules[0].schema"),
        ({"type": "argument_schema", "actions": ["a"], "schema": {"$ref": "http://127.0.0.1/x"}}, "rules[0].schema"),
        ({"type": "attribute_match", "where": {"attribute": "a"}}, "rules[0].where"),
        ({"type": "attribute_match", "where": {"attribute": "a", "equals": 1, "in": [1]}}, "rules[0].where"),
        ({"type": "time_window", "from": "9", "to": "17:00"}, "rules[0].from"),
        ({"type": "time_window", "from": "09:00", "to": "17:00", "zone": "Mars"}, "rules[0].zone"),
        ({"type": "time_window", "from": "09:00", "to": "17:00", "zone": "../etc/passwd"}, "rules[0].zone"),
        ({"type": "require_approval"}, "rules[0]"),
        ({"type": "cedar", "text": "permit"}, "rules[0]"),
    ],
)
def test_a_wrong_rule_is_told_by_its_field(rule: dict[str, Any], field: str) -> None:
    with pytest.raises(PolicyInvalid) as raised:
        parse_rules([rule])

    assert raised.value.details["fields"][0]["field"].startswith(field)
    assert raised.value.status == 400


def test_what_is_no_list_of_rules_is_refused() -> None:
    for wrong in (None, {}, "rules", [1], [[]], [FINE[0]] * 101):
        with pytest.raises(PolicyInvalid):
            parse_rules(wrong)


def test_what_sounds_secret_is_hidden_at_any_depth() -> None:
    given = {"name": "x", "apiKey": "k", "deep": [{"PASSWORD": {"a": 1}}], "secrets": [1], "accessToken": None}

    assert redacted(given) == {
        "name": "x",
        "apiKey": "***",
        "deep": [{"PASSWORD": "***"}],
        "secrets": "***",
        "accessToken": "***",
    }
    assert kept({"text": "x" * 9_000}) is None
