"""The chat's streams in OpenAPI."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

_REASONS = {
    400: "The request is malformed.",
    401: "Credentials are missing or not valid.",
    403: "The credentials do not permit this.",
    404: "Nothing with this id is visible to you.",
    405: "The path does not take this method; see `Allow`.",
    409: "The chat's answer is still under way.",
    413: "The body is too large.",
    415: "The body is not `application/json`.",
    422: "The request is well-formed, but its content is not valid.",
    429: "Too many requests, or too many answers under way.",
    500: "A defect of the server; tell the operator the request id.",
    503: "No model is configured, or a needed part does not answer.",
}
_STREAM = {
    "description": "The AI SDK's UI message stream: server-sent events whose data is a part `{type: …}`, then "
    "`[DONE]`. "
    "What goes wrong while it answers is a part `error`.",
    "headers": {
        "x-vercel-ai-ui-message-stream": {"required": True, "description": "`v1`.", "schema": {"type": "string"}}
    },
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key and body within an hour gives the same answer's stream again, from its beginning.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
_PART = {"type": "object", "properties": {"type": {"type": "string"}}, "required": ["type"]}
_REQUEST: Schema = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "minLength": 1, "maxLength": 100, "description": "The chat; made if it is missing."},
        "messages": {
            "type": "array",
            "minItems": 1,
            "maxItems": 500,
            "description": "UI messages, the last one a user's. They continue the chat from where the first of them "
            "stands in it, or at its end.",
            "items": {
                "type": "object",
                "properties": {
                    "id": {"type": "string", "minLength": 1, "maxLength": 100},
                    "role": {"type": "string", "enum": ["system", "user", "assistant"]},
                    "parts": {"type": "array", "items": _PART},
                },
                "required": ["id", "role", "parts"],
            },
        },
        "trigger": {"type": "string", "enum": ["submit-message", "regenerate-message"]},
        "messageId": {"type": ["string", "null"]},
        "model": {"type": ["string", "null"], "description": "One of `GET /api/v1/models`; the default one otherwise."},
        "workspaceId": {"type": ["string", "null"]},
        "sessionId": {"type": ["string", "null"]},
        "stopOnDisconnect": {
            "type": "boolean",
            "default": False,
            "description": "Stops the answer when the client leaves. Otherwise it goes on, and a client that is back "
            "resumes it.",
        },
    },
    "required": ["id", "messages"],
    "additionalProperties": False,
}


def described() -> dict[str, Schema]:
    """The routes by their paths."""
    ask = {
        "requestBody": {"required": True, "content": {"application/json": {"schema": _REQUEST}}},
        "parameters": [_KEY],
    }
    changing = (400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 500, 503)
    chat = _operation(
        "SendChat",
        "Chat completion",
        "Asks the assistant and streams its answer, as npm `ai`'s `DefaultChatTransport` does. The answer is made by "
        "the "
        "server, whoever watches: `GET /api/v1/chat/{id}/stream` resumes it, `POST /api/v1/chat/{id}/stop` stops it.",
        {"200": _STREAM},
        changing,
    )
    workflow = _operation(
        "SendWorkflowChat",
        "Workflow chat",
        "The same for a draft: the answer calls nothing but tools that take a complete draft, a Blueprint above all, "
        "and "
        "validate it. A valid one is the part `data-draft` with `{kind, document}`, which ends the answer.",
        {"200": _STREAM},
        changing,
    )
    return {
        "/api/v1/chat": {"post": {**chat, **ask}},
        "/api/v1/workflow-chat": {"post": {**workflow, **ask}},
        **_read(),
    }


def _read() -> dict[str, Schema]:
    reading = (400, 401, 403, 404, 405, 429, 500, 503)
    resume = _operation(
        "ResumeChat",
        "Resume the answer under way",
        "The answer under way from its beginning, as the AI SDK's `resume` asks for it.",
        {"200": _STREAM, "204": {"description": "No answer is under way."}},
        reading,
        parameters=[_id("The chat's id, or what its client calls it.")],
        kind="read",
    )
    attachment = _operation(
        "GetChatAttachment",
        "Read an attachment",
        "The bytes of a file that was added to one of your chats.",
        {"200": {"description": "The file.", "content": {"application/octet-stream": {"schema": {"type": "string"}}}}},
        reading,
        parameters=[_id("The attachment's id.")],
        kind="read",
    )
    return {
        "/api/v1/chat/{id}/stream": {"get": resume},
        "/api/v1/chat/attachments/{id}": {"get": attachment},
    }


def _operation(
    name: str,
    summary: str,
    description: str,
    answers: Schema,
    statuses: tuple[int, ...],
    *,
    parameters: list[Schema] | None = None,
    kind: str = "write",
) -> Schema:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/SursakitError"}}}
    return {
        "operationId": name,
        "summary": summary,
        "description": description,
        "tags": ["Sursakit: assistant"],
        "parameters": parameters or [],
        "x-access": {"scope": "assistant", "kind": kind},
        "responses": {
            **answers,
            **{str(status): {"description": _REASONS[status], "content": error} for status in statuses},
        },
    }


def _id(description: str) -> Schema:
    return {
        "name": "id",
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string", "minLength": 1},
    }
