"""Frames of `soundstage.pty.v1`: a type byte, an offset of eight bytes, content. PROTOCOL.md tells what each means."""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass
from typing import Any

import orjson

from app.core.errors import InvalidRequest

PROTOCOL = "soundstage.pty.v1"
TICKET_PROTOCOL = "ticket."
#: Content of an input frame at most.
LARGEST_INPUT = 64 * 1024
_HEAD = struct.Struct(">BQ")
_SIZE = struct.Struct(">HH")
_OFFSET = struct.Struct(">Q")


class Type(enum.IntEnum):
    """What a frame is."""

    HELLO = 0x01
    OUTPUT = 0x02
    GAP = 0x03
    RESIZE = 0x04
    ROLE = 0x05
    EXIT = 0x06
    ERROR = 0x07
    INPUT = 0x10
    ACK = 0x11
    PAUSE = 0x12
    RESUME = 0x13
    TAKE_OVER = 0x14


#: What a client may send.
FROM_CLIENT = frozenset({Type.RESIZE, Type.INPUT, Type.ACK, Type.PAUSE, Type.RESUME, Type.TAKE_OVER})


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame as it came."""

    type: Type
    offset: int
    content: bytes

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows of a RESIZE; raises `InvalidRequest`."""
        if len(self.content) != _SIZE.size:
            raise InvalidRequest("A RESIZE frame holds two numbers of two bytes: columns and rows.")
        columns, rows = _SIZE.unpack(self.content)
        return columns, rows


def parse(message: bytes) -> Frame:
    """A client's frame; raises `InvalidRequest`."""
    if len(message) < _HEAD.size:
        raise InvalidRequest("A frame has a type byte and an offset of eight bytes.")
    kind, offset = _HEAD.unpack_from(message)
    if kind not in FROM_CLIENT:
        raise InvalidRequest(f"A client sends no frames of type 0x{kind:02x}.")
    return Frame(Type(kind), offset, message[_HEAD.size :])


def frame(kind: Type, offset: int = 0, content: bytes = b"") -> bytes:
    """Any frame."""
    return _HEAD.pack(kind, offset) + content


def told(kind: Type, content: dict[str, Any], offset: int = 0) -> bytes:
    """A frame whose content is JSON."""
    return frame(kind, offset, orjson.dumps(content))


def gap(start: int, end: int) -> bytes:
    """The bytes from `start` up to `end` are gone."""
    return frame(Type.GAP, start, _OFFSET.pack(end))


def resize(columns: int, rows: int) -> bytes:
    """The terminal has this size."""
    return frame(Type.RESIZE, 0, _SIZE.pack(columns, rows))
