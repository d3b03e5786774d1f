"""Whether the server is alive, and whether its parts answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from app.core.errors import SoundstageError

VERSION = "0.1.0"
#: Seconds that a part has to answer.
DEADLINE = 2.0


@dataclass(frozen=True, slots=True)
class Check:
    """How one part is."""

    name: str
    ok: bool
    message: str


@dataclass
class Health:
    """Asks the parts; liveness asks nobody."""

    parts: Mapping[str, Callable[[], Awaitable[object]]] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    @property
    def uptime(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    async def checks(self) -> list[Check]:
        """Every part, asked at the same time, each with a deadline."""
        return list(await asyncio.gather(*(_check(name, ask) for name, ask in self.parts.items())))


async def _check(name: str, ask: Callable[[], Awaitable[object]]) -> Check:
    try:
        async with asyncio.timeout(DEADLINE):
            await ask()
    except SoundstageError as error:
        return Check(name, False, error.message)
    except TimeoutError:
        return Check(name, False, f"no answer within {DEADLINE:g} s")
    return Check(name, True, "ok")
