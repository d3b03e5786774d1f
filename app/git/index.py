"""An index of one's own for looking, written as git reads it (gitformat-index(5)).

git's own commands would take two more calls, and fail where a file has gone since it was listed.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_FIXED = struct.Struct(">10I")
_LONGEST_IN_FLAGS = 0xFFF
_EXTENDED, _INTENT_TO_ADD = 0x4000, 0x2000
_ORDINARY_FILE = 0o100644
_NOTHING = b"blob 0\0"


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """A path with what it holds; without an id it is one that is to be added, whatever it holds."""

    path: bytes
    mode: int = _ORDINARY_FILE
    id: str = ""


def write(index: Path, objects: Path, entries: Iterable[IndexEntry], hash_name: str) -> None:
    """Writes an index with these entries for a repository with this hash: `sha1` or `sha256`.

    And the empty object, which git reads where a file that is to be added has gone: few repositories have it.
    """
    nothing = hashlib.new(hash_name, _NOTHING)
    ordered = sorted(entries, key=lambda entry: entry.path)
    parts = [b"DIRC", struct.pack(">2I", 3, len(ordered))]
    parts += [_written(entry, nothing.digest()) for entry in ordered]
    content = b"".join(parts)
    index.write_bytes(content + hashlib.new(hash_name, content).digest())
    name = nothing.hexdigest()
    folder = objects / name[:2]
    folder.mkdir(parents=True)
    (folder / name[2:]).write_bytes(zlib.compress(_NOTHING))


def _written(entry: IndexEntry, nothing: bytes) -> bytes:
    """Times and sizes are left out, so git compares contents."""
    flags = min(len(entry.path), _LONGEST_IN_FLAGS) | (0 if entry.id else _EXTENDED)
    parts = [_FIXED.pack(0, 0, 0, 0, 0, 0, entry.mode, 0, 0, 0)]
    parts += [bytes.fromhex(entry.id) or nothing, struct.pack(">H", flags)]
    parts += [b"" if entry.id else struct.pack(">H", _INTENT_TO_ADD), entry.path]
    whole = b"".join(parts)
    return whole + b"\0" * (8 - len(whole) % 8)
