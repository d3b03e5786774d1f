"""GraphQL's budget: the cost of each operation is taken before it runs, and told under `extensions.cost`.

Only what comes in by the GraphQL endpoint: REST counts requests, and runs its operations in the same schema.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from functools import cached_property, lru_cache
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
from strawberry.types.execution import StreamExecutionResult

from app.core.clock import rfc3339
from app.limits.quotas import Admission, graphql_quota
from app.limits.service import too_costly
from resolvers.context import Context
from resolvers.limits import Cost, paged_by
from resolvers.plans.operation import Operation


class Spending:
    """What one operation takes from the budget of the actor's organization.

    What is refused before it runs costs 1. A subscription costs once, as much as one of its results.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self.taken: Admission | None = None
        self._told = False

    @property
    def counts(self) -> bool:
        """Whether it takes anything: only of those who are somebody, and only where GraphQL is asked."""
        return self.context.by_graphql and self.context.actor is not None

    async def take(self, operation: Operation, sent: Mapping[str, Any]) -> GraphQLError | None:
        """Takes the cost of a known operation: the error where the budget does not cover it."""
        if not self.counts:
            return None
        self.taken = self.context.admission = await take(self.context, _known_cost(operation, sent))
        return None if self.taken.admitted else _refusal(self.taken)

    async def spend(self, cost: int) -> GraphQLError | None:
        """Takes a cost: the error where the budget does not cover it."""
        self.taken = self.context.admission = await take(self.context, cost)
        return None if self.taken.admitted else _refusal(self.taken)

    def told(self) -> dict[str, Any] | None:
        """`extensions.cost`, once: of a subscription, with its first result."""
        if self._told or self.taken is None:
            return None
        self._told = True
        return self.cost()

    def cost(self) -> dict[str, Any]:
        """`extensions.cost`, as often as it is asked for; nothing where nothing was taken."""
        return {} if self.taken is None else {"cost": _cost(self.taken)}


def _refusal(taken: Admission) -> GraphQLError:
    error = too_costly(taken)
    return GraphQLError(error.message, original_error=error)


class Budgets(SchemaExtension):
    """The same for what graphql-core runs."""

    def __init__(self) -> None:
        self._told = False

    @cached_property
    def _spending(self) -> Spending:
        return Spending(self.execution_context.context)

    async def on_validate(self) -> AsyncIterator[None]:
        execution = self.execution_context
        document = execution.graphql_document
        schema: GraphQLSchema = execution.schema._schema
        # What does not fit costs 1 whatever is in it: another cost would tell which of its names exist.
        if self._spending.counts and document is not None and not execution.pre_execution_errors:
            cost = cost_of(schema, document, execution.variables or {}, execution.operation_name)
            refused = await self._spending.spend(cost)
            if refused is not None:
                execution.pre_execution_errors = [refused]
        yield

    async def on_stream_result(self, result: StreamExecutionResult) -> AsyncIterator[None]:
        self._told = True
        yield

    async def get_results(self) -> dict[str, Any]:
        """`extensions.cost`; of a subscription, with its first result."""
        if self._told or not self._spending.counts:
            return {}
        if self._spending.taken is None:
            await self._spending.spend(1)
        return self._spending.cost()  # which Strawberry asks for twice where a stream cannot begin


def _cost(taken: Admission) -> dict[str, Any]:
    return {
        "requested": taken.cost,
        "limit": taken.quota.limit,
        "remaining": taken.remaining,
        "resetAt": _second(taken.resets_at),
    }


@lru_cache(maxsize=1_024)
def _second(seconds: int) -> str:
    """A second as text: organizations have few in a minute."""
    return rfc3339(datetime.fromtimestamp(seconds, UTC))


async def take(context: Context, cost: int) -> Admission:
    """Takes from the actor's GraphQL budget, and counts it as used."""
    actor, limits = context.require_actor(), context.product.limits
    taken = await limits.organizations.take(actor.organization_id, graphql_quota(actor), cost)
    if taken.admitted and cost:
        limits.usage.record_request(actor.organization_id, cost)
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


#: Costs of an operation that are kept, by the values of the variables that size its pages.
_COSTS_KEPT = 64


def _known_cost(operation: Operation, sent: Mapping[str, Any]) -> int:
    """The same for a known operation: counted once for each size of its pages."""
    kept: tuple[list[str], dict[Any, int]] | None = operation.kept.get("costs")
    if kept is None:
        kept = operation.kept["costs"] = (paged_by(operation.document), {})
    paging, costs = kept
    key = tuple([_sized(sent.get(name)) for name in paging]) if paging else ()
    found = costs.get(key)
    if found is None:
        found = cost_of(operation.schema, operation.document, sent, operation.name)
        if len(costs) < _COSTS_KEPT:
            costs[key] = found
    return found


def _sized(value: Any) -> Any:
    """What of a variable's value a cost depends on: whether it is a number, and which."""
    return value if isinstance(value, int) else None
