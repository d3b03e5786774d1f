"""What client and runner say to each other: one JSON object a line, over a Unix socket.

Request `{"id", "call", "arguments"}`; answer `{"id", "result"}` or `{"id", "error"}`; hint `{"changed": environment}`.
"""

from __future__ import annotations

from typing import Any

import orjson

from app.core.errors import SoundstageError
from app.runner.model import EngineRefused, EngineUnavailable, IsolationUnavailable, PortTaken, StaleEpoch

#: Raised with each change of the messages; a newer client replaces an older runner.
VERSION = 1

#: Bytes of one message at most.
MESSAGE_LIMIT = 16 * 1024 * 1024

_ERRORS: dict[str, type[SoundstageError]] = {
    error.code: error for error in (EngineRefused, EngineUnavailable, IsolationUnavailable, PortTaken, StaleEpoch)
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
