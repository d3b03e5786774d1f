"""Waiting for what happens elsewhere: look again and again, with a deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def until(look: Callable[[], Awaitable[T]], seconds: float = 30.0) -> T:
    """The first true answer; fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        answer = await look()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {seconds} s, last was {answer!r}"
        await asyncio.sleep(0.005)


def soon(look: Callable[[], T], seconds: float = 30.0) -> T:
    """The same where no event loop runs."""
    deadline = time.monotonic() + seconds
    while True:
        answer = look()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {seconds} s, last was {answer!r}"
        time.sleep(0.01)
