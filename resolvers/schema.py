"""The one schema: every domain's root fields together, with what holds for all of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing
from functools import cache, cached_property
from typing import Any

import strawberry
from graphql import ASTValidationRule, GraphQLError, NoSchemaIntrospectionCustomRule
from strawberry.extensions import AddValidationRules, MaxTokensLimiter, SchemaExtension
from strawberry.extensions.directives import DirectivesExtension, DirectivesExtensionSync
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext, ExecutionResult, Info
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from resolvers.access import node_query
from resolvers.administration.queries import AdministrationQueries
from resolvers.agents.mutations import AgentMutations
from resolvers.agents.queries import AgentQueries
from resolvers.agents.types import Agent
from resolvers.assistant.mutations import AssistantMutations
from resolvers.assistant.queries import AssistantQueries
from resolvers.assistant.subscriptions import AssistantSubscriptions
from resolvers.assistant.types import Chat, ChatAttachment
from resolvers.audit.mutations import AuditMutations
from resolvers.audit.queries import AuditQueries
from resolvers.audit.subscriptions import AuditSubscriptions
from resolvers.audit.types import AuditEvent
from resolvers.automations.mutations import AutomationMutations
from resolvers.automations.queries import AutomationQueries
from resolvers.automations.subscriptions import AutomationSubscriptions
from resolvers.automations.types import Automation, AutomationRun
from resolvers.billing.mutations import BillingMutations
from resolvers.billing.queries import BillingQueries
from resolvers.budgets import Budgets
from resolvers.context import Context
from resolvers.database_console.mutations import DatabaseConsoleMutations
from resolvers.database_console.queries import DatabaseConsoleQueries
from resolvers.documents import Named, Parsed, Validated
from resolvers.environments.mutations import EnvironmentMutations
from resolvers.environments.queries import EnvironmentQueries
from resolvers.environments.subscriptions import EnvironmentSubscriptions
from resolvers.environments.types import Environment
from resolvers.errors import ClientErrors, shown
from resolvers.federation.mutations import FederationMutations
from resolvers.federation.queries import FederationQueries
from resolvers.federation.types import FederationProvider
from resolvers.files.mutations import FileMutations
from resolvers.files.queries import FileQueries
from resolvers.identity.mutations import IdentityMutations
from resolvers.identity.queries import ORGANIZATION, IdentityQueries
from resolvers.identity.types import ApiKey, Organization
from resolvers.integrations.mutations import IntegrationMutations
from resolvers.integrations.queries import IntegrationQueries
from resolvers.integrations.types import CodeHostConnection
from resolvers.language_servers.mutations import LanguageServerMutations
from resolvers.language_servers.queries import LanguageServerQueries
from resolvers.limits import MOST_TOKENS, Limits
from resolvers.members.mutations import MemberMutations
from resolvers.members.queries import MemberQueries
from resolvers.members.types import Invitation, Member
from resolvers.node import Id, Node
from resolvers.nodes import BY_PREFIX, node
from resolvers.organization.mutations import OrganizationMutations
from resolvers.organization.queries import OrganizationQueries
from resolvers.plans.operation import Prepared
from resolvers.plans.refusal import Unsupported
from resolvers.plans.store import Store
from resolvers.policies.mutations import PolicyMutations
from resolvers.policies.queries import PolicyQueries
from resolvers.policies.subscriptions import PolicySubscriptions
from resolvers.policies.types import Approval, Policy
from resolvers.pull_requests.mutations import PullRequestMutations
from resolvers.pull_requests.queries import PullRequestQueries
from resolvers.pull_requests.types import PullRequest
from resolvers.rest_directive import rest
from resolvers.running import fresh, run, stream
from resolvers.scalars import SCALARS
from resolvers.services.imports import ImportMutations
from resolvers.services.mutations import RuntimeMutations, ServiceMutations
from resolvers.services.queries import ServiceQueries
from resolvers.services.types import SessionService
from resolvers.sign_in.mutations import SignInMutations
from resolvers.sign_in.queries import SignInQueries
from resolvers.skills.mutations import SkillMutations
from resolvers.skills.queries import SkillQueries
from resolvers.skills.types import Skill
from resolvers.sso.mutations import SsoMutations
from resolvers.sso.queries import SsoQueries
from resolvers.system.queries import SystemQueries
from resolvers.tasks.mutations import TaskMutations
from resolvers.tasks.queries import TaskQueries
from resolvers.tasks.types import Task
from resolvers.terminals.mutations import TerminalMutations
from resolvers.terminals.queries import TerminalQueries
from resolvers.terminals.subscriptions import TerminalSubscriptions
from resolvers.terminals.types import Terminal
from resolvers.tokens.mutations import TokenMutations
from resolvers.tokens.queries import TokenQueries
from resolvers.trusted import DocumentNotTrusted
from resolvers.uploads.queries import UploadQueries
from resolvers.uploads.types import Upload
from resolvers.version_control.mutations import VersionControlMutations
from resolvers.version_control.queries import VersionControlQueries
from resolvers.webhooks.mutations import WebhookMutations
from resolvers.webhooks.queries import WebhookQueries
from resolvers.webhooks.types import WebhookDelivery, WebhookIntegration
from resolvers.workspaces.mutations import WorkspaceMutations
from resolvers.workspaces.queries import WorkspaceQueries
from resolvers.workspaces.types import Session, Workspace


@strawberry.type(description="Everything that can be read.")
class Query(
    AdministrationQueries,
    AgentQueries,
    AssistantQueries,
    AuditQueries,
    AutomationQueries,
    BillingQueries,
    DatabaseConsoleQueries,
    EnvironmentQueries,
    FederationQueries,
    FileQueries,
    IdentityQueries,
    IntegrationQueries,
    LanguageServerQueries,
    MemberQueries,
    OrganizationQueries,
    PolicyQueries,
    PullRequestQueries,
    ServiceQueries,
    SignInQueries,
    SkillQueries,
    SsoQueries,
    SystemQueries,
    TerminalQueries,
    TaskQueries,
    TokenQueries,
    UploadQueries,
    WebhookQueries,
    VersionControlQueries,
    WorkspaceQueries,
):
    @node_query(
        "The object with this id, of whatever type; null where none is visible to you.", ORGANIZATION, BY_PREFIX
    )
    async def node(self, info: Info[Context, None], id: Id) -> Node | None:
        return await node(info.context, id)


@strawberry.type(description="Everything that can be changed. Each field is one transaction.")
class Mutation(
    AgentMutations,
    AssistantMutations,
    AuditMutations,
    AutomationMutations,
    BillingMutations,
    DatabaseConsoleMutations,
    EnvironmentMutations,
    FederationMutations,
    FileMutations,
    IdentityMutations,
    IntegrationMutations,
    LanguageServerMutations,
    MemberMutations,
    OrganizationMutations,
    PolicyMutations,
    PullRequestMutations,
    ImportMutations,
    RuntimeMutations,
    ServiceMutations,
    SignInMutations,
    SkillMutations,
    SsoMutations,
    TerminalMutations,
    TaskMutations,
    TokenMutations,
    WebhookMutations,
    VersionControlMutations,
    WorkspaceMutations,
):
    pass


@strawberry.type(description="Everything that can be watched. Each stream resumes with `after` and tells its gaps.")
class Subscription(
    AssistantSubscriptions,
    AuditSubscriptions,
    AutomationSubscriptions,
    EnvironmentSubscriptions,
    PolicySubscriptions,
    TerminalSubscriptions,
):
    pass


class FreshContext(SchemaExtension):
    """Each operation of a WebSocket starts with empty data loaders and an empty unit of work."""

    def on_operation(self) -> Iterator[None]:
        self.execution_context.context = fresh(self.execution_context.context)
        yield


_ONE_ANSWER = frozenset({OperationType.QUERY, OperationType.MUTATION})


class SoundstageSchema(strawberry.Schema):
    """The one way in: GraphQL and every REST route run their operations by `execute` and `stream`.

    Without Strawberry's hook on every field for executable directives: `@rest` does nothing when it runs.
    """

    def get_extensions(self, sync: bool = False) -> list[SchemaExtension]:
        return [extension for extension in super().get_extensions(sync) if not isinstance(extension, _DIRECTIVES)]

    @cached_property
    def plans(self) -> Store:
        """The operations that are known."""
        return Store(self._schema)

    def known(self, query: Any, name: Any, sent: Any) -> Prepared | None:
        """A known operation with these variables, where it can be run by its plan."""
        if type(query) is not str or (name is not None and type(name) is not str):
            return None  # what is wrong with it is told elsewhere
        if sent is not None and type(sent) is not dict:
            return None
        operation = self.plans.find(query, name)
        if operation is None:
            return None
        try:
            return operation.prepare(sent or {})
        except Unsupported as refused:
            self.plans.refused(refused.reason)
            return None

    async def execute(
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Any | None = None,
        root_value: Any | None = None,
        operation_name: str | None = None,
        allowed_operation_types: Iterable[OperationType] | None = None,
        operation_extensions: dict[str, Any] | None = None,
    ) -> ExecutionResult:
        """One answer to one operation; a subscription has many, and takes `stream`."""
        allowed = _ONE_ANSWER if allowed_operation_types is None else {*allowed_operation_types} & _ONE_ANSWER
        known = self.known(query, operation_name, variable_values)
        if known is not None and context_value is not None and known.operation.type in allowed:
            return await run(known, context_value)
        if not self.plans.trusts(query):
            return _not_trusted(context_value)
        result = await super().execute(
            query, variable_values, context_value, root_value, operation_name, allowed, operation_extensions
        )
        if query and not isinstance(result, PreExecutionError):
            self.plans.seen(query, operation_name)
        return result

    async def stream(
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Any | None = None,
        root_value: Any | None = None,
        operation_name: str | None = None,
        operation_extensions: dict[str, Any] | None = None,
        allowed_operation_types: Iterable[OperationType] | None = None,
    ) -> Any:
        """The answers to an operation, one after another."""
        known = self.known(query, operation_name, variable_values)
        if known is not None and context_value is not None:
            return stream(known, context_value)
        if not self.plans.trusts(query):
            return _one(_not_trusted(context_value))
        results = await super().stream(
            query,
            variable_values,
            context_value,
            root_value,
            operation_name,
            operation_extensions,
            allowed_operation_types,
        )
        return self._noting(results, query, operation_name)

    async def _noting(self, results: Any, query: str | None, name: str | None) -> AsyncGenerator[Any, None]:
        async with aclosing(results):
            async for result in results:
                if query and not isinstance(result, PreExecutionError):
                    self.plans.seen(query, name)
                yield result

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Nothing: `ClientErrors` logs what is a defect, and only that."""


