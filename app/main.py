"""The composition root: settings → database → engine → reconciler → schema → ASGI. The only module that knows all."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress
from pathlib import Path

import orjson
import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.blueprints import json_schema
from app.console.routes import page_endpoint
from app.console.routes import routes as asset_routes
from app.contract import contract
from app.core.errors import NotFound, SoundstageError
from app.core.ids import new_id
from app.core.streams import Wakeups
from app.core.vault import Vault
from app.database.changes import Database
from app.database.migrate import migrate_postgres, migrate_sqlite
from app.database.sqlite import SqliteDatabase
from app.engines.base import Engine
from app.engines.process import ProcessEngine
from app.environments.lifecycle import Lifecycle
from app.environments.reconciler import Reconciler
from app.environments.service import Parts
from app.federation.acceptance import Acceptance
from app.federation.bearers import Bearers
from app.federation.service import FederationParts, forget_used
from app.idempotency.service import forget_old
from app.identity.service import ping
from app.observability.health import Health
from app.observability.metrics import CONTENT_TYPE, Metrics
from app.observability.requests import ROUTE, Requests
from app.observability.tracing import Tracing, tracing
from app.settings import Settings
from app.sign_in.service import Parts as SignInParts
from app.sign_in.sessions import forget_old as forget_old_sessions
from app.sign_in.sessions import session_stands
from app.sign_in.throttle import Throttle
from app.sso.provider import Providers
from app.sso.service import SsoParts
from app.tokens.service import REFRESH_SECONDS, SigningKeys
from resolvers.authentication import Authentication
from resolvers.context import Product
from resolvers.http import GraphQLEndpoint
from rest_compat.routes import MethodNotAllowed
from rest_compat.service import RestService, failure, not_found

log = structlog.get_logger(__name__)
HOUSEKEEPING_SECONDS = 3600.0
GC_THRESHOLDS = (20_000, 20, 50)


async def open_database(settings: Settings) -> Database:
    """The database of these settings, at its newest revision."""
    if settings.database_url:
        from app.database.postgres import PostgresDatabase  # imported late: a server on SQLite starts without it

        await migrate_postgres(settings.database_url)
        return await PostgresDatabase(settings.database_url).open()
    await migrate_sqlite(settings.sqlite_path)
    return await SqliteDatabase(settings.sqlite_path).open()


def make_data_dir(path: Path) -> Path:
    """The data directory, readable by its owner only."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def node_name(data_dir: Path) -> str:
    """This node's own name, the same after a restart: what leases are held under."""
    file = data_dir / "node"
    with suppress(FileNotFoundError):
        return file.read_text().strip()
    file.write_text(name := new_id("node"))
    return name


