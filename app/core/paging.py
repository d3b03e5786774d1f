"""Pages of a list, by keyset: the cursor names the last item that was seen."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.core.errors import InvalidRequest

T = TypeVar("T")

#: Sorts after every id.
NEWEST = "~"


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list, and whether there is more after it."""

    items: Sequence[T]
    has_more: bool


def page_size(first: int | None, largest: int) -> int:
    """The number of items asked for; raises `InvalidRequest` outside 1 to `largest`."""
    if first is None:
        return min(100, largest)
    if not 1 <= first <= largest:
        raise InvalidRequest(f"A page holds 1 to {largest} items; {first} were asked for.")
    return first


def encode_cursor(key: str) -> str:
    """An opaque cursor for the item with this key."""
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> str | None:
    """The key in a cursor, None for none; raises `InvalidRequest` when it is not one of ours."""
    if not cursor:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest("The cursor is not one that this API gave out. Leave it away to start anew.") from error
