"""What is printed: data on standard output, everything else on standard error. `NO_COLOR` is honoured by rich."""

from __future__ import annotations

import functools
import json
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.cli.exits import CliError

#: Wide enough that no cell of a table in a pipe is cut.
_PIPE_WIDTH = 100_000
_STYLES = {
    "running": "green",
    "completed": "green",
    "failed": "bold red",
    "unhealthy": "red",
    "degraded": "yellow",
    "restarting": "yellow",
    "stopped": "dim",
    "terminated": "dim",
}
#: Control characters and escape sequences other than colours: a log must not drive the reader's terminal.
_CONTROL = re.compile(
    r"\x1b(?!\[[0-9;]*m)(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.?)"
    r"|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f\x80-\x9f]"
)


@functools.cache
def out() -> Console:
    """Standard output."""
    terminal = sys.stdout.isatty()
    return Console(highlight=False, markup=False, emoji=False, width=None if terminal else _PIPE_WIDTH)


@functools.cache
def err() -> Console:
    """Standard error."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def write_json(data: object, *, line: bool = False) -> None:
    """One JSON document; in one line for streams."""
    text = json.dumps(data, ensure_ascii=False) if line else json.dumps(data, indent=2, ensure_ascii=False)
    sys.stdout.buffer.write(text.encode() + b"\n")
    sys.stdout.buffer.flush()


def write_text(text: str) -> None:
    """Text as it is: never wrapped, never coloured."""
    sys.stdout.buffer.write(text.encode() + (b"" if text.endswith("\n") else b"\n"))
    sys.stdout.buffer.flush()


def note(message: str, style: str = "") -> None:
    """A line for people, on standard error."""
    err().print(Text(message, style), soft_wrap=True)


def complain(error: CliError) -> None:
    """An error, and what to type next."""
    err().print(Text.assemble(("error: ", "bold red"), error.message), soft_wrap=True)
    if error.hint:
        err().print(Text.assemble(("next: ", "bold"), error.hint), soft_wrap=True)


def table(headings: Sequence[str], rows: Iterable[Sequence[str | Text]], *, last_folds: bool = False) -> None:
    """A table without lines. On a terminal the last column may fold; in a pipe nothing is cut."""
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for number, heading in enumerate(headings):
        folds = last_folds and number == len(headings) - 1
        shown.add_column(heading, no_wrap=not folds, overflow="fold" if folds else "ellipsis")
    for row in rows:
        shown.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    if out().is_terminal:
        out().print(shown)
        return
    with out().capture() as captured:
        out().print(shown)
    write_text("\n".join(line.rstrip() for line in captured.get().splitlines()))


def status(word: str) -> Text:
    """A status in lower case and its colour."""
    word = word.lower()
    return Text(word, _STYLES.get(word, ""))


def ago(moment: str | None) -> str:
    """How long ago a time was: `3m`."""
    if not moment:
        return ""
    seconds = max(0, int((datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def harmless(line: str) -> str:
    """A line of a log for a terminal: colours stay, other control characters are shown as `\\xNN`."""
    return _CONTROL.sub(lambda found: "".join(f"\\x{ord(char):02x}" for char in found[0]), line)


def service_rows(environment: dict[str, Any]) -> list[list[str | Text]]:
    """The services of an environment as rows of a table."""
    return [
        [
            service["name"],
            status(service["status"]),
            f"{service['readyReplicas']}/{service['replicas']}",
            str(service["restarts"]),
            service["url"] or "",
            service["message"],
        ]
        for service in environment["services"]
    ]


SERVICE_HEADINGS = ("SERVICE", "STATUS", "READY", "RESTARTS", "URL", "MESSAGE")


def show_environment(environment: dict[str, Any]) -> None:
    """An environment and its services."""
    head = Text.assemble((environment["name"], "bold"), "  ", status(environment["status"]), f"  {environment['id']}")
    out().print(head, soft_wrap=True)
    for label, value in (("Address", environment["url"]), ("Problem", environment["message"])):
        if value:
            out().print(f"{label}: {value}", soft_wrap=True)
    if environment["services"] and environment["status"] != "TERMINATED":
        out().print()
        table(SERVICE_HEADINGS, service_rows(environment), last_folds=True)
