"""graphql-core's executor, with what is known beforehand looked up instead of found out again.

What it does not override is graphql-core's own: errors and where they are told, nulls and how far they reach, the order
of what is started, what becomes of siblings after an error.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, cast

from graphql import ExecutionResult, GraphQLError, GraphQLObjectType, GraphQLResolveInfo
from graphql.execution.collect_fields import FieldDetailsList
from graphql.execution.executor import CollectedErrors, default_field_resolver, default_type_resolver
from graphql.execution.executor_throwing_on_incremental import ExecutorThrowingOnIncremental
from graphql.execution.values import VariableValues
from graphql.pyutils import Path, gather_with_cancel, is_awaitable
from graphql.type.definition import GraphQLResolveInfoHelpers

from resolvers.plans.model import PlannedField, Selection

if TYPE_CHECKING:
    from resolvers.plans.plan import Plan


#: Without a named tuple's own constructor, which is Python.
_tuple = tuple.__new__


class PlannedExecutor(ExecutorThrowingOnIncremental):
    """Runs one plan once."""

    field_resolver = staticmethod(default_field_resolver)
    type_resolver = staticmethod(default_type_resolver)
    subscribe_field_resolver = staticmethod(default_field_resolver)
    enable_early_execution = False
    hide_suggestions = False
    abort_signal = None
    hooks = None
    middleware_manager = None
    async_work_finished_hook_task = None

    def __init__(self, plan: Plan, variables: VariableValues, context: Any, root: Any) -> None:
        self.plan = plan
        self.schema, self.operation = plan.schema, plan.operation
        self.fragments, self.fragment_definitions = plan.fragments, plan.fragment_definitions
        self.error_propagation = plan.error_propagation
        self.variable_values, self.context_value, self.root_value = variables, context, root
        self.collected_errors = CollectedErrors()
        self.background_futures = set()
        self.pending_incremental_futures = set()

    @property
    def async_helpers(self) -> GraphQLResolveInfoHelpers:  # type: ignore[override]
        return GraphQLResolveInfoHelpers(gather=self.gather_async_work, track=self.track_async_work)

    def run(self) -> ExecutionResult | Awaitable[ExecutionResult]:
        """The answer, at once where nothing has to be waited for."""
        root = self.plan.root
        try:
            if self.plan.alone is not None:
                return self._alone(self.plan.alone)
            if self.plan.serial:
                data = self.execute_fields_serially(root.object_type, self.root_value, None, root.grouped, None)
            else:
                data = self._selected(root, self.root_value, None)
            return self._answered(data) if is_awaitable(data) else self._answer(cast("dict[str, Any]", data))
        except GraphQLError as error:
            self.collected_errors.add(error, None)
            return self._answer(None)

    def _alone(self, field: PlannedField) -> ExecutionResult | Awaitable[ExecutionResult]:
        """The answer where one field is all that is asked: nothing is started beside it, or waits for it."""
        value = self._field(field, self.root_value, Path(None, field.key, field.parent.name))
        return self._alone_later(field.key, value) if is_awaitable(value) else self._answer({field.key: value})

    async def _alone_later(self, key: str, value: Awaitable[Any]) -> ExecutionResult:
        try:
            return self._answer({key: await value})
        except GraphQLError as error:
            self.collected_errors.add(error, None)
            return self._answer(None)

    async def _answered(self, data: Awaitable[dict[str, Any]]) -> ExecutionResult:
        try:
            return self._answer(await data)
        except GraphQLError as error:
            self.collected_errors.add(error, None)
            return self._answer(None)

    def _answer(self, data: dict[str, Any] | None) -> ExecutionResult:
        return ExecutionResult(data, self.collected_errors.errors or None)

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: FieldDetailsList,
        path: Path,
        position: Any,
    ) -> Any:
        return self._field(self.plan.fields[id(field_details_list)], source, path)

    def _selected(self, selection: Selection, source: Any, path: Path | None) -> Any:
        """What is selected of an object whose type is known: a dictionary, or an awaitable of it."""
        fields, results = selection.resolved, None
        if selection.attributes is not None:
            try:
                results = selection.attributes(source)
            except Exception:
                fields = selection.fields
        if results is None:
            results = {}
        return self._resolved(fields, results, selection, source, path)

    def _resolved(
        self, fields: list[PlannedField], results: dict[str, Any], selection: Selection, source: Any, path: Path | None
    ) -> Any:
        awaited = []
        name = selection.object_type.name
        try:
            for field in fields:
                result = self._field(field, source, Path(path, field.key, name))
                results[field.key] = result
                if is_awaitable(result):
                    awaited.append(field.key)
        except Exception:
            if awaited:
                self.settle_in_background([results[key] for key in awaited])
            raise
        return _settled(results, awaited) if awaited else results

    def _field(self, field: PlannedField, source: Any, path: Path) -> Any:
        try:
            arguments = field.arguments(self.variable_values) if field.arguments is not None else {}
            info = self._info(field, path)
            result = field.call(source, info, arguments)
            if is_awaitable(result):
                return self._later(field, info, path, result)
            completed = self._completed(field, info, path, result)
            return self._caught(field, path, completed) if is_awaitable(completed) else completed
        except Exception as error:
            self.handle_field_error(error, field.type, field.details, path)
            return None

    def _info(self, field: PlannedField, path: Path) -> GraphQLResolveInfo[Any]:
        fields = (
            field.name,
            field.nodes,
            field.definition.type,
            field.parent,
            path,
            self.schema,
            self.fragment_definitions,
            self.root_value,
            self.operation,
            self.variable_values,
            self.context_value,
            self.is_awaitable,
            None,
            self.async_helpers,
        )
        return _tuple(GraphQLResolveInfo, fields)

    def _completed(self, field: PlannedField, info: GraphQLResolveInfo[Any], path: Path, result: Any) -> Any:
        if field.complete is not None:
            try:
                return field.complete(result)
            except Exception:  # free of side effects: it is completed again, with paths and errors
                self.plan.surprises += 1
        return self.complete_value(field.type, field.details, info, path, result, None)

    async def _later(self, field: PlannedField, info: GraphQLResolveInfo[Any], path: Path, result: Any) -> Any:
        try:
            completed = self._completed(field, info, path, await result)
            return await completed if is_awaitable(completed) else completed
        except Exception as error:
            self.handle_field_error(error, field.type, field.details, path)
            return None

    async def _caught(self, field: PlannedField, path: Path, completed: Any) -> Any:
        try:
            return await completed
        except Exception as error:
            self.handle_field_error(error, field.type, field.details, path)
            return None

    def get_stream_usage(self, field_details_list: FieldDetailsList, path: Path) -> None:
        """None: what streams is not planned."""

    def collect_and_execute_subfields(
        self,
        return_type: GraphQLObjectType,
        field_details_list: FieldDetailsList,
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        field = self.plan.fields[id(field_details_list)]
        return self._selected(field.selections[return_type.name], result, path)


async def _settled(results: dict[str, Any], awaited: list[str]) -> dict[str, Any]:
    """All that was started together, awaited together."""
    if len(awaited) == 1:
        results[awaited[0]] = await results[awaited[0]]
    else:
        values = await gather_with_cancel(*(results[key] for key in awaited))
        results.update(zip(awaited, values, strict=True))
    return results
