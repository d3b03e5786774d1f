"""The one schema: every domain's root fields together, with what holds for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

import strawberry
from graphql import ASTValidationRule, GraphQLError, NoSchemaIntrospectionCustomRule
from strawberry.extensions import AddValidationRules, MaxTokensLimiter, SchemaExtension
from strawberry.extensions.directives import DirectivesExtension, DirectivesExtensionSync
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext, ExecutionResult, Info
from strawberry.types.graphql import OperationType

from app.core.clock import now
from app.core.ids import is_id
from resolvers.access import query
from resolvers.context import Context
from resolvers.documents import Named, Parsed, Validated
from resolvers.environments.mutations import EnvironmentMutations
from resolvers.environments.queries import READ, EnvironmentQueries
from resolvers.environments.subscriptions import EnvironmentSubscriptions
from resolvers.environments.types import Environment, environment
from resolvers.errors import ClientErrors
from resolvers.federation.mutations import FederationMutations
from resolvers.federation.queries import READ as FEDERATION
from resolvers.federation.queries import FederationQueries
from resolvers.federation.types import FederationProvider, provider
from resolvers.identity.mutations import IdentityMutations
from resolvers.identity.queries import CREDENTIALS, ORGANIZATION, IdentityQueries
from resolvers.identity.types import ApiKey, Organization, api_key, organization
from resolvers.limits import MOST_TOKENS, Limits
from resolvers.members.mutations import MemberMutations
from resolvers.members.queries import ADMIN as INVITATIONS
from resolvers.members.queries import READ as MEMBERS
from resolvers.members.queries import MemberQueries
from resolvers.members.types import Invitation, Member, invitation, member
from resolvers.node import Id, Node
from resolvers.rest_directive import rest
from resolvers.scalars import SCALARS
from resolvers.sign_in.mutations import SignInMutations
from resolvers.sign_in.queries import SignInQueries
from resolvers.sso.mutations import SsoMutations
from resolvers.sso.queries import ADMIN as SSO
from resolvers.sso.queries import SsoQueries
from resolvers.sso.types import sso_connection
from resolvers.system.queries import SystemQueries
from resolvers.tokens.mutations import TokenMutations
from resolvers.tokens.queries import TokenQueries


async def node(context: Context, node_id: str) -> Node | None:
    """The object of any type with this id, where the actor may read it."""
    actor = context.require_actor()
    if is_id(node_id, "env"):
        actor.require(READ.scope, READ.kind)
        found = await context.environments.find(node_id)
        return environment(found) if found else None
    if is_id(node_id, "key"):
        actor.require(CREDENTIALS.scope, CREDENTIALS.kind)
        key = await context.identity.key(node_id)
        return api_key(key) if key else None
    if is_id(node_id, "usr"):
        actor.require(MEMBERS.scope, MEMBERS.kind)
        person = await context.members.find(node_id)
        return member(person) if person else None
    if is_id(node_id, "inv"):
        actor.require(INVITATIONS.scope, INVITATIONS.kind)
        offer = await context.members.invitation(node_id)
        return invitation(offer, now()) if offer else None
    if is_id(node_id, "fed"):
        actor.require(FEDERATION.scope, FEDERATION.kind)
        trusted = await context.federation.provider(node_id)
        return provider(trusted, context.product.federation) if trusted else None
    if is_id(node_id, "sso"):
        actor.require(SSO.scope, SSO.kind)
        configured = await context.sso.find(node_id)
        return sso_connection(configured, context.product.sso) if configured else None
    if is_id(node_id, "org"):
        actor.require(ORGANIZATION.scope, ORGANIZATION.kind)
        return organization(await context.identity.organization()) if node_id == actor.organization_id else None
    return None


@strawberry.type(description="Everything that can be read.")
class Query(
    EnvironmentQueries,
    FederationQueries,
    IdentityQueries,
    MemberQueries,
    SignInQueries,
    SsoQueries,
    SystemQueries,
    TokenQueries,
):
    @query("The object with this id, of whatever type; null where none is visible to you.", ORGANIZATION)
    async def node(self, info: Info[Context, None], id: Id) -> Node | None:
        return await node(info.context, id)


@strawberry.type(description="Everything that can be changed. Each field is one transaction.")
class Mutation(
    EnvironmentMutations,
    FederationMutations,
    IdentityMutations,
    MemberMutations,
    SignInMutations,
    SsoMutations,
    TokenMutations,
):
    pass


@strawberry.type(description="Everything that can be watched. Each stream resumes with `after` and tells its gaps.")
class Subscription(EnvironmentSubscriptions):
    pass


class FreshContext(SchemaExtension):
    """Each operation of a WebSocket starts with empty data loaders and an empty unit of work."""

    def on_operation(self) -> Iterator[None]:
        context: Context = self.execution_context.context
        if context.connection_params is not None:
            self.execution_context.context = context.again()
        yield


class SoundstageSchema(strawberry.Schema):
    """The one way in: GraphQL and every REST route run their operations by `execute` and `stream`.

    Without Strawberry's hook on every field for executable directives: `@rest` does nothing when it runs.
    """

    def get_extensions(self, sync: bool = False) -> list[SchemaExtension]:
        return [extension for extension in super().get_extensions(sync) if not isinstance(extension, _DIRECTIVES)]

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
        allowed = set(allowed_operation_types or OperationType) - {OperationType.SUBSCRIPTION}
        return await super().execute(
            query, variable_values, context_value, root_value, operation_name, allowed, operation_extensions
        )

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Nothing: `ClientErrors` logs what is a defect, and only that."""


_DIRECTIVES = (DirectivesExtension, DirectivesExtensionSync)


#: Documents kept parsed and validated.
CACHED_DOCUMENTS = 256


@cache
def build_schema(*, production: bool = False) -> SoundstageSchema:
    """The schema as it is served; without introspection in production."""
    rules: list[type[ASTValidationRule]] = [Limits, *([NoSchemaIntrospectionCustomRule] if production else [])]
    extensions: list[type[SchemaExtension] | Callable[[], SchemaExtension]] = [
        lambda: MaxTokensLimiter(max_token_count=MOST_TOKENS),
        Parsed,
        Validated,
        Named,
        lambda: AddValidationRules(rules),
        ClientErrors,
        FreshContext,
    ]
    return SoundstageSchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[Environment, ApiKey, FederationProvider, Organization, Member, Invitation],
        directives=[rest],
        extensions=extensions,
        config=StrawberryConfig(scalar_map=SCALARS),
    )
