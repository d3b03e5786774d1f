"""Terminals in the OpenAPI document: their WebSocket, and their recordings."""

from __future__ import annotations

from typing import Any

from app.terminals.frames import PROTOCOL
from rest_compat.openapi_words import REASONS

ASCIICAST = "application/x-asciicast"
SOCKET_PATH = "/api/v1/ws/terminal"
RECORDING_PATH = "/v1/terminals/{id}/recording"


def socket() -> dict[str, Any]:
    """The WebSocket in OpenAPI."""
    names = {
        "terminal": ("The terminal's id.", {"type": "string"}, True),
        "offset": ("Resume at this byte of the output.", {"type": "integer", "minimum": 0}, False),
        "role": ("Write where nobody else does, or only watch.", {"enum": ["writer", "viewer"]}, False),
    }
    return {
        "x-websocket": True,
        "x-websocket-protocol": PROTOCOL,
        "description": "A terminal, in binary frames: output with its offset, input, size, gaps, exit. "
        "Credentials travel in a header, or as the subprotocol `bearer.<token>` or `ticket.<ticket>`.",
        "parameters": [
            {"name": name, "in": "query", "required": required, "description": text, "schema": schema}
            for name, (text, schema, required) in names.items()
        ],
    }


def recording() -> dict[str, Any]:
    """The route in OpenAPI."""
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/SursakitError"}}}
    return {
        "get": {
            "operationId": "GetTerminalRecording",
            "summary": "The recording of a terminal",
            "description": "What a terminal showed that was opened with `record: true`, as asciicast v2: "
            "`asciinema play` plays it. Input is not recorded.",
            "tags": ["Sursakit: files"],
            "parameters": [
                {
                    "name": "id",
                    "in": "path",
                    "required": True,
                    "description": "The terminal's id.",
                    "schema": {"type": "string", "minLength": 1},
                }
            ],
            "x-access": {"scope": "audit", "kind": "read"},
            "responses": {
                "200": {"description": "The recording.", "content": {ASCIICAST: {"schema": {"type": "string"}}}},
                **{
                    str(status): {"description": REASONS[status], "content": error}
                    for status in (401, 403, 404, 405, 429, 500, 503)
                },
            },
        }
    }
