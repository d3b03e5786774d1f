"""Structured logs: one JSON object a line, on standard error. Secrets and tokens are never given to it."""

from __future__ import annotations

import asyncio
import atexit
import logging
import sys
import time
from collections.abc import MutableMapping
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, TextIO

import orjson
import structlog

#: The id of the request that is being answered: every line that is logged meanwhile tells it.
REQUEST: ContextVar[str] = ContextVar("request_id", default="")
#: How late a request's line is written at most: lines of many requests are written at once.
LATE_SECONDS = 0.05
_LARGEST_BATCH = 500


class RequestLog:
    """One line for each request, in the form of all others, at a fiftieth of their cost."""

    def __init__(self) -> None:
        self._stream: TextIO | None = None
        self._lines: list[str] = []
        self._second = (0, "")

    def to(self, stream: TextIO | None) -> None:
        """Where lines go; None: nowhere."""
        self.flush()
        self._stream = stream

    def write(self, route: str, method: str, status: int, seconds: float, request_id: str) -> None:
        """Tells of a request that was answered."""
        if self._stream is None:
            return
        # What stands in quotes is made of letters, digits, and `_.:-`: routes are named by us, ids are checked.
        self._lines.append(
            f'{{"route":"{route}","method":"{method}","status":{status},"milliseconds":{seconds * 1000:.2f},'
            f'"event":"request","request_id":"{request_id}","level":"info","timestamp":"{self._now()}"}}\n'
        )
        if len(self._lines) == 1:
            try:
                asyncio.get_running_loop().call_later(LATE_SECONDS, self.flush)
            except RuntimeError:
                self.flush()
        elif len(self._lines) >= _LARGEST_BATCH:
            self.flush()

    def flush(self) -> None:
        """Writes what waits."""
        lines, self._lines = self._lines, []
        if lines and self._stream is not None:
            with suppress(OSError, ValueError):  # nobody reads it any more
                self._stream.write("".join(lines))
                self._stream.flush()

    def _now(self) -> str:
        nanoseconds = time.time_ns()
        second, microseconds = nanoseconds // 1_000_000_000, nanoseconds // 1_000 % 1_000_000
        if second != self._second[0]:
            self._second = (second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)))
        return f"{self._second[1]}.{microseconds:06}Z"


request_log = RequestLog()
atexit.register(request_log.flush)


def configure(level: str = "info") -> None:
    """Sends our own logs and those of libraries through one JSON renderer."""
    shared: list[structlog.typing.Processor] = [
        _request,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(serializer=_dump)],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=_dump),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)
    request_log.to(sys.stderr if number <= logging.INFO else None)


def _request(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Which request a line belongs to."""
    request_id = REQUEST.get()
    if request_id:
        event.setdefault("request_id", request_id)
    return event


def _dump(event: object, **_: object) -> str:
    return orjson.dumps(event, default=str).decode()
