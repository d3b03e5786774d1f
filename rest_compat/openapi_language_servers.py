"""Language servers in the OpenAPI document: their WebSockets, and files for their clients."""

from __future__ import annotations

from typing import Any

from rest_compat.openapi_words import REASONS

SOCKET_PATH, FILES_PATH, WATCH_PATH = "/api/v1/ws/lsp", "/api/v1/lsp-fs", "/api/v1/ws/lsp-fs-watch"
_CREDENTIALS = "Credentials travel in a header, or as the subprotocol `bearer.<token>` or `ticket.<ticket>`."
_SESSION = ("The session's id.", {"type": "string"}, True)
_ROOT = ("The address that the client has given the session's files; `file:///workspace` without.", {"type": "string"})


def described() -> dict[str, Any]:
    """These routes in OpenAPI."""
    return {SOCKET_PATH: _socket(), FILES_PATH: {"get": _files()}, WATCH_PATH: _watch()}


def _socket() -> dict[str, Any]:
    names = {
        "session": _SESSION,
        "language": ("The language, as the protocol calls it: `python`, `typescript`.", {"type": "string"}, True),
        "server": ("The language server by name; the first that is installed without.", {"type": "string"}, False),
    }
    return {
        "x-websocket": True,
        "x-access": {"scope": "workspaces", "kind": "write"},
        "description": "A language server for the session's files: messages of the Language Server Protocol, one a "
        "text frame, without headers. All clients of a session share one server; each is served as if it were alone. "
        "The root that `initialize` names stands for the session's files in every address; files elsewhere are not "
        "told of. A server that ends is started again with what is open, and `$/soundstage/restarted` tells. Close "
        "codes are 4000 + the HTTP status: 4503 where the server is not installed (`window/showMessage` says how to "
        "install it) or ends again and again, 4408 for a client that does not read. " + _CREDENTIALS,
        "parameters": _parameters(names),
    }


def _watch() -> dict[str, Any]:
    names = {
        "session": _SESSION,
        "root": (*_ROOT, False),
        "after": ("Go on behind this cursor.", {"type": "string"}, False),
    }
    return {
        "x-websocket": True,
        "x-access": {"scope": "workspaces", "kind": "read"},
        "description": "What changes in the session's files, whoever changes it; not what git ignores. JSON frames "
        "with a `cursor`: `ready`, `changes` (each with `uri`, `path` and `created`, `changed` or `deleted`; a deleted "
        "folder tells for what was in it), and `rescan` where more happened than is told: look at all files again. "
        "`complete` is false on `ready` where there are too many folders to watch. " + _CREDENTIALS,
        "parameters": _parameters(names),
    }


def _files() -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/SursakitError"}}}
    names = {
        "session_id": _SESSION,
        "path": ("The file's path in the session's files; or `uri`.", {"type": "string"}, False),
        "uri": ("The file's address below `root`.", {"type": "string"}, False),
        "root": (*_ROOT, False),
    }
    return {
        "operationId": "GetLanguageServerFile",
        "summary": "A file for a language server's client",
        "description": "A file of the session as it is on the disk, at most 8 MiB, with its version as the `ETag`.",
        "tags": ["Sursakit: files"],
        "parameters": [
            *_parameters(names),
            {
                "name": "If-None-Match",
                "in": "header",
                "required": False,
                "description": "The version that the client has.",
                "schema": {"type": "string"},
            },
        ],
        "x-access": {"scope": "workspaces", "kind": "read"},
        "responses": {
            "200": {
                "description": "The file.",
                "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            },
            "304": {"description": "The client has this version."},
            **{
                str(status): {"description": REASONS[status], "content": error}
                for status in (400, 401, 403, 404, 405, 413, 422, 429, 500, 503)
            },
        },
    }


def _parameters(names: dict[str, tuple[str, dict[str, Any], bool]]) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "query", "required": required, "description": text, "schema": schema}
        for name, (text, schema, required) in names.items()
    ]
