"""A terminal's output as an asciicast v2 file (https://docs.asciinema.org/manual/asciicast/v2/).

Input is not recorded: a password that is typed is not echoed, and so does not stand in it.
"""

from __future__ import annotations

import codecs
import os
import time
from pathlib import Path

import orjson

#: Bytes of one recording; what follows is left out, and the file says so.
RECORDING_LIMIT = 64 * 1024 * 1024


class Recording:
    """Writes one file, line by line."""

    def __init__(self, path: Path, columns: int, rows: int, title: str) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._began = time.monotonic()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._size = 0
        self._full = False
        header = {"version": 2, "width": columns, "height": rows, "timestamp": int(time.time()), "title": title}
        self._write(orjson.dumps(header))

    def output(self, data: bytes) -> None:
        """What the program wrote."""
        if text := self._decoder.decode(data):
            self._event("o", text)

    def resized(self, columns: int, rows: int) -> None:
        """The terminal has another size from now on."""
        self._event("r", f"{columns}x{rows}")

    def close(self) -> None:
        """Nothing follows."""
        os.close(self._handle)

    def _event(self, kind: str, text: str) -> None:
        if self._full:
            return
        seconds = round(time.monotonic() - self._began, 6)
        if self._size > RECORDING_LIMIT:
            self._full = True
            kind, text = "m", f"The recording ends here: it has {RECORDING_LIMIT:,} bytes."
        self._write(orjson.dumps([seconds, kind, text]))

    def _write(self, line: bytes) -> None:
        self._size += os.write(self._handle, line + b"\n")
