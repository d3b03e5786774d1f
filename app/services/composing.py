"""From the services of a session to one Blueprint, and what such a service may be."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from typing import Any

from app.blueprints.document import Blueprint
from app.blueprints.validation import parse
from app.services.errors import BadService
from app.services.models import SessionService

#: The Blueprint's own name.
NAME = "session"


def compose(services: Sequence[SessionService]) -> Blueprint:
    """The Blueprint of these services; raises `BlueprintInvalid` with every problem, `BadService`."""
    for service in services:
        check_folder(service.name, service.definition)
    source = {"name": NAME, "services": {service.name: service.definition for service in services}}
    return parse(source, secrets=_secrets(services))


def _secrets(services: Sequence[SessionService]) -> list[str]:
    names = [name for service in services for name in service.secret_names]
    for name in names:
        if names.count(name) > 1:
            raise BadService(f"Two services bring the secret {name!r}. One is enough: all of the session can use it.")
    return names


def check_folder(name: str, definition: dict[str, Any]) -> None:
    """Raises `BadService` for a working directory that is not a folder of the working copy."""
    folder = definition.get("working_dir") or ""
    if not isinstance(folder, str):
        return  # the Blueprint's own check has words for it
    if folder.startswith("/") or "${" in folder or "\0" in folder or _leaves(folder):
        raise BadService(
            f"The service {name[:40]!r} has the working directory {folder[:80]!r}; it has to be a folder of the "
            "working copy, relative to its root."
        )


def _leaves(folder: str) -> bool:
    return posixpath.normpath(folder).split("/", 1)[0] == ".." if folder else False
