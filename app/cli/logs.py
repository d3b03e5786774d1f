"""`env logs`: the last lines, then those to come."""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from app.cli import output
from app.cli.api import Api
from app.cli.environments import find
from app.cli.exits import CliError, Exit
from app.cli.follow import Follower
from app.cli.where import Where

Json = dict[str, Any]
#: Colours of services; red is left for trouble.
_COLOURS = (
    "cyan",
    "green",
    "yellow",
    "magenta",
    "blue",
    "bright_cyan",
    "bright_green",
    "bright_magenta",
    "bright_blue",
)
#: A stream that is quiet for so long has told what was there.
_QUIET = 0.4
MOST_LINES = 10_000


class Printer:
    """Prints lines: with a coloured prefix on a terminal, as JSON when asked."""

    def __init__(self, *, prefix: bool, timestamps: bool, as_json: bool) -> None:
        self.prefix, self.timestamps, self.as_json = prefix, timestamps, as_json
        self._terminal = output.out().is_terminal

    def line(self, line: Json) -> None:
        """One line of a service."""
        if self.as_json:
            output.write_json(line, line=True)
            return
        name = line["service"] if not line["replica"] else f"{line['service']}.{line['replica']}"
        moment = f"{line['at']} " if self.timestamps else ""
        if not self._terminal:
            output.write_text(f"{f'{name} | ' if self.prefix else ''}{moment}{line['text']}")
            return
        head = Text.assemble((f"{name:<10} | ", _colour(line["service"])) if self.prefix else "", (moment, "dim"))
        output.out().print(head + Text.from_ansi(output.harmless(line["text"])), soft_wrap=True)

    def gap(self, item: Json) -> None:
        """Output that is no longer there."""
        if self.as_json:
            output.write_json({"service": item["service"], "replica": item["replica"], "gap": item["gap"]}, line=True)
        missing = int(item["gap"]["end"]) - int(item["gap"]["start"])
        output.note(f"{item['service']}: {missing:,} bytes are no longer kept or were skipped.", "yellow")


def _colour(service: str) -> str:
    return _COLOURS[hashlib.sha256(service.encode()).digest()[0] % len(_COLOURS)]


def show_logs(
    where: Where, name: str, printer: Printer, *, service: str | None, tail: int, since: str | None, follow: bool
) -> None:
    """Prints the last `tail` lines; with `follow` also what comes, until the environment is terminated."""
    if not 1 <= tail <= MOST_LINES:
        raise CliError(f"--tail {tail}: it has to be from 1 to {MOST_LINES:,}.", exit_code=Exit.USAGE)
    with Api(where) as api:
        environment_id = find(api, name)
        if follow:
            _follow(api, environment_id, printer, service, tail, since)
            return
        for line in api.run("RecentLogs", id=environment_id, service=service, tail=tail, since=since):
            printer.line(line)


def _follow(api: Api, environment_id: str, printer: Printer, service: str | None, tail: int, since: str | None) -> None:
    """One stream from the beginning: of what was there the last lines are printed, then everything."""
    began, not_before = datetime.now(UTC), datetime.fromisoformat(since) if since else None
    follower = Follower(api, "WatchLogs", id=environment_id, service=service)
    past: deque[Json] = deque(maxlen=tail)
    deadline = time.monotonic() + 10.0
    live = seen = False
    while not follower.ended:
        item = follower.next(60.0 if live else _QUIET)
        if not live and (time.monotonic() > deadline or (seen if item is None else _is_news(item, began))):
            live = _print_past(printer, past)
        seen = seen or item is not None
        if item is None or item["end"]:
            continue
        if item["gap"]:
            if live:
                printer.gap(item)
        elif not_before is None or datetime.fromisoformat(item["at"]) >= not_before:
            for line in _lines(item):
                printer.line(line) if live else past.append(line)
    if not live:
        _print_past(printer, past)
    output.note("The environment is terminated.")


def _print_past(printer: Printer, past: deque[Json]) -> bool:
    for line in sorted(past, key=lambda line: str(line["at"])):
        printer.line(line)
    return True


def _is_news(item: Json, began: datetime) -> bool:
    return bool(item["at"]) and datetime.fromisoformat(item["at"]) > began


def _lines(item: Json) -> Iterator[Json]:
    for text in item["lines"]:
        yield {"service": item["service"], "replica": item["replica"], "at": item["at"], "text": text}
