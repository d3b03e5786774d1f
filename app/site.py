"""The HTTP face of the server: which path is answered by what."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from app.audit.export import export
from app.billing.webhooks import Webhooks as BillingWebhooks
from app.blueprints import json_schema
from app.console.routes import page_endpoint
from app.console.routes import routes as asset_routes
from app.contract import client_documents, contract
from app.core import actor
from app.core.errors import InvalidRequest, NotFound
from app.observability.exchange import Answer, Incoming
from app.observability.metrics import CONTENT_TYPE, Metrics
from app.observability.requests import ROUTE, Fast, Requests
from app.policies.document import rules_schema
from app.settings import Settings
from app.webhooks.incoming import Receiver
from resolvers.authentication import Authentication
from resolvers.context import Context
from resolvers.http import GraphQLEndpoint
from resolvers.known_requests import KnownRequests
from resolvers.product import Product
from resolvers.schema import SoundstageSchema, build_schema
from rest_compat.chat import ChatRoutes
from rest_compat.downloads import Download
from rest_compat.entrance import Entrance
from rest_compat.git_http import PREFIX, GitHttp
from rest_compat.language_server_files import LanguageServerFiles
from rest_compat.language_servers import LanguageServerSocket, WatchSocket
from rest_compat.recordings import recording
from rest_compat.routes import MethodNotAllowed
from rest_compat.service import RestService, failure, not_found
from rest_compat.terminals import TerminalSocket
from rest_compat.uploads import HEADERS as UPLOAD_HEADERS
from rest_compat.uploads import UploadRoutes
from rest_compat.uploads_described import PATH as UPLOADS
from rest_compat.webhooks import Webhook

if TYPE_CHECKING:
    from opentelemetry import trace

#: The same under every prefix, as the routes of operations are.
_PREFIXES = ("/v1", "/api/v1")


def site(
    product: Product,
    authentication: Authentication,
    settings: Settings,
    *,
    metrics: Metrics,
    tracer: trace.Tracer | None,
    schema: SoundstageSchema | None = None,
    documents: Path | None = None,
) -> ASGIApp:
    """The whole application: `/graphql`, the REST routes, and what else there is. Ours, unless another is given."""
    schema = schema or _schema_of(settings)
    graphql = GraphQLEndpoint(
        context=authentication.context,
        authenticate=authentication.admit,
        page=None if settings.production else page_endpoint("graphiql.html"),
        schema=schema,
        production=settings.production,
        explain_validation=settings.explain_validation or not settings.production,
        allowed_origins=settings.allowed_origins,
    )
    rest = RestService(documents or contract("graphql"), authentication.context, schema)
    rest.otherwise = _pages(product, authentication, settings, metrics, rest, schema)
    schema.plans.refused = lambda reason: metrics.unplanned.labels(reason).inc()
    known = KnownRequests(schema, authentication.context, explains=graphql.explains)
    return Requests(
        _across_origins(_dispatch(graphql, rest), settings),
        metrics,
        body_limit=settings.body_limit,
        fast=_fast(known, rest, settings),
        tracer=tracer,
        streamed=(PREFIX, *(f"{prefix}{UPLOADS}" for prefix in _PREFIXES)),
    )


def _fast(known: KnownRequests, rest: RestService, settings: Settings) -> Fast:
    """What is answered without a framework in between."""

    def fast(request: Incoming) -> Awaitable[Answer | None]:
        return known.answer(request) if request.scope["path"] == "/graphql" else rest.answer(request)

    async def unless_across(request: Incoming) -> Answer | None:
        # What a browser asks from elsewhere is told what it may do.
        return None if "origin" in request.headers else await fast(request)

    return unless_across if settings.allowed_origins else fast


def _dispatch(graphql: GraphQLEndpoint, rest: RestService) -> ASGIApp:
    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan" and scope["path"] == "/graphql":
            scope[ROUTE] = "graphql"
            await graphql(scope, receive, send)
        else:
            await rest(scope, receive, send)

    return dispatch


def _across_origins(app: ASGIApp, settings: Settings) -> ASGIApp:
    """For browsers on the pages of others, where there are any that may ask."""
    if not settings.allowed_origins:
        return app
    origins = settings.allowed_origins
    anything = ["*"]
    return CORSMiddleware(
        app, allow_origins=origins, allow_methods=anything, allow_headers=anything, expose_headers=UPLOAD_HEADERS
    )


def _schema_of(settings: Settings) -> SoundstageSchema:
    """The schema of these settings, with the documents that our own clients send."""
    made = build_schema(production=settings.production, only_trusted=settings.trusted_documents)
    for text in client_documents():
        made.plans.add(text)
    return made


def _pages(
    product: Product,
    authentication: Authentication,
    settings: Settings,
    metrics: Metrics,
    rest: RestService,
    schema: SoundstageSchema,
) -> Starlette:
    async def numbers(request: Request) -> Response:
        request.scope[ROUTE] = "metrics"
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    async def document(request: Request) -> Response:
        request.scope[ROUTE] = "openapi"
        return Response(rest.document, media_type="application/json")

    exported = _audit_export(product, authentication)
    billed, received = _billing_webhook(product), _incoming_webhook(product)
    routes = [Route(path, numbers, methods=["GET"]) for path in ("/metrics", *(f"{p}/metrics" for p in _PREFIXES))]
    routes += [Route(f"{prefix}/audit/export", exported.answer, methods=["GET"]) for prefix in _PREFIXES]
    routes += [Route(f"{prefix}/billing/webhook", billed.answer, methods=["POST"]) for prefix in ("", *_PREFIXES)]
    routes += [Route(f"{prefix}/webhooks/incoming", received.answer, methods=["POST"]) for prefix in _PREFIXES]
    routes += [
        Route("/openapi.json", document, methods=["GET"]),
        Route("/documents.json", _documents(rest), methods=["GET"]),
        Route("/schemas/blueprint.json", _blueprint_schema, methods=["GET"]),
        Route("/schemas/policy-rules.json", _rules_schema, methods=["GET"]),
    ]
    routes += [Route("/terminal", page_endpoint("terminal.html"), methods=["GET"]), *asset_routes()]
    if not settings.production:
        routes += [
            Route("/", _front, methods=["GET"]),
            Route("/docs", page_endpoint("api.html"), methods=["GET"]),
        ]
    routes += _session_routes(product, authentication, settings, schema)
    sockets = _sockets(Entrance(authentication.context, settings.allowed_origins))
    return Starlette(routes=[*routes, *sockets], exception_handlers={HTTPException: _http_error})


def _session_routes(
    product: Product, authentication: Authentication, settings: Settings, schema: SoundstageSchema
) -> list[Route]:
    """What people and agents work with in sessions: chat, files, git, recordings."""
    chat = ChatRoutes(schema, authentication.context, product.assistant.files)
    uploads = UploadRoutes(authentication.context, product.uploads)
    files, recorded = LanguageServerFiles(authentication.context), recording(authentication.context)
    routes = list(GitHttp(authentication.context, settings.push_limit).routes())
    for prefix in _PREFIXES:
        routes += [*chat.routes(prefix), *uploads.routes(prefix)]
        routes.append(Route(f"{prefix}/lsp-fs", files.answer, methods=["GET"]))
        routes.append(Route(f"{prefix}/terminals/{{id}}/recording", recorded.answer, methods=["GET"]))
    return routes


def _sockets(entrance: Entrance) -> list[WebSocketRoute]:
    served = {
        "terminal": TerminalSocket(entrance).serve,
        "lsp": LanguageServerSocket(entrance).serve,
        "lsp-fs-watch": WatchSocket(entrance).serve,
    }
    return [WebSocketRoute(f"{prefix}/ws/{name}", serve) for prefix in _PREFIXES for name, serve in served.items()]


def _billing_webhook(product: Product) -> Webhook:
    events = BillingWebhooks(product.database, product.billing)

    async def take(request: Request, body: bytes, request_id: str) -> bool:
        return await events.take(body, request.headers.get("Stripe-Signature", ""), request_id)

    return Webhook("billing-webhook", "microstax", take)


def _incoming_webhook(product: Product) -> Webhook:
    receiver = Receiver(product.database, product.webhooks)

    async def take(request: Request, body: bytes, request_id: str) -> bool:
        return await receiver.take(request.query_params.get("integration", ""), request.headers, body)

    return Webhook("incoming-webhook", "sursakit", take)


def _audit_export(product: Product, authentication: Authentication) -> Download:
    def lines(context: Context, request: Request) -> AsyncIterator[bytes]:
        personal = request.query_params.get("personal", "false")
        if personal not in ("true", "false"):
            raise InvalidRequest(f"'personal' is {personal!r}; it has to be true or false.")
        organization_id = context.require_actor().organization_id
        return export(context.work, organization_id, product.audit.signer, personal=personal == "true")

    return Download(
        "audit-export",
        "suradar",
        (actor.Scope.AUDIT, actor.Kind.READ),
        authentication.context,
        lines,
        "audit.ndjson",
    )


def _documents(rest: RestService) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        request.scope[ROUTE] = "documents"
        return Response(rest.trusted, media_type="application/json")

    return answer


async def _blueprint_schema(request: Request) -> Response:
    request.scope[ROUTE] = "blueprint-schema"
    return _schema(json_schema.schema())


async def _rules_schema(request: Request) -> Response:
    request.scope[ROUTE] = "policy-rules-schema"
    return _schema(rules_schema())


def _schema(document: dict[str, Any]) -> Response:
    return Response(orjson.dumps(document, option=orjson.OPT_INDENT_2), media_type="application/schema+json")


async def _front(request: Request) -> Response:
    return RedirectResponse("/graphql")


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return await not_found(request)
    refused = MethodNotAllowed() if error.status_code == 405 else NotFound(error.detail)
    response = failure(request.scope, refused)
    response.headers.update(error.headers or {})
    return response
