"""Canonical JSON: the fast way writes what RFC 8785 says, and what databases keep of a value has the same form."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from app.audit.canonical import FIELDS, canonical, document_leaf, event_document, event_leaf, moment_text, plain
from app.audit.models import AuditEvent

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
EVENT: dict[str, Any] = {
    "format": 1,
    "id": "evt_1",
    "organization_id": "org_1",
    "user_id": "usr_1",
    "agent_id": "",
    "credential_id": "key_1",
    "action": "environment.create",
    "resource": "env_1",
    "result": "allowed",
    "reasons": [],
    "policy_set_hash": "",
    "arguments_hash": "",
    "approval_id": "",
    "request_id": "req_1",
    "details": {"name": "shop"},
    "personal_hash": "",
    "created_at": datetime(2026, 4, 15, 12, 34, 56, 789, tzinfo=UTC),
}


@given(VALUES)
def test_the_fast_way_writes_what_rfc_8785_says(value: Any) -> None:
    made = plain(value)

    assert canonical(made) == rfc8785.dumps(made)


@given(VALUES)
def test_a_value_that_went_through_json_has_the_same_form(value: Any) -> None:
    made = plain(value)

    assert canonical(orjson.loads(orjson.dumps(made))) == canonical(made)


def test_the_published_example_of_rfc_8785() -> None:
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
        "literals": [None, True, False],
    }

    assert canonical(value) == (
        b'{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        b'"string":"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


def test_the_leaf_covers_every_field_of_an_event_but_its_place() -> None:
    assert set(FIELDS) == set(AuditEvent.model_fields) - {"sequence", "leaf"}


@pytest.mark.parametrize("field", FIELDS)
def test_another_value_in_any_field_is_another_leaf(field: str) -> None:
    document = event_document(EVENT)
    other = {"format": 2, "reasons": [{}], "details": {}}.get(field, "other")

    changed = {**document, field: other}

    if field == "format":
        with pytest.raises(ValueError, match="format 2"):
            document_leaf(changed)
    else:
        assert document_leaf(changed) != document_leaf(document)


def test_a_leaf_never_changes_for_the_same_event() -> None:
    """Logs that exist were made with this: a change of it needs a new format."""
    assert event_leaf(EVENT).hex() == "3cbe4e9cf264e000da4cc120b00a944f9320a9af104c1186314b1eb63f8927fa"


def test_a_moment_is_written_in_utc_to_the_microsecond() -> None:
    moment = datetime(2026, 4, 15, 14, 34, 56, tzinfo=timezone(timedelta(hours=2)))

    assert moment_text(moment) == "2026-04-15T12:34:56.000000Z"
