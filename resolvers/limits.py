"""What a document may ask for at most: depth, aliases, directives, tokens, cost. Checked before anything runs."""

from __future__ import annotations

from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValidationContext,
    ValidationRule,
)

MOST_TOKENS = 4_000
DEEPEST = 12
MOST_ALIASES = 50
MOST_DIRECTIVES = 50
MOST_ROOT_FIELDS = 20
#: Fields that an answer may hold at most, as far as the document tells: each list counts as its page.
HIGHEST_COST = 25_000
TOO_MUCH = "QUERY_TOO_LARGE"


class Limits(ValidationRule):
    """Refuses documents that are too deep, too wide or too costly, with `QUERY_TOO_LARGE`."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self.aliases = self.directives = 0
        self.costs: dict[str, int] = {}
        self.open: set[str] = set()

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: Any) -> None:
        if self._fields(node.selection_set, set()) > MOST_ROOT_FIELDS:
            self._refuse(f"asks for more than {MOST_ROOT_FIELDS} root fields", node)
        cost = self._cost(node.selection_set, 1)
        if cost > HIGHEST_COST:
            self._refuse(f"costs about {cost:,}; at most {HIGHEST_COST:,} are accepted. Ask for smaller pages", node)

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

    def _cost(self, selections: SelectionSetNode | None, depth: int) -> int:
        """Fields in the answer. Fragments count where they are used; a cycle is another rule's matter."""
        if selections is None:
            return 0
        cost = 0
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                if selection.name.value.startswith("__"):
                    continue
                if depth > DEEPEST:
                    self._refuse(f"is deeper than {DEEPEST} levels", selection)
                    return cost + 1
                cost += 1 + _items(selection) * self._cost(selection.selection_set, depth + 1)
            elif isinstance(selection, InlineFragmentNode):
                cost += self._cost(selection.selection_set, depth)
            elif isinstance(selection, FragmentSpreadNode):
                cost += self._fragment(selection.name.value, depth)
            if cost > HIGHEST_COST * 1000:
                return cost
        return cost

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

    def _fragment(self, name: str, depth: int) -> int:
        fragment: FragmentDefinitionNode | None = self.context.get_fragment(name)
        if fragment is None or name in self.open:
            return 0
        known = self.costs.get(f"{name}@{depth}")
        if known is None:
            self.open.add(name)
            known = self.costs[f"{name}@{depth}"] = self._cost(fragment.selection_set, depth)
            self.open.discard(name)
        return known


def _items(field: FieldNode) -> int:
    for argument in field.arguments or ():
        if argument.name.value in ("first", "tail"):
            if not isinstance(argument.value, IntValueNode):
                return 100
            return max(1, min(int(argument.value.value[:8]), 1_000_000))
    return 1
