"""What one client says, and what becomes of it: JSON-RPC messages of the Language Server Protocol, one at a time."""

from __future__ import annotations

from typing import Any

import orjson

from app.core.errors import InvalidRequest, SoundstageError
from app.language_servers.errors import OutsideRoot
from app.language_servers.roots import client_root
from app.language_servers.shared import (
    INVALID_PARAMS,
    NOT_INITIALIZED,
    REQUEST_FAILED,
    Message,
    SharedServer,
    notification,
    refusal,
)
from app.language_servers.viewers import Viewer

#: Bytes of one message of a client.
LARGEST_MESSAGE = 8 * 1024 * 1024
PARSE_ERROR, INVALID_REQUEST = -32700, -32600
#: What is of no meaning to a server that others use, too.
_OURS = frozenset(
    {"initialized", "$/setTrace", "workspace/didChangeWorkspaceFolders", "window/workDoneProgress/cancel"}
)


class Conversation:
    """A client's side of a shared server."""

    def __init__(self, server: SharedServer, viewer: Viewer) -> None:
        self._server, self._viewer = server, viewer

    async def take(self, body: str | bytes) -> bool:
        """A message of the client; False once it has said `exit`."""
        try:
            message = orjson.loads(body)
        except ValueError:
            self._viewer.send(refusal(None, PARSE_ERROR, "This is no JSON."))
            return True
        if not isinstance(message, dict) or not isinstance(message.get("id", 0), int | str):
            self._viewer.send(refusal(None, INVALID_REQUEST, "A message is one object, and its id a number or a text."))
            return True
        if message.get("method") == "exit":
            return False
        try:
            await self._take(message)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError):
            self._refuse(message, INVALID_PARAMS, InvalidRequest("The parameters are not as the protocol says."))
        except (OutsideRoot, InvalidRequest) as error:
            self._refuse(message, INVALID_PARAMS, error)
        except SoundstageError as error:
            self._refuse(message, REQUEST_FAILED, error)
        return True

    def _refuse(self, message: Message, code: int, error: SoundstageError) -> None:
        """A notification that cannot be followed has no answer."""
        if "method" in message and "id" in message:
            answer = refusal(message["id"], code, error.message)
            answer["error"]["data"] = {"code": error.code}
            self._viewer.send(answer)

    async def _take(self, message: Message) -> None:
        method, params = message.get("method"), message.get("params")
        if method is None:
            self._server.answered(self._viewer, message)
        elif not isinstance(method, str):
            raise InvalidRequest("The method has to be a text.")
        elif "id" in message:
            await self._asked(message["id"], method, params)
        elif self._viewer.initialized:
            await self._told(method, params)

    async def _asked(self, id: int | str, method: str, params: Any) -> None:
        if method == "initialize":
            await self._initialize(id, params)
        elif not self._viewer.initialized:
            self._viewer.send(refusal(id, NOT_INITIALIZED, "`initialize` comes first."))
        elif method == "shutdown":
            self._viewer.send({"jsonrpc": "2.0", "id": id, "result": None})
        else:
            # Tokens of progress would be one viewer's; a server that gets none tells nothing.
            own = {
                name: value for name, value in (params or {}).items() if not name.endswith(("DoneToken", "ultToken"))
            }
            heard = self._heard(own)
            document = heard.get("textDocument")
            before = self._server.documents.focus(self._viewer, document["uri"]) if document else []
            await self._server.ask(
                self._viewer, {"jsonrpc": "2.0", "id": id, "method": method, "params": heard}, before
            )

    async def _initialize(self, id: int | str, params: Message) -> None:
        if self._viewer.initialized:
            raise InvalidRequest("It is initialized already.")
        folders = params.get("workspaceFolders") or [{"uri": params.get("rootUri")}]
        if len(folders) != 1:
            raise InvalidRequest("There is one folder: the session's.")
        self._viewer.root = client_root(folders[0]["uri"])
        result = await self._server.initialize(self._viewer, params)
        answer = {"jsonrpc": "2.0", "id": id, "result": result}
        self._viewer.send(self._server.root.told(self._viewer.root, orjson.dumps(answer)))

    async def _told(self, method: str, params: Any) -> None:
        documents, viewer = self._server.documents, self._viewer
        match method:
            case "$/cancelRequest":
                await self._server.cancel(viewer, params["id"])
            case "textDocument/didOpen":
                item = self._heard(params)["textDocument"]
                uri = str(item["uri"])
                told = documents.open(viewer, uri, str(item["languageId"]), int(item["version"]), _text(item["text"]))
                await self._server.tell(*told)
                self._server.send_diagnostics(viewer, uri)
            case "textDocument/didChange":
                which = self._heard(params["textDocument"])
                changes = params["contentChanges"]
                await self._server.tell(*documents.change(viewer, which["uri"], int(which["version"]), changes))
            case "textDocument/didClose":
                await self._server.tell(*documents.close(viewer, self._heard(params)["textDocument"]["uri"]))
            case "textDocument/didSave" | "textDocument/willSave":
                heard = self._heard(params)
                before = documents.focus(viewer, heard["textDocument"]["uri"])
                await self._server.tell(*before, notification(method, heard))
            case "workspace/didChangeConfiguration":
                self._server.set_up(params.get("settings"))
                await self._server.tell(notification(method, params))
            case _ if method not in _OURS and not method.startswith("$/"):
                await self._server.tell(notification(method, self._heard(params)))

    def _heard(self, params: Any) -> Any:
        return self._server.root.heard(self._viewer.root, params)


def _text(text: Any) -> str:
    if not isinstance(text, str):
        raise InvalidRequest("A document's text has to be a text.")
    return text
