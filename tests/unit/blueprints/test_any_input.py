"""Whatever comes in, a check answers with problems, and in time."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.blueprints.document import Blueprint, Service
from app.blueprints.problems import Problem
from app.blueprints.validation import Checked, check
from app.blueprints.wording import PARTS

WORDS = sorted(
    {*Blueprint.model_fields, *Service.model_fields}.union(*(part.model_fields for part in PARTS.values()))
    | {
        "web",
        "db",
        "started",
        "healthy",
        "completed",
        "always",
        "default",
        "data:/x",
        "1s",
        "256Mi",
        "500m",
        "/",
        "http",
    }
    | {"${services.db.url}", "${secrets.A}", "${", "$${x}", "<<", "[key]", "{message}", "{}"}
)
NAMES = st.sampled_from(WORDS) | st.text(max_size=8)
SCALARS = NAMES | st.none() | st.booleans() | st.integers() | st.floats()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=25,
)
SERVICES = st.dictionaries(NAMES, st.dictionaries(st.sampled_from(sorted(Service.model_fields)), VALUES), max_size=4)
SETTINGS = settings(deadline=2000, max_examples=300, suppress_health_check=[HealthCheck.too_slow])


def assert_sound(checked: Checked) -> None:
    assert (checked.blueprint is None) == bool(checked.problems)
    for problem in checked.problems:
        assert isinstance(problem, Problem)
        assert problem.message
        assert problem.code.isupper()
        assert len(problem.message) < 600
        str(problem).encode("utf-8", "surrogatepass")


@SETTINGS
@given(st.text())
def test_any_text_gives_problems_or_a_blueprint(source: str) -> None:
    assert_sound(check(source, []))


@SETTINGS
@given(st.text(alphabet="ab:-?[]{}&*!|>'\"#%@, \n\t<0.~"))
def test_any_text_that_looks_like_yaml_gives_problems_with_places(source: str) -> None:
    checked = check(source)

    assert_sound(checked)
    assert all(problem.line and problem.column for problem in checked.problems)


@SETTINGS
@given(st.dictionaries(NAMES | st.integers(), VALUES))
def test_any_data_gives_problems_or_a_blueprint(source: dict[Any, Any]) -> None:
    assert_sound(check(source, ["A"]))


@SETTINGS
@given(SERVICES)
def test_any_services_give_problems_or_a_blueprint_that_reads_back(services: dict[str, Any]) -> None:
    checked = check({"services": services})

    assert_sound(checked)
    if checked.blueprint is not None:
        assert check(checked.blueprint.as_source()).blueprint == checked.blueprint
