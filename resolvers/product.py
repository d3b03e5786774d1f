"""The running product, as resolvers reach it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.assistant.parts import AssistantParts
from app.audit.service import Parts as AuditParts
from app.automations.actions import AutomationParts
from app.billing.providers import BillingParts
from app.database.changes import Database
from app.database_console.service import ConsoleParts
from app.environments.service import Parts
from app.federation.service import FederationParts
from app.integrations.service import IntegrationParts
from app.language_servers.service import LanguageServerParts
from app.limits.service import Limits
from app.observability.health import Health
from app.policies.governance import PolicyParts
from app.sign_in.service import Parts as SignInParts
from app.sso.service import SsoParts
from app.terminals.service import TerminalParts
from app.tokens.service import SigningKeys
from app.uploads.service import UploadParts
from app.webhooks.service import WebhookParts
from app.workspaces.service import WorkspaceParts


@dataclass(frozen=True)
class Product:
    """The running product, as the composition root put it together."""

    database: Database
    environments: Parts
    health: Health
    policies: PolicyParts
    audit: AuditParts
    sign_in: SignInParts
    tokens: SigningKeys
    federation: FederationParts
    limits: Limits
    sso: SsoParts
    billing: BillingParts
    webhooks: WebhookParts
    integrations: IntegrationParts
    automations: AutomationParts
    workspaces: WorkspaceParts
    terminals: TerminalParts
    language_servers: LanguageServerParts
    uploads: UploadParts
    assistant: AssistantParts
    database_console: ConsoleParts
    #: How many requests this server has answered.
    answered: Callable[[], int]
    #: Introspection, GraphiQL and the API viewer are off in production.
    production: bool = False
