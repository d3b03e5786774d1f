"""Checks a Blueprint and tells all its problems at once."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from app.blueprints import data_source, rules, wording, yaml_source
from app.blueprints.document import MAX_SERVICES, Blueprint, Service
from app.blueprints.errors import BlueprintInvalid, BlueprintTooLarge
from app.blueprints.problems import Finding, Path, Problem
from app.blueprints.references import Known
from app.blueprints.yaml_source import Document

#: More problems than this help nobody, and would take long to find words for.
MAX_PROBLEMS = 100

#: Text that may be written as a number or a boolean, and keeps its spelling. `*` is any key or index.
_AS_WRITTEN = (
    ("env", "*"),
    ("services", "*", "env", "*"),
    ("services", "*", "run", "*"),
    ("services", "*", "build", "*"),
    ("services", "*", "build", "run", "*"),
    ("services", "*", "health", "exec", "*"),
    ("services", "*", "shutdown", "command", "*"),
)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found. The Blueprint is there if and only if there are no problems."""

    blueprint: Blueprint | None
    problems: tuple[Problem, ...] = ()


def check(source: str | dict[str, Any], secrets: Collection[str] | None = None) -> Checked:
    """The Blueprint in YAML, JSON or plain data, or all its problems in the order of the text. Never raises.

    `secrets` are the names of the secrets there are; without them, references to secrets are not checked.
    """
    document = yaml_source.read(source) if isinstance(source, str) else data_source.read(source)
    if document.data is None:
        return Checked(None, tuple(document.problems))
    _keep_spelling(document)
    blueprint, found = _validate(document.data, secrets)
    located = (document.problem(finding) for finding in found)
    problems = _in_order(itertools.islice(itertools.chain(document.problems, located), MAX_PROBLEMS + 1))
    return Checked(None if problems else blueprint, problems)


def parse(source: str | dict[str, Any], secrets: Collection[str] | None = None) -> Blueprint:
    """The Blueprint; raises `BlueprintInvalid` with all problems in its details."""
    checked = check(source, secrets)
    if checked.blueprint is not None:
        return checked.blueprint
    first, *more = checked.problems
    error = BlueprintTooLarge if first.code == "BLUEPRINT_TOO_LARGE" else BlueprintInvalid
    count = f" (and {len(more)} more)" if more else ""
    raise error(
        f"The Blueprint does not validate: {first}{count}",
        problems=[problem.as_dict() for problem in checked.problems],
    )


def _validate(data: Any, secrets: Collection[str] | None) -> tuple[Blueprint | None, Iterator[Finding]]:
    services = data.get("services") if isinstance(data, dict) else None
    if isinstance(services, dict) and len(services) > MAX_SERVICES:
        message = f"there are {len(services)} services; there may be at most {MAX_SERVICES}"
        return None, iter([Finding(("services",), message, code="TOO_MANY")])
    try:
        blueprint = Blueprint.model_validate(data)
    except ValidationError as error:
        known = Known(_valid_services(services), list(services) if isinstance(services, dict) else [], secrets)
        return None, itertools.chain(wording.findings(error), rules.findings(_valid_env(data), known))
    known = Known(blueprint.services, blueprint.services, secrets)
    return blueprint, rules.findings(blueprint.env, known)


def _valid_services(services: Any) -> dict[str, Service]:
    """Those services which are valid by themselves, so that they are still checked against each other."""
    valid = {}
    for name, service in services.items() if isinstance(services, dict) else ():
        try:
            valid[name] = Service.model_validate(service)
        except ValidationError:
            continue
    return valid


def _valid_env(data: Any) -> dict[str, str]:
    env = data.get("env") if isinstance(data, dict) else None
    return {name: value for name, value in env.items() if isinstance(value, str)} if isinstance(env, dict) else {}


def _keep_spelling(document: Document) -> None:
    """Puts the source text where text is meant, so that `VERSION: 1.10` stays `1.10`."""
    for path, text in document.texts.items():
        if any(_matches(path, pattern) for pattern in _AS_WRITTEN):
            parent = document.data
            for step in path[:-1]:
                parent = parent[step]
            parent[path[-1]] = text


def _matches(path: Path, pattern: tuple[str, ...]) -> bool:
    return len(path) == len(pattern) and all(want in ("*", step) for step, want in zip(path, pattern, strict=True))


def _in_order(problems: Iterator[Problem]) -> tuple[Problem, ...]:
    found = list(dict.fromkeys(problems))
    shown = sorted(found[:MAX_PROBLEMS], key=lambda problem: (problem.line or 0, problem.column or 0))
    if len(found) > MAX_PROBLEMS:
        message = f"there are more problems; these are {MAX_PROBLEMS} of them"
        shown.append(Problem(None, None, "", message, None, "TOO_MANY_PROBLEMS"))
    return tuple(shown)
