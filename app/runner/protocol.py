"""What client and runner say to each other: one JSON object a line, over a Unix socket.

Request `{"id", "call", "arguments"}`; answer `{"id", "result"}` or `{"id", "error"}`; hints `{"changed": environment}`,
`{"written": terminal}` and `{"ended": terminal}`. A terminal's input travels as base64; its output not at all: the
server reads its file.
"""

from __future__ import annotations

from typing import Any

import orjson

from app.core.errors import SoundstageError
from app.runner.model import EngineRefused, EngineUnavailable, IsolationUnavailable, PortTaken, StaleEpoch
from app.runner.terminal_model import InputBlocked, TerminalOver, TerminalUnknown, TooManyTerminals

#: Raised with each change of the messages; a newer client replaces an older runner.
VERSION = 3

#: Bytes of one message at most.
MESSAGE_LIMIT = 16 * 1024 * 1024

_ERRORS: dict[str, type[SoundstageError]] = {
    error.code: error
    for error in (
        EngineRefused,
        EngineUnavailable,
        InputBlocked,
        IsolationUnavailable,
        PortTaken,
        StaleEpoch,
        TerminalOver,
        TerminalUnknown,
        TooManyTerminals,
    )
}


def encode(message: dict[str, Any]) -> bytes:
    return orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE)


def decode(line: bytes) -> dict[str, Any]:
    message = orjson.loads(line)
    if not isinstance(message, dict):
        raise ValueError("a message is a JSON object")
    return message


def describe_error(error: Exception) -> dict[str, Any]:
    """An error as a message. What is not ours is described by its class only: its text may hold a secret."""
    if isinstance(error, SoundstageError):
        return {"code": error.code, "message": error.message, "details": error.details}
    return {"code": "", "message": f"The runner failed: {type(error).__name__}. See runner.log.", "details": {}}


def error_from(data: dict[str, Any]) -> SoundstageError:
    return _ERRORS.get(data["code"], SoundstageError)(data["message"], **data["details"])
