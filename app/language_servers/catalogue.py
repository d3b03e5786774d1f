"""The language servers that are known, and where they are installed."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.language_servers.errors import LanguageServerMissing, LanguageUnknown


@dataclass(frozen=True, slots=True)
class Known:
    """One program that speaks the Language Server Protocol on its standard input and output."""

    name: str
    languages: tuple[str, ...]
    program: str
    arguments: tuple[str, ...]
    #: The command that installs it.
    install: str
    #: What it is told at the start, unless a client says otherwise.
    options: dict[str, Any] = field(default_factory=dict)

    def find(self) -> str | None:
        """Where its program is: on the PATH, else beside the interpreter."""
        beside = Path(sys.executable).parent / self.program
        return shutil.which(self.program) or (str(beside) if beside.is_file() else None)

    def command(self) -> list[str]:
        """The words that start it; raises `LanguageServerMissing`, which says how to install it."""
        found = self.find()
        if found is None:
            raise LanguageServerMissing(f"{self.name} is not installed. {self.hint}", install=self.install)
        return [found, *self.arguments]

    @property
    def hint(self) -> str:
        """How to install it."""
        return f"Install it where the server runs (`{self.install}`), then connect again."


#: The first that is installed serves a language, unless one is asked for by its name.
KNOWN = (
    Known(
        "basedpyright",
        ("python",),
        "basedpyright-langserver",
        ("--stdio",),
        "pip install basedpyright",
    ),
    Known("ty", ("python",), "ty", ("server",), "pip install ty"),
    Known(
        "typescript-language-server",
        ("typescript", "typescriptreact", "javascript", "javascriptreact"),
        "typescript-language-server",
        ("--stdio",),
        "npm install --global typescript typescript-language-server",
        # It would fetch type definitions from the network.
        {"disableAutomaticTypingAcquisition": True},
    ),
)


def choose(language: str, name: str = "") -> Known:
    """The server for a language; raises `LanguageUnknown`, `LanguageServerMissing`."""
    able = [known for known in KNOWN if language in known.languages and name in ("", known.name)]
    if not able:
        raise LanguageUnknown(f"There is no language server {f'{name[:40]!r} ' if name else ''}for {language[:40]!r}.")
    chosen = next((known for known in able if known.find()), able[0])
    chosen.command()
    return chosen
