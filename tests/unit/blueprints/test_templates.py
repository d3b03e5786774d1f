"""The bundled templates are there, valid, and run on a bare machine."""

from __future__ import annotations

import pytest

from app.blueprints.errors import TemplateNotFound
from app.blueprints.templates import Template, template, templates
from app.blueprints.validation import check


def test_there_are_templates_to_start_from() -> None:
    assert [found.id for found in templates()] == ["counter", "hello", "queue", "shop"]


@pytest.mark.parametrize("found", templates(), ids=lambda found: found.id)
def test_a_template_is_valid_and_says_what_it_is(found: Template) -> None:
    blueprint = check(found.source, secrets=[]).blueprint

    assert blueprint is not None
    assert blueprint.name == found.id
    assert found.services == tuple(blueprint.services)
    assert found.name
    assert found.description
    assert found.tags


@pytest.mark.parametrize("found", templates(), ids=lambda found: found.id)
def test_a_template_needs_nothing_but_a_shell_and_python(found: Template) -> None:
    blueprint = check(found.source).blueprint

    assert blueprint is not None
    for service in blueprint.services.values():
        assert service.image is None
        assert isinstance(service.run, str)
        assert service.run.startswith("exec python3 -u - <<'PY'\n")
        compile(service.run.split("\n", 1)[1].rsplit("PY", 1)[0], found.id, "exec")


def test_a_template_is_found_by_its_id() -> None:
    assert template("shop").services == ("migrate", "api", "worker", "web")


def test_an_unknown_template_is_not_found() -> None:
    with pytest.raises(TemplateNotFound):
        template("nothing")
