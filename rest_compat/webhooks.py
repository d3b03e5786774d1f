"""Routes that take a signed body from another service, byte by byte as it was sent: no operation could."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app.core.errors import InvalidRequest, PayloadTooLarge, SoundstageError
from app.observability.requests import REQUEST_ID, ROUTE
from rest_compat.dialects import DIALECTS, Answered

log = structlog.get_logger(__name__)
MOST_BYTES = 256 * 1024

_REASONS = {
    400: "The signature is not valid, or the body is no event.",
    404: "The billing provider of this installation sends no webhooks.",
    405: "The path does not take this method; see `Allow`.",
    409: "It came at the same moment as another one: it has to be sent again.",
    413: "The body is too large.",
    500: "A defect of the server; tell the operator the request id.",
    503: "A needed part does not answer.",
}


@dataclass(frozen=True)
class Webhook:
    """Public: the signature is the credential."""

    name: str
    api: str
    #: Request, body, request id -> whether the event is new.
    take: Callable[[Request, bytes, str], Awaitable[bool]]

    async def answer(self, request: Request) -> Response:
        """200 for an event that is done, new or not; whoever sends it tries again after anything else."""
        request.scope[ROUTE] = self.name
        request_id, dialect = request.scope.get(REQUEST_ID, ""), DIALECTS[self.api]
        answered = Answered(request_id)
        try:
            new = await self.take(request, await _body(request), request_id)
            status, body = 200, dialect.success({"received": True, "duplicate": not new}, answered)
        except SoundstageError as error:
            status, body = error.status, dialect.failure(error, answered)
        except Exception:
            log.exception("request.defect", route=self.name)
            message = f"Something went wrong on our side. Tell the operator the request id {request_id}."
            status, body = 500, dialect.failure(SoundstageError(message), answered)
        return Response(orjson.dumps(body), status, {"X-Request-ID": request_id}, media_type="application/json")


async def _body(request: Request) -> bytes:
    """The whole body; raises `PayloadTooLarge`."""
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > MOST_BYTES:
                raise PayloadTooLarge(f"An event has at most {MOST_BYTES:,} bytes.")
    except ClientDisconnect as error:
        raise InvalidRequest("The request ended before its body was complete.") from error
    return bytes(body)


def described() -> dict[str, Any]:
    """These routes in OpenAPI."""
    taken = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
    return {
        path: {"post": {**operation, "security": [], "requestBody": taken}}
        for path, operation in {"/v1/billing/webhook": _billing(), "/api/v1/webhooks/incoming": _incoming()}.items()
    }


def _billing() -> dict[str, Any]:
    signature = _parameter(
        "Stripe-Signature",
        "header",
        "`t=<unix seconds>,v1=<hex>`: HMAC-SHA256 over `<t>.<body>`, at most five minutes old.",
    )
    return {
        "operationId": "TakeBillingEvent",
        "summary": "Billing webhook endpoint",
        "description": "Takes an event of the billing provider, once: what comes again is answered with "
        "`duplicate: true` and changes nothing.",
        "tags": ["MicroStax: organization"],
        "parameters": [{**signature, "required": True}],
        "responses": _responses("microstax", _REASONS),
    }


def _incoming() -> dict[str, Any]:
    return {
        "operationId": "TakeIncomingWebhook",
        "summary": "Incoming webhook receiver",
        "description": "Takes an event of a code host or of anybody else, once: what comes again is answered with "
        "`duplicate: true` and changes nothing. The integration (`createWebhookIntegration`, direction `incoming`) "
        "says by which scheme the body is signed, and with which secret. Events trigger automations.",
        "tags": ["Sursakit: integrations"],
        "parameters": [
            {**_parameter("integration", "query", "The integration's id; no secret."), "required": True},
            *(_parameter(name, "header", text) for name, text in _SIGNATURES.items()),
        ],
        "responses": _responses(
            "sursakit",
            _REASONS
            | {
                400: "The body is not JSON.",
                401: "The signature is not valid.",
                404: "No enabled integration takes webhooks under this id.",
            },
        ),
    }


_SIGNATURES = {
    "X-Hub-Signature-256": "GitHub's: `sha256=<hex>`, HMAC-SHA256 over the body.",
    "X-Hub-Signature": "Bitbucket's: `sha256=<hex>`, HMAC-SHA256 over the body.",
    "X-Gitlab-Token": "GitLab's: the secret itself.",
    "webhook-id": "Standard Webhooks: the event's id.",
    "webhook-timestamp": "Standard Webhooks: Unix seconds, at most five minutes old.",
    "webhook-signature": "Standard Webhooks: `v1,<base64>`, HMAC-SHA256 over `<id>.<timestamp>.<body>`.",
}


def _parameter(name: str, where: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": where, "required": False, "description": description, "schema": {"type": "string"}}


def _responses(api: str, reasons: dict[int, str]) -> dict[str, Any]:
    done = {
        "type": "object",
        "properties": {"received": {"type": "boolean"}, "duplicate": {"type": "boolean"}},
        "required": ["received", "duplicate"],
        "additionalProperties": False,
    }
    body = {"application/json": {"schema": DIALECTS[api].success_schema(done, paged=False)}}
    error = {"application/json": {"schema": {"$ref": f"#/components/schemas/{api.capitalize()}Error"}}}
    failures = {str(status): {"description": text, "content": error} for status, text in reasons.items()}
    return {"200": {"description": "The event is done.", "content": body}, **failures}
