"""Paths of the OpenAPI document that are no operations."""

from __future__ import annotations

from typing import Any

from rest_compat import openapi_language_servers, openapi_terminals
from rest_compat.chat_described import described as chat
from rest_compat.openapi_words import REASONS, tag
from rest_compat.uploads_described import described as uploads
from rest_compat.webhooks import described as webhooks

Schema = dict[str, Any]


def others() -> Schema:
    """Paths that are no operations."""
    return {
        "/metrics": _metrics(),
        "/v1/audit/export": _audit_export(),
        **webhooks(),
        **chat(),
        **uploads(),
        openapi_terminals.SOCKET_PATH: openapi_terminals.socket(),
        openapi_terminals.RECORDING_PATH: openapi_terminals.recording(),
        **openapi_language_servers.described(),
    }


def _metrics() -> Schema:
    return {
        "get": {
            "operationId": "GetMetrics",
            "summary": "Prometheus metrics",
            "description": "Prometheus metrics in the text exposition format.",
            "tags": [tag("microstax", "operations")],
            "security": [],
            "parameters": [],
            "responses": {
                "200": {
                    "description": "The metrics.",
                    "content": {"text/plain": {"schema": {"type": "string"}}},
                },
                "405": {"description": REASONS[405]},
            },
        }
    }


def _audit_export() -> Schema:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/SuradarError"}}}
    personal = {
        "name": "personal",
        "in": "query",
        "required": False,
        "description": "With the personal data that is still kept.",
        "schema": {"type": "boolean", "default": False},
    }
    return {
        "get": {
            "operationId": "ExportAuditLog",
            "summary": "Export the whole audit log",
            "description": "The whole audit log as lines of JSON: a header with the public keys, the events, the "
            "tree's leaf tiles, the signed checkpoints, an end. `soundstage audit verify` needs no server.",
            "tags": [tag("suradar", "governance")],
            "parameters": [personal],
            "x-access": {"scope": "audit", "kind": "read"},
            "responses": {
                "200": {
                    "description": "The log, one JSON object a line.",
                    "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
                },
                **{
                    str(status): {"description": REASONS[status], "content": error}
                    for status in (400, 401, 403, 405, 429, 500, 503)
                },
            },
        }
    }
