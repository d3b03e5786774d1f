"""A command that runs to its end in a session: on a terminal, as a person's is, so that everybody sees it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from app.core.errors import SoundstageError
from app.core.ids import new_id
from app.engines.base import TerminalEnd, TerminalGap, TerminalState
from app.terminals.models import Terminal
from app.terminals.service import Terminals

MOST_OUTPUT = 128 * 1024
COLUMNS, ROWS = 200, 50
#: Programs are told that nobody reads along, and that nobody types.
_PLAIN = {"TERM": "dumb", "NO_COLOR": "1", "PAGER": "cat", "GIT_PAGER": "cat", "GIT_TERMINAL_PROMPT": "0"}
_WITHOUT_INPUT = 'exec </dev/null; exec /bin/sh -c "$1"'
_SEQUENCES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_OVERWRITTEN = re.compile(r"[^\n]*\r(?!\n)")


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a command."""

    terminal: Terminal
    #: None where it did not end by itself.
    exit_code: int | None
    #: Why it ended, in the engine's words.
    message: str
    #: Its output without what only a screen understands; the end of it, where `cut`.
    output: str
    cut: bool
    timed_out: bool


async def begin(
    terminals: Terminals,
    session_id: str,
    command: str,
    *,
    terminal_id: str = "",
    variables: Mapping[str, str] | None = None,
) -> Terminal:
    """Starts a command of the shell, and commits its terminal. One that has this id already is the one.

    Raises `SessionNotFound`, `BadTerminal`, and what the engine raises.
    """
    known = await terminals.find(terminal_id) if terminal_id else None
    if known is not None:
        return known
    words = ["/bin/sh", "-c", _WITHOUT_INPUT, "sh", command]
    given = {**_PLAIN, **(variables or {})}
    chosen = terminal_id or new_id("trm")
    try:
        opened = await terminals.open(
            session_id, command=words, variables=given, columns=COLUMNS, rows=ROWS, terminal_id=chosen
        )
        await terminals.work.commit()
    except asyncio.CancelledError:
        if not terminal_id:  # nobody will ask for it again
            await asyncio.shield(_close(terminals, chosen))
        raise
    return opened


async def finish(terminals: Terminals, terminal: Terminal, *, seconds: float, stays: bool = False) -> Ran:
    """Waits for its end, and ends it after these seconds. Whoever stops waiting ends it too, unless it `stays`."""
    kept, cut, timed_out = bytearray(), False, False
    state: TerminalState | None = None
    try:
        async with asyncio.timeout(seconds):
            async for item in terminals.output(terminal.id, 0):
                if isinstance(item, TerminalEnd):
                    state = item.state
                elif isinstance(item, TerminalGap):
                    cut = True
                else:
                    kept += item.data
                    cut = cut or len(kept) > MOST_OUTPUT
                    del kept[:-MOST_OUTPUT]
    except TimeoutError:
        timed_out = True
        state = await _close(terminals, terminal.id)
    except asyncio.CancelledError:
        if not stays:
            await asyncio.shield(_close(terminals, terminal.id))
        raise
    return Ran(
        terminal,
        None if timed_out or state is None else state.exit_code,
        state.message if state is not None else "",
        plain(bytes(kept)),
        cut,
        timed_out,
    )


async def _close(terminals: Terminals, terminal_id: str) -> TerminalState | None:
    with suppress(SoundstageError):
        return await terminals.parts.terminals.close(terminal_id)
    return None


def plain(output: bytes) -> str:
    """A terminal's output as text: without colours and movements, and of an overwritten line what stood there last."""
    text = _SEQUENCES.sub("", output.decode(errors="replace")).replace("\r\n", "\n")
    text = _OVERWRITTEN.sub("", text).replace("\r", "")
    return "".join(each for each in text if each in "\n\t" or each.isprintable())
