"""What a new workspace can begin with: bundled folders of files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from app.workspaces.errors import UnknownTemplate

#: In each bundled folder: its title and, on the next line, what it is for. Not part of the workspace.
_ABOUT = "template.txt"


@dataclass(frozen=True, slots=True)
class Template:
    """A bundled beginning. `files` are paths from the root of the repository, with their contents."""

    id: str
    name: str
    description: str
    files: dict[str, bytes]


@cache
def templates() -> tuple[Template, ...]:
    """The bundled templates, by id."""
    root = files("app.workspaces") / "bundled"
    return tuple(_read(folder) for folder in sorted(root.iterdir(), key=lambda each: each.name) if folder.is_dir())


def template(template_id: str) -> Template:
    """One template; raises `UnknownTemplate`."""
    for found in templates():
        if found.id == template_id:
            return found
    known = ", ".join(found.id for found in templates())
    raise UnknownTemplate(f"There is no workspace template {template_id[:80]!r}; there are {known}.")


def _read(folder: Traversable) -> Template:
    name, _, description = (folder / _ABOUT).read_text(encoding="utf-8").strip().partition("\n")
    return Template(folder.name, name, description, dict(sorted(_files(folder, "").items())))


def _files(folder: Traversable, prefix: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for each in folder.iterdir():
        if each.is_dir():
            found |= _files(each, f"{prefix}{each.name}/")
        elif prefix or each.name != _ABOUT:
            found[prefix + each.name.removesuffix(".template")] = each.read_bytes()
    return found
