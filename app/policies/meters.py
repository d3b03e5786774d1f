"""What is counted in this process: rates, by moving windows, and calls in flight. Nothing here waits: it is atomic."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

MINUTE = 60.0
#: Calls are counted together for so long: a window never admits too many, and may keep one waiting this much longer.
BUCKET = 0.1
#: A call in flight that never said that it ended counts for so long at most, in seconds.
LONGEST_FLIGHT = 3_600.0
SWEEP_ABOVE = 10_000


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `most` calls in any `seconds`."""

    key: str
    most: int
    seconds: float


class _Window:
    """The calls of the last seconds, in buckets, oldest first."""

    __slots__ = ("buckets", "total")

    def __init__(self) -> None:
        self.buckets: deque[list[float]] = deque()
        self.total = 0

    def count(self, now: float, seconds: float) -> int:
        """How many calls lie in the last `seconds`. A bucket counts until all of it is older."""
        buckets = self.buckets
        while buckets and buckets[0][0] + BUCKET + seconds <= now:
            self.total -= int(buckets.popleft()[1])
        return self.total

    def add(self, now: float) -> None:
        start = math.floor(now / BUCKET) * BUCKET
        if self.buckets and self.buckets[-1][0] >= start:
            self.buckets[-1][1] += 1
        else:
            self.buckets.append([start, 1])
        self.total += 1


class Rates:
    """Moving windows by key; exact upwards: no window ever holds more than its limit."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, float], _Window] = {}

    def exceeded(self, rate: Rate, now: float) -> bool:
        """Whether one more call would be too many."""
        window = self._windows.get((rate.key, rate.seconds))
        return rate.most < 1 or (window is not None and window.count(now, rate.seconds) >= rate.most)

    def hit(self, rate: Rate, now: float) -> None:
        """Counts one call."""
        key = (rate.key, rate.seconds)
        window = self._windows.get(key)
        if window is None:
            if len(self._windows) >= SWEEP_ABOVE:
                self._sweep(now)
            window = self._windows[key] = _Window()
        window.add(now)

    def _sweep(self, now: float) -> None:
        for key in [key for key, window in self._windows.items() if not window.count(now, key[1])]:
            del self._windows[key]


@dataclass
class Flights:
    """Calls in flight, by key: who holds a place, and until when at most."""

    _held: dict[str, dict[str, float]] = field(default_factory=dict)

    def full(self, key: str, most: int, now: float) -> bool:
        """Whether every place is taken."""
        held = self._held.get(key, {})
        for holder in [holder for holder, until in held.items() if until <= now]:
            del held[holder]
        return len(held) >= most

    def take(self, key: str, holder: str, now: float) -> None:
        """Takes a place; `leave` gives it back."""
        self._held.setdefault(key, {})[holder] = now + LONGEST_FLIGHT

    def leave(self, holder: str) -> None:
        """Gives back every place that the holder has."""
        for key in [key for key, held in self._held.items() if held.pop(holder, None) is not None]:
            if not self._held[key]:
                del self._held[key]


@dataclass
class Meters:
    """All counts of a process."""

    rates: Rates = field(default_factory=Rates)
    flights: Flights = field(default_factory=Flights)


def seconds(moment: datetime) -> float:
    """A moment as meters count it."""
    return moment.timestamp()


def first_exceeded(rates: Sequence[Rate], exceeded: Callable[[Rate], bool]) -> Rate | None:
    """The first rate that one more call would exceed."""
    return next((rate for rate in rates if exceeded(rate)), None)
