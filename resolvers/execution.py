"""The one way into the schema: GraphQL over HTTP and every REST route run their operations here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from resolvers.context import Context
from resolvers.schema import SoundstageSchema

READING = frozenset({OperationType.QUERY})
WRITING = frozenset({OperationType.QUERY, OperationType.MUTATION})


async def execute(
    schema: SoundstageSchema,
    document: str,
    variables: Mapping[str, Any] | None,
    context: Context,
    *,
    operation_name: str | None = None,
    allowed: frozenset[OperationType] = WRITING,
    extensions: dict[str, Any] | None = None,
) -> ExecutionResult:
    """Runs one query or mutation; errors are in the result, as the client may see them."""
    return await schema.execute(
        document,
        variable_values=dict(variables) if variables is not None else None,
        context_value=context,
        operation_name=operation_name,
        allowed_operation_types=allowed,
        operation_extensions=extensions,
    )
