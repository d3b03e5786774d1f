"""Which server, and with which key: options, then the environment, then the data directory."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.cli.exits import CliError, Exit, this_command
from app.cli.options import DEFAULT_DATA_DIR

DEFAULT_URL = "http://127.0.0.1:8000"
_CREDENTIALS, _SERVER = "credentials.json", "server.json"


@dataclass(frozen=True, slots=True)
class Where:
    """A server and a key for it. `options` are those that the user gave: a hint repeats them."""

    url: str
    api_key: str
    options: str = ""

    def command(self, *words: str) -> str:
        """A command to type next, with the same server and key."""
        return " ".join(filter(None, [this_command(), shlex.join(words), self.options]))


def where(url: str | None, api_key: str | None, data_dir: Path) -> Where:
    """Finds the server and the key; raises `CliError` when there is no key."""
    stored, running = read_json(data_dir / _CREDENTIALS), read_json(data_dir / _SERVER)
    options = _repeated(url, data_dir)
    found = (url or running.get("url") or stored.get("url") or DEFAULT_URL).rstrip("/")
    if not found.startswith(("http://", "https://")):
        raise CliError(f"The URL {found!r} does not begin with http:// or https://.", exit_code=Exit.USAGE)
    key = api_key or stored.get("api_key")
    if not key:
        raise CliError(
            f"There is no API key: neither --api-key nor SOUNDSTAGE_API_KEY is given, and {data_dir / _CREDENTIALS} "
            "is not there.",
            f"{this_command()} init   makes a key; {this_command()} serve --demo   makes one and keeps it there",
            exit_code=Exit.CREDENTIALS,
        )
    return Where(found, key, options)


def _repeated(url: str | None, data_dir: Path) -> str:
    given = ["--url", url] if url and "SOUNDSTAGE_URL" not in os.environ else []
    if data_dir != DEFAULT_DATA_DIR and "SOUNDSTAGE_DATA_DIR" not in os.environ:
        given += ["--data-dir", str(data_dir)]
    return shlex.join(given)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file; empty where there is none that can be read."""
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(path.read_text())
        if isinstance(found, dict):
            return found
    return {}


def write_private(path: Path, content: dict[str, Any]) -> None:
    """Writes the whole file or nothing; nobody else may read it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w") as file:
        file.write(json.dumps(content, indent=2) + "\n")
    Path(name).replace(path)


def credentials_file(data_dir: Path) -> Path:
    """Where `serve --demo` leaves the key."""
    return data_dir / _CREDENTIALS


def server_file(data_dir: Path) -> Path:
    """Where a running server tells its address."""
    return data_dir / _SERVER
