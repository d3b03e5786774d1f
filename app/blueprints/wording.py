"""Says in plain words what the document's models refuse."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from app.blueprints import document
from app.blueprints.problems import Finding, Path, closest, did_you_mean, short
from app.blueprints.quantities import told

#: The model of each key of a service that is a part of its own.
PARTS: Mapping[str, type[BaseModel]] = {
    "build": document.Build,
    "health": document.Health,
    "ports": document.Port,
    "resources": document.Resources,
    "restart": document.Restart,
    "shutdown": document.Shutdown,
    "volumes": document.Volume,
}

_EXPECTED = {
    "services": "a mapping of services by their names",
    "env": "a mapping of variables such as `{LOG_LEVEL: info}`",
    "depends_on": "a mapping such as `{db: healthy}`, or a list of services",
    "ports": "a list of ports",
    "volumes": "a list of volumes",
    "health": "a mapping such as `{http: /healthz}`",
    "restart": "a policy such as `always`, or a mapping",
    "resources": "a mapping such as `{cpu: 500m, memory: 256Mi}`",
    "shutdown": "a mapping such as `{signal: SIGINT, grace: 5s}`",
    "build": "a command, or a mapping with `run`",
}

#: Keys of Compose, process-compose and Kubernetes, and what stands for them here.
_FOREIGN_KEYS = {
    "command": "did you mean `run`?",
    "entrypoint": "did you mean `run`?",
    "cmd": "did you mean `run`?",
    "environment": "did you mean `env`?",
    "env_file": "write the variables in `env`",
    "env_from": "write the variables in `env`",
    "healthcheck": "did you mean `health`?",
    "readiness_probe": "did you mean `health`?",
    "liveness_probe": "did you mean `health`?",
    "test": "did you mean `exec`?",
    "availability": "did you mean `restart`?",
    "expose": "did you mean `ports`?",
    "scale": "did you mean `replicas`?",
    "deploy": "use `replicas` and `resources`",
    "cpus": "use `resources: {cpu: …}`",
    "mem_limit": "use `resources: {memory: …}`",
    "limits": "write `cpu` and `memory` without `limits` around them",
    "stop_signal": "use `shutdown: {signal: …}`",
    "stop_grace_period": "use `shutdown: {grace: …}`",
    "cwd": "did you mean `working_dir`?",
    "processes": "did you mean `services`?",
    "version": "remove it: a Blueprint has no version",
    "networks": "remove it: all services of an environment reach each other",
    "volumes": "remove it: volumes are declared by the services that use them",
    "secrets": "refer to a secret where it is needed: `${secrets.NAME}`",
    "dockerfile": "name a ready image in `image`",
    "context": "name a ready image in `image`",
}

_FOREIGN_WORDS = {
    "service_started": "started",
    "service_healthy": "healthy",
    "service_completed_successfully": "completed",
    "process_started": "started",
    "process_healthy": "healthy",
    "process_completed_successfully": "completed",
    "no": "never",
    "unless-stopped": "always",
    "on_failure": "on-failure",
    "https": "http",
    "udp": "tcp",
}

_NAMES = {
    "services": "a name is a lower-case letter and up to 39 lower-case letters, digits and `-`",
    "ports": "the name of a port has up to 40 lower-case letters, digits and `-`",
    "volumes": "the name of a volume has up to 63 lower-case letters, digits, `_`, `.` and `-`",
    "env": "the name of a variable has letters, digits and `_`, and begins with no digit",
}


def findings(error: ValidationError) -> Iterator[Finding]:
    """One finding for each thing that was refused, made only when asked for."""
    for details in error.errors(include_url=False):
        path: Path = details["loc"]
        if path[-1:] == ("[key]",) and details["type"].startswith("string_"):
            yield _invalid_name(path[:-1], str(path[-2]))
        elif (wording := _WORDINGS.get(details["type"])) is not None:
            yield wording(path, details)
        else:
            yield Finding(path, f"{told(details['input'])} is not valid here")


def known_keys(path: Path) -> tuple[str, ...]:
    """The keys that may stand in the mapping at this path."""
    if len(path) < 2:
        return tuple(document.Blueprint.model_fields)
    part = PARTS.get(str(path[2])) if len(path) > 2 else document.Service
    return tuple(part.model_fields) if part else ()


def _invalid_name(path: Path, name: str) -> Finding:
    where = "env" if path[-2] == "env" else "services"
    return Finding(path, f"`{short(name)}` is not a valid name: {_NAMES[where]}", _valid_name(name, where), at_key=True)


def _valid_name(name: str, where: str) -> str | None:
    separator = "_" if where == "env" else "-"
    candidate = re.sub(r"[^A-Za-z0-9]+", separator, name[:39]).strip(separator)
    candidate = candidate if where == "env" else candidate.lower()
    return did_you_mean(candidate) if candidate[:1].isalpha() and candidate != name and candidate.isascii() else None


def _plain(path: Path, details: ErrorDetails) -> Finding:
    context = details["ctx"]
    return Finding(path, context["message"], context["suggestion"], context["code"])


def _missing(path: Path, _: ErrorDetails) -> Finding:
    return Finding(path[:-1], f"the key `{path[-1]}` is missing", code="MISSING_KEY")


def _unknown_key(path: Path, _: ErrorDetails) -> Finding:
    word, known = str(path[-1]), known_keys(path[:-1])
    foreign = _FOREIGN_KEYS.get(word.lower().replace("-", "_"))
    meant = re.fullmatch(r"did you mean `(\w+)`\?", foreign or "")
    if foreign and (meant is None or meant[1] in known):
        suggestion: str | None = foreign
    else:
        suggestion = closest(word, known) or "known here are " + ", ".join(f"`{key}`" for key in known)
    return Finding(path, f"unknown key `{short(word)}`", suggestion, "UNKNOWN_KEY", at_key=True)


def _choice(path: Path, details: ErrorDetails) -> Finding:
    words = re.findall(r"'([^']*)'", details["ctx"]["expected"])
    given = details["input"]
    if isinstance(given, dict) and "condition" in given:
        given = given["condition"]
    expected = ", ".join(f"`{word}`" for word in words[:-1]) + f" or `{words[-1]}`"
    suggestion = None
    if isinstance(given, str):
        foreign = _FOREIGN_WORDS.get(given, "")
        suggestion = did_you_mean(foreign) if foreign in words else closest(given, words)
    return Finding(path, f"expected {expected}, got {told(given)}", suggestion)


def _wrong_kind(expected: str) -> Callable[[Path, ErrorDetails], Finding]:
    def wording(path: Path, details: ErrorDetails) -> Finding:
        given = details["input"]
        suggestion = None
        if expected == "text" and isinstance(given, bool | int | float):
            suggestion = "put it in quotes"
        shown = told(given)
        if isinstance(given, str):
            shown = "text" if _expected(path) else f"the text {shown}"
        return Finding(path, f"expected {_expected(path) or expected}, got {shown}", suggestion, "WRONG_TYPE")

    return wording


def _expected(path: Path) -> str | None:
    if len(path) == 2 and path[0] == "services":
        return "a mapping with `run` or `image`"
    if path and isinstance(path[-1], int):
        return {
            "ports": "a port such as `http`, `8080` or `{name: http, port: 8080}`",
            "volumes": "a volume such as `data:/var/lib/data`",
        }.get(str(path[-2]))
    return _EXPECTED.get(str(path[-1])) if path else "a mapping with `services`"


def _pattern(path: Path, details: ErrorDetails) -> Finding:
    given = details["input"]
    if path[-1] == "http":
        return Finding(path, f"expected a path, got {told(given)}", "write one such as `/healthz`")
    where = "services" if len(path) == 1 else "volumes" if "volumes" in path[2:] else "ports"
    return Finding(path, f"{told(given)} is not a valid name: {_NAMES[where]}", _valid_name(given, where))


def _too_many(path: Path, details: ErrorDetails) -> Finding:
    limit = details["ctx"]["max_length"]
    return Finding(path, f"there may be at most {limit} {path[-1]}", code="TOO_MANY")


def _bound(words: str, key: str) -> Callable[[Path, ErrorDetails], Finding]:
    def wording(path: Path, details: ErrorDetails) -> Finding:
        return Finding(path, f"{words} {details['ctx'][key]}, got {told(details['input'])}")

    return wording


def _too_long(path: Path, details: ErrorDetails) -> Finding:
    return Finding(path, f"the text may have at most {details['ctx']['max_length']} characters")


def _empty(path: Path, _: ErrorDetails) -> Finding:
    what = "there has to be at least one service" if path == ("services",) else "the text is empty"
    return Finding(path, what, code="MISSING_KEY")


_WORDINGS: Mapping[str, Callable[[Path, Any], Finding]] = {
    "plain": _plain,
    "missing": _missing,
    "extra_forbidden": _unknown_key,
    "enum": _choice,
    "string_type": _wrong_kind("text"),
    "int_type": _wrong_kind("a whole number"),
    "bool_type": _wrong_kind("`true` or `false`"),
    "mapping_type": _wrong_kind("a mapping"),
    "dict_type": _wrong_kind("a mapping"),
    "tuple_type": _wrong_kind("a list"),
    "model_type": _wrong_kind("a mapping"),
    "model_attributes_type": _wrong_kind("a mapping"),
    "string_pattern_mismatch": _pattern,
    "string_too_long": _too_long,
    "string_too_short": _empty,
    "too_long": _too_many,
    "too_short": _empty,
    "greater_than_equal": _bound("has to be at least", "ge"),
    "less_than_equal": _bound("may be at most", "le"),
}
