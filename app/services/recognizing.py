"""How the files of an imported repository are run: what it says itself, as far as that can be read.

Nothing of it is run here, and no link in it is followed: what is read lies in its own files.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from app.blueprints.document import Blueprint
from app.blueprints.validation import parse
from app.services import dockerfiles
from app.services.errors import NotRecognized

LARGEST_FILE = 1024 * 1024
BLUEPRINTS = ("soundstage.yaml", "soundstage.yml", "soundstage.json")
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
_PROCESS = re.compile(r"([A-Za-z0-9_-]+):\s*(\S.*)")
_SCRIPT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HTTP = ["http"]


@dataclass(frozen=True, slots=True)
class Recognized:
    """The services of a folder, by name, and the file that told."""

    services: dict[str, dict[str, Any]]
    told_by: str


def recognize(root: Path, subfolder: str, name: str) -> Recognized:
    """How a folder of a repository is run; raises `NotRecognized`, and `BlueprintInvalid` for its own Blueprint.

    `name` is for a single service.
    """
    folder = Folder(root, subfolder)
    ways: tuple[Callable[[Folder, str], Recognized | None], ...] = (
        _blueprint,
        _procfile,
        _package,
        _project,
        _dockerfile,
    )
    for way in ways:
        found = way(folder, name)
        if found is not None:
            return found
    raise NotRecognized()


class Folder:
    """The regular files directly in a folder, which no link leads out of."""

    def __init__(self, root: Path, subfolder: str) -> None:
        self.path = root / subfolder
        real, top = self.path.resolve(), root.resolve()
        if not real.is_relative_to(top) or not real.is_dir():
            raise NotRecognized(f"The repository has no folder {subfolder[:80]!r}.")

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        try:
            return stat.S_ISREG(os.lstat(self.path / name).st_mode)
        except OSError:
            return False

    def text(self, name: str) -> str | None:
        """A file's text; None where there is none, or none that can be read."""
        try:
            descriptor = os.open(self.path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            seen = os.fstat(descriptor)
            if not stat.S_ISREG(seen.st_mode) or seen.st_size > LARGEST_FILE:
                return None
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return file.read(LARGEST_FILE).decode()
        except UnicodeDecodeError:
            return None
        finally:
            os.close(descriptor)


def service_name(text: str) -> str:
    """The nearest name that a service can have."""
    words = _NOT_IN_NAMES.sub("-", text.lower()).strip("-")
    return (words if words[:1].isalpha() else f"service-{words}")[:40].strip("-")


def _blueprint(folder: Folder, _: str) -> Recognized | None:
    for name in BLUEPRINTS:
        text = folder.text(name)
        if text is not None:
            return Recognized(_services(parse(text)), name)
    return None


def _services(blueprint: Blueprint) -> dict[str, dict[str, Any]]:
    """Each with the variables of all: a session's services have none in common."""
    found = {name: service.model_dump(mode="json") for name, service in blueprint.services.items()}
    return {name: {**each, "env": {**blueprint.env, **each["env"]}} for name, each in found.items()}


def _procfile(folder: Folder, _: str) -> Recognized | None:
    """https://devcenter.heroku.com/articles/procfile: `release` runs to its end before the others start."""
    lines = (folder.text("Procfile") or "").splitlines()
    processes = [match for line in lines if (match := _PROCESS.fullmatch(line.strip()))]
    if not processes:
        return None
    services: dict[str, dict[str, Any]] = {}
    for match in processes:
        services[service_name(match[1])] = {
            "run": match[2],
            **({"ports": _HTTP} if match[1] == "web" else {}),
            **_node_build(folder),
        }
    if release := services.get("release"):
        release["completes"] = True
        for name, each in services.items():
            if name != "release":
                each["depends_on"] = {"release": "completed"}
    return Recognized(services, "Procfile")


def _package(folder: Folder, name: str) -> Recognized | None:
    scripts = _members(_json(folder, "package.json"), "scripts")
    chosen = next((script for script in ("start", "dev") if isinstance(scripts.get(script), str)), None)
    if chosen is None:
        return None
    run = f"{_package_manager(folder)} run {chosen}"
    return Recognized({name: {"run": run, "ports": _HTTP, **_node_build(folder)}}, "package.json")


def _package_manager(folder: Folder) -> str:
    locks = {"pnpm-lock.yaml": "pnpm", "yarn.lock": "yarn"}
    return next((manager for lock, manager in locks.items() if folder.has(lock)), "npm")


def _node_build(folder: Folder) -> dict[str, str]:
    """What fetches the packages that it needs."""
    package = _json(folder, "package.json")
    if not (_members(package, "dependencies") or _members(package, "devDependencies")):
        return {}
    manager = _package_manager(folder)
    if manager == "npm":
        return {"build": "npm ci" if folder.has("package-lock.json") else "npm install"}
    return {"build": f"{manager} install --frozen-lockfile"}


def _project(folder: Folder, name: str) -> Recognized | None:
    """A Python project with one command, or one that is called as the project is."""
    try:
        project = _members(tomllib.loads(folder.text("pyproject.toml") or ""), "project")
    except tomllib.TOMLDecodeError:
        return None
    scripts = [script for script in _members(project, "scripts") if _SCRIPT.fullmatch(script)]
    chosen = scripts[0] if len(scripts) == 1 else next((each for each in scripts if each == project.get("name")), None)
    if chosen is None:
        return None
    build = "python3 -m venv .venv && .venv/bin/pip install --quiet ."
    return Recognized({name: {"run": f"exec .venv/bin/{chosen}", "build": build, "ports": _HTTP}}, "pyproject.toml")


def _dockerfile(folder: Folder, name: str) -> Recognized | None:
    found = dockerfiles.read(folder.text("Dockerfile") or "")
    return Recognized({name: found}, "Dockerfile") if found is not None else None


def _json(folder: Folder, name: str) -> Any:
    try:
        return orjson.loads(folder.text(name) or "null")
    except orjson.JSONDecodeError:
        return None


def _members(found: Any, name: str) -> dict[str, Any]:
    value = found.get(name) if isinstance(found, dict) else None
    return value if isinstance(value, dict) else {}
