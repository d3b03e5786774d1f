"""Runs known operations: the budget, the plan, and what a client sees of errors. graphql-core's way is in schema.py."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from graphql import ExecutionResult as Executed
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from resolvers.budgets import Spending
from resolvers.context import Context
from resolvers.errors import as_graphql_error, shown
from resolvers.plans.operation import Prepared


async def run(prepared: Prepared, context: Context) -> ExecutionResult:
    """The answer to a query or mutation."""
    context = fresh(context)
    spending = Spending(context)
    refused = await spending.take(prepared.operation, prepared.sent)
    if refused is not None:
        return _refused(refused, spending, context)
    result = prepared.begin(context)
    return _result(result if isinstance(result, Executed) else await result, spending, context)


async def stream(prepared: Prepared, context: Context) -> AsyncGenerator[ExecutionResult, None]:
    """The answers of an operation: of a subscription one for each event, of others one."""
    context = fresh(context)
    spending = Spending(context)
    refused = await spending.take(prepared.operation, prepared.sent)
    if refused is not None:
        yield _refused(refused, spending, context)
        return
    if not prepared.operation.is_subscription:
        yield _result(await prepared.execute(context), spending, context)
        return
    events = await prepared.subscribe(context)
    if isinstance(events, Executed):
        errors = shown(events.errors or [], context)
        yield PreExecutionError(data=None, errors=errors, extensions=spending.told())
        return
    try:
        async with aclosing(events):
            async for event in events:
                yield _result(event, spending, context)
    except Exception as error:  # of the source of the events: it ends the stream, as an error that the client sees
        yield _result(Executed(None, [as_graphql_error(error)]), spending, context)


def _result(result: Executed, spending: Spending, context: Context) -> ExecutionResult:
    errors = shown(result.errors, context) if result.errors else None
    return ExecutionResult(data=result.data, errors=errors, extensions=spending.told())


def _refused(error: Any, spending: Spending, context: Context) -> ExecutionResult:
    return PreExecutionError(data=None, errors=shown([error], context), extensions=spending.told())


def fresh(context: Context) -> Context:
    """Each operation of a WebSocket starts with empty data loaders and an empty unit of work."""
    return context.again() if context.connection_params is not None else context
