"""The `blueprint` commands. None of them needs a server."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.options import Json

blueprint = typer.Typer(
    help="Check Blueprints, and see what may be written in them. Needs no server.\n\n"
    "\b\nExample:\n  soundstage blueprint templates",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@blueprint.command()
def validate(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The Blueprint, YAML or JSON; - for standard input.")],
    json: Json = False,
) -> None:
    """Check a Blueprint, and show every problem with its place.

    \b
    Example:
      soundstage blueprint templates hello | soundstage blueprint validate -
    """
    from app.cli import printing

    printing.validate(file, as_json=json)


@blueprint.command()
def schema() -> None:
    """Print the JSON Schema of Blueprints: editors complete and explain with it.

    \b
    Example:
      soundstage blueprint schema > blueprint.schema.json
    """
    from app.cli import printing

    printing.blueprint_schema()


@blueprint.command()
def templates(
    template_id: Annotated[str | None, typer.Argument(metavar="ID", help="Print this one.")] = None,
    json: Json = False,
) -> None:
    """List the bundled Blueprints, or print one.

    \b
    Example:
      soundstage blueprint templates hello > hello.yaml
    """
    from app.cli import printing

    printing.show_templates(template_id, as_json=json)
