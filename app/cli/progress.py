"""Shows how an environment comes up: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import Any, Protocol

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from app.cli.output import err, note

_DONE = {"is running": ("✓", "green"), "is completed": ("✓", "green"), "is stopped": ("■", "dim")}
_TROUBLE = ("is failed", "is unhealthy")


class Display(Protocol):
    """What is told while something is waited for."""

    def __enter__(self) -> Display: ...

    def __exit__(self, *_: object) -> None: ...

    def show(self, item: dict[str, Any]) -> None:
        """One item of the progress stream."""


def display(name: str) -> Display:
    """The display that fits standard error."""
    return Bars(name) if err().is_terminal else Lines()


class Lines:
    """`  1.2 s  3/4  web is running`."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, item: dict[str, Any]) -> None:
        count = f"{item['ready']}/{item['total']}" if item["total"] else ""
        note(f"{time.monotonic() - self._began:6.1f} s  {count:>5}  {item['message']}")


class Bars:
    """One bar for the whole, one line for each service with the latest news of it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._began = time.monotonic()
        self._ready = self._total = 0
        self._message = ""
        self._services: dict[str, str] = {}
        self._spinner = Spinner("dots", style="cyan")
        self._live = Live(console=err(), get_renderable=self._render, refresh_per_second=10)

    def __enter__(self) -> Bars:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, item: dict[str, Any]) -> None:
        if item["total"]:
            self._ready, self._total = item["ready"], item["total"]
        if item["service"]:
            self._services[item["service"]] = item["message"]
        else:
            self._message = item["message"]
        self._live.refresh()

    def _render(self) -> Group:
        width = max(10, min(30, err().width - 50))
        bar = ProgressBar(total=self._total or None, completed=self._ready, width=width)
        count = f"{self._ready}/{self._total} ready" if self._total else ""
        head = Table.grid(padding=(0, 1))
        head.add_row(Text(self._name, "bold"), bar, count, Text(f"{time.monotonic() - self._began:.1f} s", "dim"))
        parts: list[RenderableType] = [head]
        if self._services:
            news = Table.grid(padding=(0, 1))
            for message in self._services.values():
                news.add_row(self._sign(message), Text(message, overflow="fold"))
            parts.append(news)
        if self._message and not (self._total and self._ready == self._total):
            parts.append(Text(self._message, "dim"))
        return Group(*parts)

    def _sign(self, message: str) -> Text | Spinner:
        for end, (sign, style) in _DONE.items():
            if message.endswith(end):
                return Text(sign, style)
        return Text("✗", "red") if any(word in message for word in _TROUBLE) else self._spinner
