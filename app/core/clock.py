"""The time: always UTC, and settable in tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from app.core.errors import InvalidRequest

Clock = Callable[[], datetime]


def now() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """`2026-04-17T01:50:53Z`: UTC, whole seconds (RFC 3339)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def in_utc(moment: datetime | None) -> datetime | None:
    """A client's moment in UTC, which is meant where no offset is given; raises `InvalidRequest` out of our times."""
    if moment is None:
        return None
    if not 1970 <= moment.year < 9999:
        raise InvalidRequest(f"{moment.isoformat()} does not lie between the years 1970 and 9998.")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
