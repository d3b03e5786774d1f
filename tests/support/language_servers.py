"""A client of the Language Server Protocol for an application in this process, and sessions with code to look at."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from tests.support.serving import Client, Served
from tests.support.sockets import Socket, connected
from tests.support.terminals import new_session

PATH, WATCH_PATH, FILES_PATH = "/api/v1/ws/lsp", "/api/v1/ws/lsp-fs-watch", "/api/v1/lsp-fs"
SERVERS = "query ($id: ID!) { languageServers(sessionId: $id) { name languages status clients restarts message } }"
_numbers = itertools.count()

MAIN = """from helper import greet

value = greet("you")
other = greet(1)
"""
HELPER = '''def greet(name: str) -> str:
    """Says hello."""
    return "hello " + name
'''


class Failed(Exception):
    """The server answered with an error."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.code, self.message = error["code"], error["message"]


@dataclass
class LspClient:
    """One editor."""

    socket: Socket
    root: str = "file:///workspace"
    told: list[dict[str, Any]] = field(default_factory=list)
    seen: list[dict[str, Any]] = field(default_factory=list)
    _ids: Any = field(default_factory=lambda: itertools.count(1))
    _versions: dict[str, int] = field(default_factory=dict)

    async def request(self, method: str, params: Any = None, seconds: float = 30) -> Any:
        """The result; raises `Failed`."""
        id = next(self._ids)
        await self.socket.send({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
        while True:
            message = await self.step(seconds)
            assert message is not None, f"closed: {self.socket.closed}"
            if message.get("id") == id and "method" not in message:
                if "error" in message:
                    raise Failed(message["error"])
                return message.get("result")

    async def notify(self, method: str, params: Any = None) -> None:
        await self.socket.send({"jsonrpc": "2.0", "method": method, "params": params})

    async def step(self, seconds: float = 30) -> dict[str, Any] | None:
        """One message; None once the server has closed. Notifications are kept."""
        message: dict[str, Any] | None = await self.socket.next(seconds)
        if message is not None:
            self.seen.append(message)
            if "method" in message:
                self.told.append(message)
        return message

    async def until(self, method: str, right: Callable[[Any], bool] = lambda _: True) -> Any:
        """The parameters of the first notification or request like this that comes or came."""
        at = 0
        while True:
            for message in self.told[at:]:
                at += 1
                if message["method"] == method and right(message["params"]):
                    return message["params"]
            assert await self.step() is not None, f"closed: {self.socket.closed}"

    async def begin(self, **capabilities: Any) -> dict[str, Any]:
        params = {"processId": None, "rootUri": self.root, "capabilities": capabilities, "workspaceFolders": None}
        result: dict[str, Any] = await self.request("initialize", params)
        await self.notify("initialized", {})
        return result

    def uri(self, path: str) -> str:
        return f"{self.root}/{path}"

    async def open(self, path: str, text: str, language: str = "python") -> None:
        self._versions[path] = 1
        item = {"uri": self.uri(path), "languageId": language, "version": 1, "text": text}
        await self.notify("textDocument/didOpen", {"textDocument": item})

    async def change(self, path: str, *changes: dict[str, Any]) -> int:
        self._versions[path] += 1
        which = {"uri": self.uri(path), "version": self._versions[path]}
        await self.notify("textDocument/didChange", {"textDocument": which, "contentChanges": list(changes)})
        return self._versions[path]

    async def close(self, path: str) -> None:
        await self.notify("textDocument/didClose", {"textDocument": {"uri": self.uri(path)}})

    async def at(self, method: str, path: str, line: int, character: int) -> Any:
        """A request about a place in a file."""
        position = {"line": line, "character": character}
        return await self.request(
            f"textDocument/{method}", {"textDocument": {"uri": self.uri(path)}, "position": position}
        )

    async def problems(self, path: str, right: Callable[[list[Any]], bool]) -> list[Any]:
        """The diagnostics of a file, once they are right."""
        uri = self.uri(path)
        found = await self.until(
            "textDocument/publishDiagnostics",
            lambda params: params["uri"] == uri and right(params["diagnostics"]),
        )
        diagnostics: list[Any] = found["diagnostics"]
        return diagnostics

    def forget(self) -> None:
        """What was told before counts no more."""
        self.told.clear()


@asynccontextmanager
async def editing(
    app: ASGIApp,
    session_id: str,
    key: str | None,
    *,
    language: str = "python",
    server: str = "",
    root: str = "file:///workspace",
    subprotocols: Sequence[str] = (),
    headers: dict[str, str] | None = None,
    path: str = PATH,
) -> AsyncIterator[LspClient]:
    """A client that has not said anything yet."""
    query = f"session={session_id}&language={language}" + (f"&server={server}" if server else "")
    async with connected(app, path, key=key, query=query, subprotocols=subprotocols, headers=headers) as socket:
        yield LspClient(socket, root)


async def session_with_code(client: Client, served: Served) -> tuple[str, Path]:
    """A session with two Python files, and where it is."""
    session = await new_session(client, f"code-{next(_numbers)}")
    [folder] = served.product.settings.data_dir.glob(f"workspaces/*/sessions/{session}")
    (folder / "main.py").write_text(MAIN)
    (folder / "helper.py").write_text(HELPER)
    return session, folder
