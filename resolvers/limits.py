"""What a document may ask for at most: depth, aliases, directives, tokens, cost. Checked before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValidationContext,
    ValidationRule,
    VariableNode,
    Visitor,
    get_named_type,
    visit,
)

MOST_TOKENS = 4_000
DEEPEST = 12
MOST_ALIASES = 50
MOST_DIRECTIVES = 50
MOST_ROOT_FIELDS = 20
#: How often one selection may name the same field: merging them takes time and changes nothing.
MOST_REPEATED = 50
#: Fields that an answer may hold at most, as far as the document tells: each list counts as its page.
HIGHEST_COST = 25_000
TOO_MUCH = "QUERY_TOO_LARGE"
#: What a page counts that is not said, or said by a variable that is not known yet.
PAGE = 100
_LARGEST_FACTOR = 1_000_000
_PAGED_BY = ("first", "tail")


class Cost:
    """Counts the fields that the answer to an operation may hold.

    A list that is paged counts as often as its page has items: `first` or `tail`, else their default, else 100.
    Fragments count where they are used; a cycle of them is another rule's matter, and so is an unknown field.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        fragment: Callable[[str], FragmentDefinitionNode | None],
        variables: Mapping[str, Any] | None = None,
    ) -> None:
        self.schema, self.fragment = schema, fragment
        #: Their values; None while they are not known.
        self.variables = variables
        #: The first field that is deeper than `DEEPEST`.
        self.too_deep: FieldNode | None = None
        self._known: dict[tuple[str, int], int] = {}
        self._open: set[str] = set()

    def of(self, operation: OperationDefinitionNode) -> int:
        """The cost of an operation."""
        return self._selected(operation.selection_set, self.schema.get_root_type(operation.operation), 1)

    def _selected(self, selections: SelectionSetNode | None, parent: GraphQLNamedType | None, depth: int) -> int:
        cost = 0
        for selection in selections.selections if selections is not None else ():
            if isinstance(selection, FieldNode):
                if selection.name.value.startswith("__"):
                    continue
                if depth > DEEPEST:
                    self.too_deep = self.too_deep or selection
                    return cost + 1
                cost += self._field(selection, parent, depth)
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                inner = self.schema.get_type(condition.name.value) if condition else parent
                cost += self._selected(selection.selection_set, inner, depth)
            elif isinstance(selection, FragmentSpreadNode):
                cost += self._spread(selection.name.value, depth)
            if cost > HIGHEST_COST * 1000:
                return cost
        return cost

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None, depth: int) -> int:
        has_fields = isinstance(parent, GraphQLObjectType | GraphQLInterfaceType)
        definition = parent.fields.get(node.name.value) if has_fields else None  # type: ignore[union-attr]
        inner = get_named_type(definition.type) if definition is not None else None
        return 1 + self._items(node, definition) * self._selected(node.selection_set, inner, depth + 1)

    def _spread(self, name: str, depth: int) -> int:
        fragment = self.fragment(name)
        if fragment is None or name in self._open:
            return 0
        known = self._known.get((name, depth))
        if known is None:
            self._open.add(name)
            parent = self.schema.get_type(fragment.type_condition.name.value)
            known = self._known[name, depth] = self._selected(fragment.selection_set, parent, depth)
            self._open.discard(name)
        return known

    def _items(self, node: FieldNode, definition: GraphQLField | None) -> int:
        arguments = definition.args if definition is not None else {}
        defaults = [arguments[name].default_value for name in _PAGED_BY if name in arguments]
        page = next((value for value in defaults if isinstance(value, int)), PAGE if defaults else 1)
        for argument in node.arguments or ():
            if argument.name.value in _PAGED_BY:
                page = self._given(argument.value, page if defaults else PAGE)
                if self.variables is not None and argument.name.value == "first":
                    page = min(page, PAGE)  # a larger one is refused when it is read
        return max(1, min(page, _LARGEST_FACTOR))

    def _given(self, value: Any, otherwise: int) -> int:
        if isinstance(value, IntValueNode):
            return int(value.value[:8])
        if isinstance(value, VariableNode) and self.variables is not None:
            found = self.variables.get(value.name.value)
            return found if isinstance(found, int) else otherwise
        return otherwise


def paged_by(document: DocumentNode) -> list[str]:
    """The variables that size pages in a document: its cost depends on no other."""
    found: set[str] = set()

    class Pages(Visitor):
        def enter_argument(self, node: ArgumentNode, *_: Any) -> None:
            if node.name.value in _PAGED_BY and isinstance(node.value, VariableNode):
                found.add(node.value.name.value)

    visit(document, Pages())
    return sorted(found)


class Limits(ValidationRule):
    """Refuses documents that are too deep, too wide or too costly, with `QUERY_TOO_LARGE`."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self.aliases = self.directives = 0

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: Any) -> None:
        if self._fields(node.selection_set, set()) > MOST_ROOT_FIELDS:
            self._refuse(f"asks for more than {MOST_ROOT_FIELDS} root fields", node)
        cost = Cost(self.context.schema, self.context.get_fragment)
        total = cost.of(node)
        if cost.too_deep is not None:
            self._refuse(f"is deeper than {DEEPEST} levels", cost.too_deep)
        if total > HIGHEST_COST:
            self._refuse(f"costs about {total:,}; at most {HIGHEST_COST:,} are accepted. Ask for smaller pages", node)

    def enter_selection_set(self, node: SelectionSetNode, *_: Any) -> None:
        times: dict[str, int] = {}
        for selection in node.selections:
            if isinstance(selection, FieldNode):
                key = (selection.alias or selection.name).value
                times[key] = times.get(key, 0) + 1
                if times[key] == MOST_REPEATED + 1:
                    self._refuse(f"names one field more than {MOST_REPEATED} times in one selection", selection)

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        if node.alias:
            self.aliases += 1
            if self.aliases == MOST_ALIASES + 1:
                self._refuse(f"has more than {MOST_ALIASES} aliases", node)

    def enter_directive(self, node: Any, *_: Any) -> None:
        self.directives += 1
        if self.directives == MOST_DIRECTIVES + 1:
            self._refuse(f"has more than {MOST_DIRECTIVES} directives", node)

    def _refuse(self, what: str, node: Any) -> None:
        self.report_error(GraphQLError(f"The document {what}.", node, extensions={"code": TOO_MUCH}))

    def _fields(self, selections: SelectionSetNode, seen: set[str]) -> int:
        """Fields of one level, those of fragments included, each fragment once."""
        count = 0
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                count += 1
            elif isinstance(selection, InlineFragmentNode):
                count += self._fields(selection.selection_set, seen)
            elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in seen:
                seen.add(selection.name.value)
                fragment = self.context.get_fragment(selection.name.value)
                count += self._fields(fragment.selection_set, seen) if fragment is not None else 0
        return count