class Server:
    """A running product: `await Server(settings).open()`, then serve `app`, then `close`."""

    def __init__(self, settings: Settings, *, engine: Engine | None = None) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.engine: Engine = engine or ProcessEngine(settings.data_dir)
        self.app: ASGIApp = _not_open
        self.tracing = Tracing()
        self._duties: list[asyncio.Task[None]] = []

    async def open(self) -> Server:
        """Starts all parts, or none; raises `StorageUnavailable`."""
        make_data_dir(self.settings.data_dir)
        self.database = await open_database(self.settings)
        try:
            await self._start()
        except BaseException:
            await self.engine.close()
            await self.database.close()
            raise
        return self

    async def _start(self) -> None:
        settings = self.settings
        vault = Vault.at(settings.data_dir / "secret.key")
        events = Wakeups()
        self.reconciler = Reconciler(
            self.database,
            Lifecycle(self.engine, vault),
            events,
            owner=node_name(settings.data_dir),
            count=self._count_pass,
        )
        parts = Parts(
            engine=self.engine,
            vault=vault,
            wake=lambda environment_id: self.reconciler.wake(environment_id, wanted_changed=True),
            events=events,
            isolation=settings.isolation,
        )
        health = Health({"database": lambda: ping(self.database), "engine": self.engine.capabilities})
        self.tokens = await SigningKeys(self.database, vault, issuer=settings.own_issuer).open()
        federation = FederationParts(self.tokens, settings.allow_private_providers)
        self.product = Product(
            self.database,
            parts,
            health,
            SignInParts(vault, self.tokens.mint, Throttle()),
            self.tokens,
            federation,
            self._sso(vault),
            production=settings.production,
        )
        bearers = Bearers(
            self.database, self.tokens, Acceptance(self.database, federation), session_stands(self.database)
        )
        self.authentication = Authentication(self.product, bearers, settings.allowed_origins)
        self.tracing = tracing(settings.otlp_endpoint)
        self.app = self._application()
        await self.reconciler.start()
        self._duties = [asyncio.create_task(self._keep_house()), asyncio.create_task(self._keep_keys())]
        _collect_rarely()

    def _sso(self, vault: Vault) -> SsoParts:
        providers = Providers(allow_private=self.settings.allow_private_providers)
        return SsoParts(vault, providers, self.tokens.mint, self.settings.own_issuer)

    async def close(self) -> None:
        """Ends all parts; services go on running."""
        for duty in self._duties:
            duty.cancel()
        await asyncio.gather(*self._duties, return_exceptions=True)
        await self.reconciler.close()
        await self.engine.close()
        await self.database.close()
        await asyncio.to_thread(self.tracing.close)

    def _count_pass(self, result: str) -> None:
        self.metrics.passes.labels(result).inc()

    def _application(self) -> ASGIApp:
        settings = self.settings
        graphql = GraphQLEndpoint(
            context=self.authentication.context,
            authenticate=self.authentication.admit,
            page=None if settings.production else page_endpoint("graphiql.html"),
            production=settings.production,
            allowed_origins=settings.allowed_origins,
        )
        rest = RestService(
            contract("graphql"), self.authentication.context, otherwise=self._pages(), production=settings.production
        )
        self.rest = rest

        async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "lifespan" and scope["path"] == "/graphql":
                scope[ROUTE] = "graphql"
                await graphql(scope, receive, send)
            else:
                await rest(scope, receive, send)

        app: ASGIApp = dispatch
        if settings.allowed_origins:
            app = CORSMiddleware(app, allow_origins=settings.allowed_origins, allow_methods=["*"], allow_headers=["*"])
        return Requests(app, self.metrics, body_limit=settings.body_limit, tracer=self.tracing.tracer)

    def _pages(self) -> Starlette:
        async def metrics(request: Request) -> Response:
            request.scope[ROUTE] = "metrics"
            return Response(self.metrics.text(), media_type=CONTENT_TYPE)

        async def document(request: Request) -> Response:
            request.scope[ROUTE] = "openapi"
            return Response(self.rest.document, media_type="application/json")

        async def blueprint(request: Request) -> Response:
            request.scope[ROUTE] = "blueprint-schema"
            return Response(
                orjson.dumps(json_schema.schema(), option=orjson.OPT_INDENT_2), media_type="application/schema+json"
            )

        async def front(request: Request) -> Response:
            return RedirectResponse("/graphql")

        paths = ("/metrics", "/v1/metrics", "/api/v1/metrics")
        routes = [Route(path, metrics, methods=["GET"]) for path in paths]
        routes += [
            Route("/openapi.json", document, methods=["GET"]),
            Route("/schemas/blueprint.json", blueprint, methods=["GET"]),
        ]
        if not self.settings.production:
            routes += [
                Route("/", front, methods=["GET"]),
                Route("/docs", page_endpoint("api.html"), methods=["GET"]),
                *asset_routes(),
            ]
        return Starlette(routes=routes, exception_handlers={HTTPException: _http_error})

    async def _keep_house(self) -> None:
        while True:
            with suppress(SoundstageError):
                await forget_old(self.database)
                await forget_old_sessions(self.database)
                await forget_used(self.database)
            await asyncio.sleep(HOUSEKEEPING_SECONDS)

    async def _keep_keys(self) -> None:
        """Notices what other servers did to the signing keys, and rotates them when it is time."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                await self.tokens.refresh()
            except SoundstageError as error:
                log.warning("keys.refresh_failed", error=error.message)


def _collect_rarely() -> None:
    """What lives as long as the server is not looked through again; rare, large collections suit many connections."""
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return await not_found(request)
    refused = MethodNotAllowed() if error.status_code == 405 else NotFound(error.detail)
    response = failure(request.scope, refused)
    response.headers.update(error.headers or {})
    return response


async def _not_open(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("open the server before it serves")
