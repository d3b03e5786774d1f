"""The integration tests of Cedar's own project, through the function that evaluates `cedar` rules."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from app.policies import cedar

ROOT = Path(__file__).resolve().parents[3]
SUITES = Path(os.environ.get("SOUNDSTAGE_SUITES", ROOT.parent / "shared" / "suites"))
SUITE = SUITES / "cedar"
#: Requests in the suite.
EXPECTED = 74


def _cases() -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    found = []
    for file in sorted((SUITE / "tests").rglob("*.json")):
        test = json.loads(file.read_text())
        for number, request in enumerate(test["requests"]):
            found.append((f"{file.relative_to(SUITE)}#{number}", test, request))
    return found


@pytest.mark.skipif(
    not SUITE.is_dir(), reason=f"no Cedar suite at {SUITE}: set SOUNDSTAGE_SUITES to the folder that holds it"
)
def test_every_test_of_the_suite_gives_the_decision_that_it_names() -> None:
    cases = _cases()

    wrong = [name for name, test, request in cases if not _as_named(test, request)]

    assert len(cases) == EXPECTED
    assert wrong == []


def _as_named(test: dict[str, Any], request: dict[str, Any]) -> bool:
    schema = (SUITE / test["schema"]).read_text()
    text = (SUITE / test["policies"]).read_text()
    try:
        policies = cedar.parse(text, schema)
    except ValueError:
        assert not test["shouldValidate"], "valid by its schema, says the suite"
        policies = cedar.CedarPolicies(cedar.parse(text).policies, cedar.Schema.from_str(schema))
    known = cedar.entities((SUITE / test["entities"]).read_text(), policies.schema)
    asked = {
        key: request[key] for key in ("principal", "action", "resource", "context") if request.get(key) is not None
    }

    answer = policies.authorize(asked, known)

    return (
        ("allow" if answer.allowed else "deny") == request["decision"]
        and sorted(answer.reasons) == sorted(request["reason"])
        and len(answer.errors) == len(request["errors"])
    )


@pytest.mark.parametrize(
    "text", ["", "permit", "permit(principal, action, resource)", 'forbid(principal == "x", a, b);']
)
def test_text_that_does_not_parse_is_refused(text: str) -> None:
    if not text:
        assert not cedar.parse(text).authorize(_REQUEST, cedar.entities([])).allowed, "nothing permits anything"
        return

    with pytest.raises(ValueError):
        cedar.parse(text)


_REQUEST = {
    "principal": {"type": "Agent", "id": "agt_1"},
    "action": {"type": "Action", "id": "read"},
    "resource": {"type": "Resource", "id": "orders/1"},
    "context": {},
}


def test_text_that_is_not_valid_by_its_schema_is_refused() -> None:
    schema = "entity Agent; entity Resource; action read appliesTo {principal: Agent, resource: Resource};"

    cedar.parse("permit(principal, action, resource);", schema)

    with pytest.raises(ValueError, match="color"):
        cedar.parse("permit(principal, action, resource) when { principal.color == 1 };", schema)


def test_arguments_cannot_name_entities() -> None:
    spoofed = {"owner": {"__entity": {"type": "Agent", "id": "agt_1"}}, "amount": 1.5, "count": 2, "none": None}

    assert cedar.context(spoofed) == {"count": 2}
