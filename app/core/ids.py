"""Prefixed ids that sort by time: `env_` + a ULID (https://github.com/ulid/spec) in lower case."""

from __future__ import annotations

import re

from ulid import ULID

_ID = re.compile(r"[a-z]{2,8}_[0-9a-hjkmnp-tv-z]{26}")


def new_id(prefix: str) -> str:
    """A new id, e.g. `env_01k9…`: unique, and later ones sort after earlier ones of another millisecond."""
    return f"{prefix}_{str(ULID()).lower()}"


def is_id(text: str, prefix: str) -> bool:
    """Whether `text` has the form of an id with this prefix."""
    return text.startswith(f"{prefix}_") and _ID.fullmatch(text) is not None
