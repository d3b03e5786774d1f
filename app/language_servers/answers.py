"""What a language server asks: answered here where all viewers would say the same, else by the one who acts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.language_servers.capabilities import REGISTER, UNREGISTER, WATCHED
from app.language_servers.viewers import Viewer

if TYPE_CHECKING:
    from app.language_servers.shared import SharedServer

Message = dict[str, Any]
METHOD_NOT_FOUND, VIEWER_LEFT = -32601, -32803
#: Questions to one viewer that may wait for its answer.
MOST_OWED = 50
_TAKEN = frozenset({REGISTER, UNREGISTER, "window/workDoneProgress/create"})


class Answers:
    """The requests of one server."""

    def __init__(self, server: SharedServer) -> None:
        self._server = server
        #: The viewer that asked last.
        self.active: Viewer | None = None
        #: What viewers last said how the server is to be set up.
        self.settings: Any = None
        self._registered: set[str] = set()
        self._numbers = 0
        self._passed: dict[int, tuple[Viewer, Any]] = {}

    @property
    def watches(self) -> bool:
        """Whether the server wants to know of changed files."""
        return bool(self._registered)

    def forget(self) -> None:
        """The server has ended: nothing that it asked counts any more."""
        self._registered.clear()
        for viewer, _ in self._passed.values():
            viewer.owes.clear()
        self._passed.clear()

    def answer(self, request: Message, body: bytes) -> None:
        """Answers a request, or passes it on."""
        method, params = request["method"], request.get("params") or {}
        if method == "workspace/configuration":
            self._reply(request["id"], [self._setting(item.get("section")) for item in params.get("items", [])])
        elif method == "workspace/workspaceFolders":
            self._reply(request["id"], [{"uri": self._server.root.uri, "name": "workspace"}])
        elif method in _TAKEN:
            self._register(method, params)
            self._reply(request["id"], None)
        elif method.startswith(("workspace/", "window/")) and method.endswith("/refresh"):
            for viewer in self._server.viewers:
                if viewer.initialized:
                    self._pass(viewer, request["id"], body, answered=False)
            self._reply(request["id"], None)
        elif self.active in self._server.viewers and self.active is not None and len(self.active.owes) < MOST_OWED:
            self._pass(self.active, request["id"], body, answered=True)
        else:
            self._refuse(request["id"], METHOD_NOT_FOUND, "Nobody is there to ask.")

    def take(self, viewer: Viewer, answer: Message) -> None:
        """A viewer's answer."""
        number = answer.get("id")
        if not isinstance(number, int) or number not in viewer.owes:
            return
        viewer.owes.discard(number)
        _, asked = self._passed.pop(number)
        if asked is not None:
            told = {name: answer[name] for name in ("result", "error") if name in answer} or {"result": None}
            told = self._server.root.heard(viewer.root, told)
            self._server.reply({"jsonrpc": "2.0", "id": asked, **told})

    def leave(self, viewer: Viewer) -> None:
        """A viewer goes without having answered."""
        if self.active is viewer:
            self.active = None
        for number in viewer.owes:
            _, asked = self._passed.pop(number)
            if asked is not None:
                self._refuse(asked, VIEWER_LEFT, "Who was asked has left.")
        viewer.owes.clear()

    def _pass(self, viewer: Viewer, id: Any, body: bytes, *, answered: bool) -> None:
        """Asks a viewer; without `answered` what it says is not awaited."""
        if len(viewer.owes) >= MOST_OWED:
            return
        self._numbers += 1
        told = self._server.root.told(viewer.root, body)
        viewer.owes.add(self._numbers)
        self._passed[self._numbers] = (viewer, id if answered else None)
        viewer.send({**told, "id": self._numbers})

    def _register(self, method: str, params: Message) -> None:
        for each in params.get("registrations", []):
            if each.get("method") == WATCHED:
                self._registered.add(str(each.get("id")))
        # So it is spelled in the protocol.
        for each in params.get("unregisterations", []):
            self._registered.discard(str(each.get("id")))

    def _setting(self, section: str | None) -> Any:
        found = self.settings
        for name in (section or "").split(".") if section else []:
            found = found.get(name) if isinstance(found, dict) else None
        return found

    def _reply(self, id: Any, result: Any) -> None:
        self._server.reply({"jsonrpc": "2.0", "id": id, "result": result})

    def _refuse(self, id: Any, code: int, message: str) -> None:
        self._server.reply({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