_DIRECTIVES = (DirectivesExtension, DirectivesExtensionSync)


def _not_trusted(context: Any) -> ExecutionResult:
    refused = DocumentNotTrusted()
    return PreExecutionError(data=None, errors=shown([GraphQLError(refused.message, original_error=refused)], context))


async def _one(result: ExecutionResult) -> AsyncGenerator[ExecutionResult, None]:
    yield result


#: Documents kept parsed and validated.
CACHED_DOCUMENTS = 256


#: What has an id, and is found by `node`.
_NODES: list[type] = [
    Agent,
    ApiKey,
    Approval,
    AuditEvent,
    Automation,
    AutomationRun,
    Chat,
    ChatAttachment,
    CodeHostConnection,
    Environment,
    FederationProvider,
    Invitation,
    Member,
    Organization,
    Policy,
    PullRequest,
    SessionService,
    Session,
    Skill,
    Task,
    Terminal,
    Upload,
    WebhookDelivery,
    WebhookIntegration,
    Workspace,
]


@cache
def build_schema(*, production: bool = False, only_trusted: bool = False) -> SoundstageSchema:
    """The schema as it is served; without introspection in production, and if told so for our own documents alone."""
    made = schema_of(Query, Mutation, Subscription, types=_NODES, production=production)
    made.plans.only_own = only_trusted
    return made


def schema_of(
    query: type,
    mutation: type | None = None,
    subscription: type | None = None,
    *,
    types: Iterable[type] = (),
    production: bool = False,
) -> SoundstageSchema:
    """A schema with all that holds for ours: limits, budgets, codes of errors, compiled operations."""
    rules: list[type[ASTValidationRule]] = [Limits, *([NoSchemaIntrospectionCustomRule] if production else [])]
    extensions: list[type[SchemaExtension] | Callable[[], SchemaExtension]] = [
        lambda: MaxTokensLimiter(max_token_count=MOST_TOKENS),
        Parsed,
        Validated,
        Named,
        lambda: AddValidationRules(rules),
        ClientErrors,
        FreshContext,
        Budgets,
    ]
    return SoundstageSchema(
        query=query,
        mutation=mutation,
        subscription=subscription,
        types=list(types),
        directives=[rest],
        extensions=extensions,
        config=StrawberryConfig(scalar_map=SCALARS),
    )
