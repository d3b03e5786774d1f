"""Commands that automations run: on a terminal of the session, once for each run, whoever takes the run up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from app.audit import service as audit
from app.automations.errors import BadAction
from app.automations.models import Run
from app.core.ids import new_id
from app.terminals.commands import Ran, begin, finish
from app.terminals.service import LARGEST_COMMAND, Terminals

COMMAND_SECONDS, MOST_SECONDS = 60, 600
#: Lines of the output that the run's log keeps, from its beginning and from its end.
FIRST_LINES, LAST_LINES = 50, 250
#: Bytes of an event that a command is given.
LARGEST_EVENT = 32 * 1024
LEAST_SECONDS = 1.0


def check_command(arguments: Mapping[str, Any]) -> None:
    """Raises `BadAction`. The command itself is the member's words and nothing that an event tells."""
    command, seconds = arguments["command"], arguments.get("seconds", COMMAND_SECONDS)
    if not isinstance(command, str) or not command.strip() or "\0" in command or len(command) > LARGEST_COMMAND // 2:
        raise BadAction(f"A command is text of 1 to {LARGEST_COMMAND // 2:,} characters, for `sh -c`.")
    if command.startswith("$event."):
        raise BadAction("A command is not taken from an event: it finds the event as JSON in `AUTOMATION_EVENT`.")
    if not 1 <= int(seconds) <= MOST_SECONDS:
        raise BadAction(f"A command may take 1 to {MOST_SECONDS} seconds.")


async def run_command(
    terminals: Terminals, run: Run, *, session_id: str, command: str, seconds: float, say: Callable[[str], None]
) -> Ran:
    """Runs it to its end and tells its output. A run that is taken up again finds the command that it began."""
    # Its id follows from the run's: the engine opens it once.
    terminal_id = f"trm_{run.id.partition('_')[2]}"
    known = await terminals.find(terminal_id)
    if known is None:
        told = {"automation": run.automation_id, "run": run.id, "characters": len(command)}
        audit.record(
            terminals.work,
            terminals.actor,
            action="terminal.open",
            resource=terminal_id,
            request_id=new_id("req"),
            details=told,
        )
    opened = await begin(terminals, session_id, command, terminal_id=terminal_id, variables=_event(run))
    passed = (terminals.parts.clock() - opened.created_at).total_seconds() if known is not None else 0.0
    say(f"The command runs in the terminal {opened.id}")
    ran = await finish(terminals, opened, seconds=max(LEAST_SECONDS, seconds - passed), stays=True)
    for line in _lines(ran):
        say(line)
    return ran


def _event(run: Run) -> dict[str, str]:
    event = orjson.dumps(run.event) if run.event else b""
    return {"AUTOMATION_EVENT": event.decode()} if event and len(event) <= LARGEST_EVENT else {}


def _lines(ran: Ran) -> list[str]:
    lines = ran.output.rstrip("\n").split("\n") if ran.output.strip() else []
    head = ["[earlier output is not kept]"] if ran.cut else []
    left_out = len(lines) - FIRST_LINES - LAST_LINES
    if left_out <= 0:
        return head + lines
    return [*head, *lines[:FIRST_LINES], f"[{left_out:,} lines are left out]", *lines[-LAST_LINES:]]
