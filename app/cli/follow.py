"""Follows a subscription in the background, over cut connections: `after` resumes, so each item comes once."""

from __future__ import annotations

import queue
import threading
import time
from typing import Any

import httpx

from app.cli.api import Api, Unreachable
from app.cli.exits import CliError

#: Seconds without any connection after which a follower gives up.
PATIENCE = 60.0
_BACKOFF = (0.1, 3.0)


class Follower:
    """`next(seconds)` gives the next item, None when none came in time. It raises what ended the stream."""

    def __init__(self, api: Api, operation: str, **variables: Any) -> None:
        self._api, self._operation, self._variables = api, operation, variables
        # Bounded: a terminal that is slow to print holds up the server's stream, not our memory.
        self._items: queue.Queue[dict[str, Any] | CliError] = queue.Queue(maxsize=1000)
        self.ended = False
        threading.Thread(target=self._read, name="follower", daemon=True).start()

    def next(self, seconds: float) -> dict[str, Any] | None:
        """Waits so long for an item. `ended` is set when the one given is the last."""
        try:
            item = self._items.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return None
        if isinstance(item, CliError):
            raise item
        self.ended = bool(item.get("end"))
        return item

    def _read(self) -> None:
        delay, heard = _BACKOFF[0], time.monotonic()
        connected = False
        while True:
            why = "the connection was cut"
            try:
                for item in self._api.events(self._operation, **self._variables):
                    self._variables["after"] = item["cursor"]
                    delay, heard, connected = _BACKOFF[0], time.monotonic(), True
                    self._items.put(item)
                    if item.get("end"):
                        return
                heard = time.monotonic()
            except CliError as error:
                self._items.put(error)
                return
            except (httpx.HTTPError, OSError, RuntimeError, ValueError) as error:
                why = str(error) or type(error).__name__
            patience = PATIENCE if connected else _BACKOFF[1]
            if time.monotonic() - heard > patience:
                self._items.put(Unreachable(self._api.where, why))
                return
            time.sleep(delay)
            delay = min(delay * 2, _BACKOFF[1])
