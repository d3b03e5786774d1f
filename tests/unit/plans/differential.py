"""Runs the same operation twice, by its plan and by graphql-core, and compares everything that can be seen of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from graphql import ExecutionResult, GraphQLSchema, execute, parse, specified_rules, validate

from resolvers.plans.operation import Operation
from resolvers.plans.refusal import Unsupported

#: All rules but those about what a document need not have.
_RULES = [rule for rule in specified_rules if "Unused" not in rule.__name__]


@dataclass
class Counts:
    """What was seen."""

    compared: int = 0
    with_errors: int = 0
    with_data: int = 0
    surprises: int = 0
    invalid: int = 0
    refused: int = 0


async def compare(
    schema: GraphQLSchema,
    text: str,
    variables: Mapping[str, Any],
    context: Callable[[], Any],
    counts: Counts,
    seen: Callable[[Any], Any] = lambda context: None,
) -> None:
    """Raises `AssertionError` where both are not the same. `seen` tells what an execution did with its context."""
    document = parse(text)
    if validate(schema, document, _RULES):
        counts.invalid += 1
        return
    before, theirs = asyncio.all_tasks(), context()
    expected = execute(schema, document, None, theirs, dict(variables))
    if not isinstance(expected, ExecutionResult):
        expected = await expected
    ours = context()
    try:
        operation = Operation(schema, document)
        result = await operation.execute(variables, ours)
    except Unsupported as refused:
        if refused.reason not in {"too large", "too deep"}:
            raise
        counts.refused += 1
        return
    await _quiet(before)
    assert told(result) == told(expected), f"\n{text}\n{dict(variables)}"
    assert seen(ours) == seen(theirs), f"\n{text}\n{dict(variables)}"
    counts.compared += 1
    counts.with_errors += bool(expected.errors)
    counts.with_data += expected.data is not None
    coerced = operation.coerce(variables)
    if not isinstance(coerced, list):
        counts.surprises += operation.plan(coerced).surprises


async def _quiet(before: set[asyncio.Task[Any]]) -> None:
    """Ends when all tasks that began since have ended: siblings of an error go on behind the answer."""
    while True:
        await asyncio.sleep(0)  # a data loader begins its task a turn later
        since = asyncio.all_tasks() - before - {asyncio.current_task()}
        if not since:
            return
        await asyncio.wait(since)


def told(result: ExecutionResult) -> tuple[bytes, list[Any]]:
    """All that a client sees, in its order."""
    errors = [(error.message, error.path, error.locations) for error in result.errors or ()]
    return orjson.dumps(result.data, default=repr, option=orjson.OPT_NON_STR_KEYS), errors
