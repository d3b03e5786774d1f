"""The composition root: settings → database → engine → reconciler → schema → ASGI. The only module that knows all."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from app.administration.sampler import Sampler
from app.assistant.builtin_tools import builtin_tools
from app.assistant.drafts import builtin_drafts
from app.assistant.files import Files
from app.assistant.jobs import forget_old as forget_old_answers
from app.assistant.parts import AssistantParts
from app.assistant.running_tools import RunningTools
from app.audit.cursors import Cursors
from app.audit.sealer import Sealer
from app.audit.service import Parts as AuditParts
from app.audit.signing import Signer
from app.automations.actions import AutomationParts
from app.automations.jobs import AutomationWorker
from app.automations.listening import Listening
from app.automations.service import forget_old as forget_old_runs
from app.billing.configuration import billing_parts
from app.billing.webhooks import forget_old as forget_old_billing
from app.core.errors import SoundstageError
from app.core.streams import Wakeups
from app.core.vault import Vault
from app.database_console.service import ConsoleParts
from app.engines.base import Engine
from app.engines.process import ProcessEngine
from app.environments.lifecycle import Lifecycle
from app.environments.reconciler import Reconciler
from app.environments.service import Parts
from app.federation.acceptance import Acceptance
from app.federation.bearers import Bearers
from app.federation.service import FederationParts, forget_used
from app.idempotency.service import forget_old
from app.identity.service import KnownKeys, ping
from app.installation import make_data_dir, node_name, open_database
from app.integrations.service import IntegrationParts
from app.language_servers.service import LanguageServerParts
from app.limits.leases import forget_old_windows
from app.limits.service import limits
from app.observability.health import Health
from app.observability.metrics import Metrics
from app.observability.tracing import Tracing, tracing
from app.outbox.postman import Postman
from app.policies import governance
from app.policies.governance import PolicyParts
from app.services.jobs import sweep as sweep_services
from app.services.runtimes import RuntimeParts
from app.settings import Settings
from app.sign_in.service import Parts as SignInParts
from app.sign_in.sessions import forget_old as forget_old_sessions
from app.sign_in.sessions import session_stands
from app.sign_in.throttle import Throttle
from app.site import site
from app.sso.provider import Providers
from app.sso.service import SsoParts
from app.terminals.jobs import Keeper, forget_recordings
from app.terminals.service import TerminalParts
from app.tokens.service import REFRESH_SECONDS, SigningKeys
from app.uploads.jobs import sweep as sweep_uploads
from app.uploads.service import UploadParts
from app.uploads.store import Store
from app.webhooks.dispatcher import Dispatcher
from app.webhooks.fanout import Fanout
from app.webhooks.service import WebhookParts
from app.webhooks.service import forget_old as forget_old_webhooks
from app.workspaces.folders import Folders
from app.workspaces.jobs import maintain, sweep
from app.workspaces.service import WorkspaceParts
from resolvers.authentication import Authentication
from resolvers.product import Product

log = structlog.get_logger(__name__)
HOUSEKEEPING_SECONDS = 3600.0
GC_THRESHOLDS = (20_000, 20, 50)


class Server:
    """A running product: `await Server(settings).open()`, then serve `app`, then `close`."""

    def __init__(self, settings: Settings, *, engine: Engine | None = None, signer: Signer | None = None) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.engine: Engine = engine or ProcessEngine(settings.data_dir)
        #: Signs the audit log's checkpoints: the installation's own keys, unless others are given.
        self._signer = signer
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
        self.tokens = await SigningKeys(self.database, vault, issuer=settings.own_issuer).open()
        self.limits = limits(self.database, settings.anonymous_per_minute)
        self.sampler = Sampler(self.database)
        self.workspaces = WorkspaceParts(Folders(settings.data_dir.absolute() / "workspaces"))
        self.terminals = self._terminal_parts()
        self.language_servers = self._language_server_parts()
        self.uploads = self._upload_parts()
        self.product = self._product(vault, parts)
        self.sealer = Sealer(self.database, signer=self._signer or self.tokens)
        self.tracing = tracing(settings.otlp_endpoint)
        tracer = self.tracing.tracer
        self.app = site(self.product, self._authentication(), settings, metrics=self.metrics, tracer=tracer)
        await self.reconciler.start()
        self.sealer.start()
        self.sampler.start()
        self.keeper = Keeper(self.database, self.terminals)
        self.keeper.start()
        self._tell_others(self.reconciler.owner)
        self._take_up_duties()

    def _tell_others(self, owner: str) -> None:
        """Events go out to webhooks and automations."""
        self.dispatcher = Dispatcher(self.database, self.product.webhooks, owner=owner)
        self.automations = AutomationWorker(self.database, self.product.automations, owner=owner)
        self.postman = Postman(self.database, [Fanout().listen, Listening().listen])
        for each in (self.dispatcher, self.automations, self.postman):
            each.start()

    def _product(self, vault: Vault, environments: Parts) -> Product:
        policies, databases = PolicyParts(), self._database_console(environments)
        return Product(
            self.database,
            environments,
            Health({"database": lambda: ping(self.database), "engine": self.engine.capabilities}),
            policies,
            AuditParts(Cursors(vault.derived("audit cursors")), self._signer or self.tokens),
            SignInParts(vault, self.tokens.mint, Throttle()),
            self.tokens,
            FederationParts(self.tokens, self.settings.allow_private_providers),
            self.limits,
            self._sso(vault),
            billing_parts(self.settings),
            WebhookParts(vault, self.settings.own_issuer, self.settings.allow_private_webhooks),
            self._integrations(vault),
            AutomationParts(vault, environments, self.terminals, self.settings.allow_private_webhooks),
            self.workspaces,
            self.terminals,
            self.language_servers,
            self.uploads,
            self._assistant(vault, environments, policies, databases),
            databases,
            lambda: self.metrics.answered,
            production=self.settings.production,
        )

    def _terminal_parts(self) -> TerminalParts:
        settings = self.settings
        return TerminalParts(
            self.engine,
            self.workspaces,
            node=node_name(settings.data_dir),
            recordings=settings.data_dir.absolute() / "recordings",
            isolation=settings.isolation,
            most_open=settings.terminals_per_organization,
            idle_seconds=settings.terminal_idle_seconds,
            recording_days=settings.terminal_recording_days,
        )

    def _language_server_parts(self) -> LanguageServerParts:
        settings = self.settings
        return LanguageServerParts(
            self.engine,
            self.workspaces,
            settings.data_dir.absolute(),
            isolation=settings.isolation,
            most=settings.language_servers_per_organization,
            idle_seconds=settings.language_server_idle_seconds,
        )

    def _upload_parts(self) -> UploadParts:
        store = Store(self.settings.data_dir.absolute() / "uploads")
        return UploadParts(self.workspaces, store, self.settings.upload_limit)

    def _authentication(self) -> Authentication:
        accepts = Acceptance(self.database, self.product.federation)
        bearers = Bearers(self.database, self.tokens, accepts, session_stands(self.database))
        return Authentication(self.product, bearers, KnownKeys(self.database), self.settings.allowed_origins)

    def _take_up_duties(self) -> None:
        duties = (self._keep_house(), self._keep_repositories(), self._keep_keys(), self.limits.usage.keep())
        self._duties = [asyncio.create_task(duty) for duty in duties]
        collect_rarely()

    def _integrations(self, vault: Vault) -> IntegrationParts:
        given = self.settings
        return IntegrationParts(
            vault,
            given.allow_private_code_hosts,
            github_url=given.github_url,
            gitlab_url=given.gitlab_url,
            bitbucket_url=given.bitbucket_url,
            dockerhub_url=given.dockerhub_url.rstrip("/"),
            registry_url=given.docker_registry_url.rstrip("/"),
        )

    def _assistant(
        self, vault: Vault, environments: Parts, policies: PolicyParts, databases: ConsoleParts
    ) -> AssistantParts:
        tools = builtin_tools()
        tools.add(RunningTools(databases.services, self.terminals, databases).all())
        return AssistantParts(
            vault,
            environments,
            self.workspaces,
            policies,
            self.limits.usage,
            Files(self.settings.data_dir.absolute() / "attachments"),
            tools,
            builtin_drafts(),
            self.settings.allow_private_models,
        )

    def _database_console(self, environments: Parts) -> ConsoleParts:
        settings = self.settings
        own = () if settings.database_url else (settings.sqlite_path.absolute(),)
        services = RuntimeParts(self.workspaces, environments)
        return ConsoleParts(services, self.database, own, settings.allow_private_databases)

    def _sso(self, vault: Vault) -> SsoParts:
        providers = Providers(allow_private=self.settings.allow_private_providers)
        return SsoParts(vault, providers, self.tokens.mint, self.settings.own_issuer)

    async def close(self) -> None:
        """Ends all parts; services go on running."""
        for duty in self._duties:
            duty.cancel()
        await asyncio.gather(*self._duties, return_exceptions=True)
        await self.product.assistant.answers.close()
        await self.language_servers.close()
        await self.reconciler.close()
        await self.keeper.close()
        await self.postman.close()
        await self.dispatcher.close()
        await self.automations.close()
        await self.sealer.close()
        await self.sampler.close()
        await self.product.workspaces.close()
        with suppress(SoundstageError):
            await self.limits.usage.flush()
        await self.engine.close()
        await self.database.close()
        await asyncio.to_thread(self.tracing.close)

    def _count_pass(self, result: str) -> None:
        self.metrics.passes.labels(result).inc()

    async def _keep_house(self) -> None:
        while True:
            with suppress(SoundstageError):
                await forget_old(self.database)
                await forget_old_sessions(self.database)
                await governance.forget_old(self.database)
                await forget_used(self.database)
                await forget_old_windows(self.database)
                await forget_old_billing(self.database)
                await forget_old_webhooks(self.database)
                await forget_old_runs(self.database)
                await forget_old_answers(self.database)
                await self.product.assistant.files.sweep(self.database)
                await sweep_uploads(self.database, self.uploads)
                await forget_recordings(self.database, self.terminals)
                await sweep(self.database, self.product.workspaces.folders)
                await sweep_services(self.database)
            await asyncio.sleep(HOUSEKEEPING_SECONDS)

    async def _keep_repositories(self) -> None:
        """Never at the start: it runs git for every workspace."""
        while True:
            await asyncio.sleep(HOUSEKEEPING_SECONDS)
            with suppress(SoundstageError):
                await maintain(self.database, self.product.workspaces.folders)

    async def _keep_keys(self) -> None:
        """Notices what other servers did to the signing keys, and rotates them when it is time."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                await self.tokens.refresh()
            except SoundstageError as error:
                log.warning("keys.refresh_failed", error=error.message)


def collect_rarely() -> None:
    """What lives as long as the server is not looked through again; rare, large collections suit many connections.

    Nor is it looked through now: that takes a fifth of a second of the start, for some megabytes.
    """
    gc.freeze()
    gc.enable()
    gc.set_threshold(*GC_THRESHOLDS)


async def _not_open(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("open the server before it serves")
