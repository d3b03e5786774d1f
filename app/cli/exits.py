"""How the command ends: exit codes, and errors that tell the next command to type."""

from __future__ import annotations

import enum
import shutil
import sys
from pathlib import Path


class Exit(enum.IntEnum):
    """The exit codes, as `soundstage --help` tells them."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    UNREACHABLE = 3
    CREDENTIALS = 4
    FAILED = 5
    INTERRUPTED = 130


MEANINGS = {
    Exit.OK: "done",
    Exit.REFUSED: "the server answered with an error, or a Blueprint or an audit log is not valid",
    Exit.USAGE: "wrong usage",
    Exit.UNREACHABLE: "the server cannot be reached",
    Exit.CREDENTIALS: "credentials are missing or were refused",
    Exit.FAILED: "what was waited for failed: an environment that does not come up",
    Exit.INTERRUPTED: "interrupted",
}


class CliError(Exception):
    """Ends the command. `hint` is the next command to type, or what to do."""

    def __init__(self, message: str, hint: str = "", *, exit_code: Exit = Exit.REFUSED) -> None:
        super().__init__(message)
        self.message, self.hint, self.exit_code = message, hint, exit_code


def this_command() -> str:
    """What to type to run this program again: `soundstage`, or its path where it is not on the PATH."""
    program = Path(sys.argv[0])
    if program.name != "soundstage":
        return "python -m app.cli.main"
    found = shutil.which("soundstage")
    if found and Path(found).resolve() == program.resolve():
        return "soundstage"
    here = Path.cwd()
    whole = program if program.is_absolute() else here / program
    return str(whole.relative_to(here)) if whole.is_relative_to(here) else str(whole)
