"""The help of every command as text, for the golden files and the documentation."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from unittest import mock

import typer.main

WIDTH = 100


def help_texts() -> dict[str, str]:
    """`soundstage env create` -> what its `--help` prints, 100 columns wide, without colour."""
    from app.cli.main import app

    # Help shows variables' names and defaults, never what is set on this machine.
    outside = {name: value for name, value in os.environ.items() if not name.startswith("SOUNDSTAGE_")}
    with mock.patch.dict(os.environ, outside, clear=True):
        return dict(_texts(typer.main.get_command(app), "soundstage", None))


def _texts(command: Any, name: str, parent: Any) -> Iterator[tuple[str, str]]:
    context = command.context_class(
        command,
        info_name=name.rsplit(" ", 1)[-1],
        parent=parent,
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        help_option_names=["-h", "--help"],
    )
    yield name, command.get_help(context).rstrip() + "\n"
    for child, inner in sorted(getattr(command, "commands", {}).items()):
        yield from _texts(inner, f"{name} {child}", context)


def files() -> dict[str, str]:
    """File name -> text: `env_create.txt`."""
    return {f"{name.replace(' ', '_')}.txt": text for name, text in help_texts().items()}
