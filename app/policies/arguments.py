"""Arguments as they are hashed, and as they are kept: without secrets, and only when they are small."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from app.policies.call import LARGEST_KEPT

_SECRET = re.compile(r"secret|password|token|key|credential", re.IGNORECASE)
HIDDEN = "***"


def redacted(value: Any) -> Any:
    """The value with `***` for all that stands under a name which sounds secret."""
    if isinstance(value, Mapping):
        return {name: HIDDEN if _SECRET.search(str(name)) else redacted(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(item) for item in value]
    return value


def kept(value: Any) -> Any | None:
    """The value without secrets; None where it is larger than what is kept."""
    shown = redacted(value)
    return shown if len(orjson.dumps(shown)) <= LARGEST_KEPT else None
