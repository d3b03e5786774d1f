"""A plugin of pytest for graphql-core's own tests: what they execute is planned first, as far as it can be."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from inspect import iscoroutine
from typing import Any

import graphql.graphql  # noqa: F401
from graphql import ExecutionResult, validate

from resolvers.plans.operation import Operation
from resolvers.plans.refusal import Unsupported

#: Where graphql-core keeps `execute`: modules that are hidden behind functions of the same name among them.
_PLACES = [
    sys.modules[name] for name in ("graphql", "graphql.execution", "graphql.execution.execute", "graphql.graphql")
]
CORE: Any = _PLACES[0].__dict__["execute"]
CORE_SYNC: Any = _PLACES[0].__dict__["execute_sync"]
COUNTS: Counter[str] = Counter()
_REFUSED = object()


def execute(schema: Any, document: Any, *rest: Any, **options: Any) -> Any:
    """As `graphql.execute`."""
    result = _planned(schema, document, *rest, **options)
    return CORE(schema, document, *rest, **options) if result is _REFUSED else result


def execute_sync(schema: Any, document: Any, *rest: Any, check_sync: bool = False, **options: Any) -> Any:
    """As `graphql.execute_sync`. What would have to wait is left to it: it tells so in its own way."""
    result = _REFUSED if check_sync else _planned(schema, document, *rest, **options)
    if iscoroutine(result):
        result.close()
        result = _REFUSED
    return CORE_SYNC(schema, document, *rest, check_sync=check_sync, **options) if result is _REFUSED else result


def _planned(
    schema: Any,
    document: Any,
    root_value: Any = None,
    context_value: Any = None,
    variable_values: Mapping[str, Any] | None = None,
    operation_name: str | None = None,
    *rest: Any,
    **options: Any,
) -> Any:
    try:
        unplanned = [name for name, value in options.items() if value is not None]
        if rest or unplanned:
            raise Unsupported("options: " + ", ".join(unplanned))
        if validate(schema, document):
            raise Unsupported("invalid")  # what is served has been validated
        operation = Operation(schema, document, operation_name)
        variables = operation.coerce(variable_values or {})
        plan = None if isinstance(variables, list) else operation.plan(variables)
    except Unsupported as refused:
        COUNTS[refused.reason] += 1
        return _REFUSED
    COUNTS["planned"] += 1
    return ExecutionResult(None, variables) if plan is None else plan.run(variables, context_value, root_value)


for place in _PLACES:
    for function in (execute, execute_sync):
        if function.__name__ in place.__dict__:
            place.__dict__[function.__name__] = function


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How much was planned, and why the rest was not."""
    terminalreporter.write_line(f"plan first: {dict(COUNTS.most_common())}")
