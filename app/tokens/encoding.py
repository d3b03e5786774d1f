"""Base64url and JSON as signatures need them: each value has one encoding, and every other is refused."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, NoReturn


def encode(data: bytes) -> str:
    """Base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """The bytes; raises `ValueError` for padding, other characters, and bits that are set beyond the last byte."""
    if not text.isascii() or "+" in text or "/" in text or "=" in text:
        raise ValueError("not base64url")
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    rest = len(data) % 3
    if rest and encode(data[-rest:]) != text[-rest - 1 :]:
        raise ValueError("not the one base64url encoding of its bytes")
    return data


def read_object(data: bytes) -> dict[str, Any]:
    """A JSON object. Raises `ValueError` for anything else, a name given twice, and numbers that are not whole."""
    try:
        found = json.loads(
            data.decode(), object_pairs_hook=_once, parse_float=_refuse_number, parse_constant=_refuse_number
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name is given twice")
    return made


def _refuse_number(text: str) -> NoReturn:
    raise ValueError("a number is not whole")
