"""What a leaf of the tree is made from: RFC 8785 JSON over all fields of an event."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import orjson
import rfc8785

from app.audit.merkle import leaf_hash

#: The set of fields below. A new field takes a new format: old leaves are computed as they were.
FORMAT = 1
FIELDS = (
    "format",
    "id",
    "organization_id",
    "user_id",
    "agent_id",
    "credential_id",
    "action",
    "resource",
    "result",
    "reasons",
    "policy_set_hash",
    "arguments_hash",
    "approval_id",
    "request_id",
    "details",
    "personal_hash",
    "created_at",
)
#: Integers beyond are not the same number everywhere (RFC 7493 §2.2).
_LARGEST = 2**53 - 1


def canonical(value: Any) -> bytes:
    """The value in the form of RFC 8785. Raises `ValueError` for what that form cannot tell."""
    if _simple(value):
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return rfc8785.dumps(value)


def _simple(value: Any) -> bool:
    """Whether orjson writes it as RFC 8785 wants: no floats, ASCII keys, integers that every reader keeps."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return bool(-_LARGEST <= value <= _LARGEST)
    if kind is dict:
        return all(type(key) is str and key.isascii() and _simple(item) for key, item in value.items())
    return kind is list and all(map(_simple, value))


def plain(value: Any) -> Any:
    """The value with what no canonical form has told as text: huge integers, infinities, keys that are no text."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return int(value) if -_LARGEST <= value <= _LARGEST else str(value)
    if isinstance(value, float):
        # JSON of two databases keeps no minus on zero, and turns 1e300 into 301 digits.
        return (value or 0.0) if abs(value) <= _LARGEST else str(value)
    return str(value)


def event_document(event: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that the leaf covers, as JSON has them."""
    document = {name: event[name] for name in FIELDS}
    document["result"] = str(document["result"])
    document["created_at"] = moment_text(document["created_at"])
    return document


def moment_text(moment: datetime) -> str:
    """`2026-04-15T12:34:56.123456Z`: always microseconds, always UTC."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def document_leaf(document: Mapping[str, Any]) -> bytes:
    """The leaf hash of an event as JSON has it. Raises `ValueError`, `KeyError` for what is no event of this format."""
    if document["format"] != FORMAT or type(document["format"]) is not int:
        raise ValueError(f"format {document['format']!r} is not known")
    return leaf_hash(canonical({name: document[name] for name in FIELDS}))


def event_leaf(event: Mapping[str, Any]) -> bytes:
    """The leaf hash of a stored event."""
    return document_leaf(event_document(event))


def personal_hash(salt: str, data: Mapping[str, str]) -> str:
    """What the event keeps of its personal data: SHA-256 over the salt's bytes (given in hex) and the data."""
    return sha256(bytes.fromhex(salt) + canonical(dict(data))).hexdigest()
