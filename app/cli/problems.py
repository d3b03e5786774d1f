"""Problems of a Blueprint as compilers print them: file, line, column, the source line and a caret."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from app.cli.exits import CliError, Exit
from app.cli.output import err, harmless, note


def show_problems(file: str, source: str, problems: Sequence[dict[str, Any]]) -> None:
    """All problems on standard error."""
    lines = source.splitlines()
    for problem in problems:
        line, column = problem.get("line"), problem.get("column")
        place = f"{file}:{line}:{column}: " if line is not None else f"{file}: "
        where = f"{problem['path']}: " if problem.get("path") else ""
        err().print(Text.assemble((place, "bold"), ("error: ", "bold red"), where, problem["message"]), soft_wrap=True)
        if line is not None and 1 <= line <= len(lines):
            _show_place(lines[line - 1], line, column or 1, problem.get("suggestion"))
        elif problem.get("suggestion"):
            note(f"  {problem['suggestion']}")
    count = len(problems)
    note(f"{count} problem{'s' if count != 1 else ''} in {file}.")


def _show_place(text: str, line: int, column: int, suggestion: str | None) -> None:
    gutter = f"{line:>5} | "
    err().print(Text.assemble((gutter, "dim"), harmless(text)), soft_wrap=True)
    # Tabs stay, so that the caret stands below its column whatever their width.
    before = "".join("\t" if char == "\t" else " " for char in text[: column - 1])
    caret = Text.assemble((" " * (len(gutter) - 2) + "| ", "dim"), before, ("^", "bold green"))
    if suggestion:
        caret.append(f" {suggestion}", "green")
    err().print(caret, soft_wrap=True)


def read_source(file: str) -> tuple[str, str]:
    """The name to show and the text of a file; `-` is standard input."""
    if file == "-":
        return "<stdin>", sys.stdin.read()
    try:
        return file, Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise CliError(f"{file} cannot be read: {why}.", "name a Blueprint file", exit_code=Exit.USAGE) from None
