"""An operation of a document: everything about it that requests have in common."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import aclosing
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    create_source_event_stream,
)
from graphql.execution.values import VariableValues
from strawberry.types.graphql import OperationType as Type

from resolvers.plans.executor import PlannedExecutor
from resolvers.plans.plan import Plan
from resolvers.plans.refusal import Unsupported
from resolvers.plans.selecting import conditions
from resolvers.plans.variables import coercer

#: Variants of an operation by what its conditions say; a client that sends more gets the rest interpreted.
MOST_VARIANTS = 8


_NO_VARIABLES = VariableValues({}, {})


class Operation:
    """Parsed and validated before; planned when it is first run, once for each set of conditions.

    Raises `Unsupported` in `plan` and in what uses it, each time for the same reason: the refusal is remembered.
    """

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, name: str | None = None) -> None:
        self.schema, self.document, self.name = schema, document, name
        found = [
            node
            for node in document.definitions
            if isinstance(node, OperationDefinitionNode) and (name is None or (node.name and node.name.value == name))
        ]
        if len(found) != 1:
            raise Unsupported("operation name")
        self.node = found[0]
        #: Query, mutation or subscription, as Strawberry has it.
        self.type = Type(self.node.operation.value)
        self.fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self.coerce = coercer(schema, self.node)
        self.conditions = conditions(schema, self.node, self.fragments)
        #: For those who run it: what they have found out once and for all.
        self.kept: dict[str, Any] = {}
        self._variants: dict[tuple[bool, ...], Plan | Unsupported] = {}

    @property
    def is_subscription(self) -> bool:
        """Whether it has many answers."""
        return self.node.operation is OperationType.SUBSCRIPTION

    @property
    def size(self) -> int:
        """The fields of its plans."""
        return sum(len(plan.fields) for plan in self._variants.values() if isinstance(plan, Plan))

    def plan(self, variables: VariableValues) -> Plan:
        """The plan for these values of the conditions. Raises `Unsupported`."""
        key: tuple[Any, ...] = (
            tuple([variables.coerced.get(name) for name in self.conditions]) if self.conditions else ()
        )
        plan = self._variants.get(key)
        if plan is None:
            plan = self._planned(key)
        if isinstance(plan, Unsupported):
            raise plan.with_traceback(None)
        return plan

    def _planned(self, key: tuple[Any, ...]) -> Plan | Unsupported:
        made: Plan | Unsupported
        if any(type(value) is not bool for value in key):
            return Unsupported("condition")  # null where a boolean has to be is an error that graphql-core tells
        if len(self._variants) >= MOST_VARIANTS:
            return Unsupported("variants")
        try:
            made = Plan(self.schema, self.node, self.fragments, dict(zip(self.conditions, key, strict=True)))
        except Unsupported as refused:
            made = refused
        except RecursionError:
            made = Unsupported("too deep")
        self._variants[key] = made
        return made

    def prepare(self, sent: Mapping[str, Any]) -> Prepared:
        """Everything that is done before it is run. Raises `Unsupported` where graphql-core has to run it."""
        variables = self.coerce(sent)
        if isinstance(variables, list):
            return Prepared(self, sent, None, _NO_VARIABLES, variables)
        return Prepared(self, sent, self.plan(variables), variables, None)

    async def execute(self, sent: Mapping[str, Any], context: Any, root: Any = None) -> ExecutionResult:
        """The answer to a query or mutation. Raises `Unsupported`."""
        return await self.prepare(sent).execute(context, root)


class Prepared(NamedTuple):
    """An operation with the variables of one request."""

    operation: Operation
    sent: Mapping[str, Any]
    plan: Plan | None
    variables: VariableValues
    #: What is wrong with the variables; then there is no plan.
    errors: list[GraphQLError] | None

    def begin(self, context: Any, root: Any = None) -> ExecutionResult | Awaitable[ExecutionResult]:
        """The answer to a query or mutation, at once where nothing has to be waited for."""
        if self.plan is None:
            return ExecutionResult(None, self.errors)
        return self.plan.run(self.variables, context, root)

    async def execute(self, context: Any, root: Any = None) -> ExecutionResult:
        """The answer to a query or mutation."""
        result = self.begin(context, root)
        return result if isinstance(result, ExecutionResult) else await result

    async def subscribe(
        self, context: Any, root: Any = None
    ) -> AsyncGenerator[ExecutionResult, None] | ExecutionResult:
        """The answers to the events of a subscription; one answer alone where it cannot begin."""
        plan, variables = self.plan, self.variables
        if plan is None:
            return ExecutionResult(None, self.errors)
        begun = create_source_event_stream(PlannedExecutor(plan, variables, context, root))
        events = await begun if isinstance(begun, Awaitable) else begun
        if isinstance(events, ExecutionResult):
            return events
        return _answers(plan, events, variables, context)


async def _answers(
    plan: Plan, events: Any, variables: VariableValues, context: Any
) -> AsyncGenerator[ExecutionResult, None]:
    async with aclosing(events):
        async for event in events:
            result = plan.run(variables, context, event)
            yield result if isinstance(result, ExecutionResult) else await result
