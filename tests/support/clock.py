"""A clock that stands until it is moved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class MockClock:
    """`clock()` is the present; `clock.forward(30)` moves it."""

    def __init__(self) -> None:
        self.present = datetime(2026, 4, 17, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.present

    def forward(self, seconds: float) -> datetime:
        """The present, so many seconds later."""
        self.present += timedelta(seconds=seconds)
        return self.present
