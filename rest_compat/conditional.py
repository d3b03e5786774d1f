"""Conditional requests (RFC 9110 §13): the ETag of a resource is its version."""

from __future__ import annotations

import re
from typing import Any

from app.core.errors import PreconditionFailed

_TAG = re.compile(r'(?:W/)?"([^"]*)"')


def etag(value: Any) -> str | None:
    """The ETag of a single resource that tells its version; None for anything else."""
    version = value.get("version") if isinstance(value, dict) else None
    return f'"{version}"' if isinstance(version, int) else None


def version_wanted(if_match: str | None) -> int | None:
    """The version in `If-Match`, None for none or `*`. Raises `PreconditionFailed` for a tag that is not ours."""
    if if_match is None or if_match.strip() == "*":
        return None
    tags = _TAG.findall(if_match)
    if len(tags) != 1 or not re.fullmatch(r"\d{1,9}", tags[0], re.ASCII):
        raise PreconditionFailed()
    return int(tags[0])


def unchanged(if_none_match: str | None, tag: str | None) -> bool:
    """Whether `If-None-Match` names the present version: the answer is 304."""
    if if_none_match is None or tag is None:
        return False
    return if_none_match.strip() == "*" or tag.strip('"') in _TAG.findall(if_none_match)
