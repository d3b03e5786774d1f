"""One operation under one set of conditions, planned."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any

from graphql import (
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
)
from graphql.execution.values import VariableValues
from graphql.type.directives import GraphQLDisableErrorPropagationDirective

from resolvers.plans.executor import PlannedExecutor
from resolvers.plans.generation import generate
from resolvers.plans.model import PlannedField
from resolvers.plans.selecting import Selecting


class Plan:
    """Made once, run often, by many at once. Raises `Unsupported` for what graphql-core has to run."""

    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        conditions: Mapping[str, bool],
    ) -> None:
        self.schema, self.operation = schema, operation
        self.fragment_definitions = dict(fragments)
        selecting = Selecting(schema, operation, fragments, VariableValues({}, dict(conditions)))
        self.root = selecting.root()
        self.fragments = selecting.fragments
        self.serial = operation.operation is OperationType.MUTATION and len(self.root.fields) > 1
        disabled = GraphQLDisableErrorPropagationDirective.name
        self.error_propagation = not any(each.name.value == disabled for each in operation.directives or ())
        #: By the identity of graphql-core's list of their nodes, which lives as long as the plan.
        self.fields: dict[int, PlannedField] = {
            id(field.details): field for selection in selecting.all for field in selection.fields
        }
        #: The Python that completes what is free of side effects; for those who look.
        self.source = generate(selecting.all)
        #: The one root field, where there is just one and something resolves it.
        self.alone = self.root.fields[0] if len(self.root.fields) == 1 and self.root.attributes is None else None
        #: How often a value had to be completed again.
        self.surprises = 0

    @property
    def shareable(self) -> bool:
        """Whether an answer depends on the root value alone: nothing below the root field is resolved."""
        return len(self.root.fields) == 1 and self.root.fields[0].complete is not None

    def run(self, variables: VariableValues, context: Any, root: Any) -> ExecutionResult | Awaitable[ExecutionResult]:
        """The answer to one request."""
        return PlannedExecutor(self, variables, context, root).run()
