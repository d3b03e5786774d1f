"""The Blueprints that come with Soundstage."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources

from app.blueprints.errors import TemplateNotFound
from app.blueprints.validation import parse


@dataclass(frozen=True, slots=True)
class Template:
    """A bundled Blueprint to start from."""

    id: str
    name: str
    description: str
    #: The YAML text, with its comments.
    source: str
    tags: tuple[str, ...]
    #: The names of its services.
    services: tuple[str, ...]


@functools.cache
def templates() -> tuple[Template, ...]:
    """All bundled templates, by id."""
    files = resources.files("app.blueprints").joinpath("bundled").iterdir()
    sources = {file.name: file.read_text("utf-8") for file in files if file.name.endswith(".yaml")}
    return tuple(_read(name.removesuffix(".yaml"), sources[name]) for name in sorted(sources))


def template(template_id: str) -> Template:
    """The template with this id."""
    for found in templates():
        if found.id == template_id:
            return found
    raise TemplateNotFound(f"No bundled template is called `{template_id}`.", template_id=template_id)


def _read(template_id: str, source: str) -> Template:
    """A template begins with two comment lines: its title, and `tags:` with words."""
    title, tags, *_ = (line.removeprefix("#").strip() for line in source.splitlines())
    blueprint = parse(source)
    return Template(
        id=template_id,
        name=title,
        description=blueprint.description,
        source=source,
        tags=tuple(tags.removeprefix("tags:").replace(",", " ").split()),
        services=tuple(blueprint.services),
    )
