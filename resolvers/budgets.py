"""GraphQL's budget: the cost of each operation is taken before it runs, and told under `extensions.cost`.

Only what comes in by the GraphQL endpoint: REST counts requests, and runs its operations in the same schema.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    get_operation_ast,
    value_from_ast_untyped,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document
from strawberry.types.execution import StreamExecutionResult

from app.core.clock import rfc3339
from app.limits.counters import Metric
from app.limits.quotas import Admission, graphql_quota
from app.limits.service import too_costly
from resolvers.context import Context
from resolvers.limits import Cost


class Budgets(SchemaExtension):
    """Takes an operation's cost from the budget of the actor's organization; refuses what it does not cover.

    What is refused before it runs costs 1. A subscription costs once, as much as one of its results.
    """

    def __init__(self) -> None:
        self._taken: Admission | None = None
        self._told = False

    async def on_validate(self) -> AsyncIterator[None]:
        execution = self.execution_context
        document = execution.graphql_document
        schema: GraphQLSchema = execution.schema._schema
        if self._counts() and document is not None and execution.pre_execution_errors is None:
            # What does not fit costs 1 whatever is in it: another cost would tell which of its names exist.
            execution.pre_execution_errors = validate_document(schema, document, execution.validation_rules)
        if self._counts() and document is not None and not execution.pre_execution_errors:
            cost = cost_of(schema, document, execution.variables or {}, execution.operation_name)
            taken = await self._take(cost)
            if not taken.admitted:
                error = too_costly(taken)
                execution.pre_execution_errors = [GraphQLError(error.message, original_error=error)]
        yield

    async def on_stream_result(self, result: StreamExecutionResult) -> AsyncIterator[None]:
        self._told = True
        yield

    async def get_results(self) -> dict[str, Any]:
        """`extensions.cost`; of a subscription, with its first result."""
        if self._told or not self._counts():
            return {}
        taken = self._taken or await self._take(1)
        resets_at = rfc3339(datetime.fromtimestamp(taken.resets_at, UTC))
        told = {"requested": taken.cost, "limit": taken.quota.limit, "remaining": taken.remaining, "resetAt": resets_at}
        return {"cost": told}

    def _counts(self) -> bool:
        context: Context = self.execution_context.context
        return context.by_graphql and context.actor is not None

    async def _take(self, cost: int) -> Admission:
        context: Context = self.execution_context.context
        self._taken = context.admission = await take(context, cost)
        return self._taken


async def take(context: Context, cost: int) -> Admission:
    """Takes from the actor's GraphQL budget, and counts it as used."""
    actor, limits = context.require_actor(), context.product.limits
    taken = await limits.organizations.take(actor.organization_id, graphql_quota(actor), cost)
    if taken.admitted and cost:
        limits.usage.record(actor.organization_id, Metric.REQUESTS)
        limits.usage.record(actor.organization_id, Metric.GRAPHQL_COST, cost)
    return taken


def cost_of(schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any], name: str | None) -> int:
    """The cost of one operation of a document with these variables; 1 where it has none of this name."""
    operation = get_operation_ast(document, name)
    if operation is None:
        return 1
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    defaults = {
        definition.variable.name.value: value_from_ast_untyped(definition.default_value)
        for definition in operation.variable_definitions or ()
        if definition.default_value is not None
    }
    return max(1, Cost(schema, fragments.get, {**defaults, **variables}).of(operation))
