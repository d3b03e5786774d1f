"""Validation of documents: graphql-core's rules and ours, in one walk in which each rule is asked where it looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    Node,
    TypeInfo,
    TypeInfoVisitor,
    ValidationContext,
    Visitor,
    visit,
)
from graphql.language.visitor import BREAK, SKIP, EnterLeaveVisitor
from graphql.validation.validate import (
    FragmentNestingVisitor,
    ValidationAbortedError,
    query_document_keys_to_validate,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

#: As many as graphql-core's `validate` tells.
MOST_ERRORS = 100
Rule = type[ASTValidationRule]
#: Which of many visitors enter a kind of node, and which leave it.
_Places = tuple[tuple[int, ...], tuple[int, ...]]


class Together(Visitor):
    """graphql-core's `ParallelVisitor` for visitors that change nothing.

    That one asks each of forty rules at each node, which takes a millisecond for twenty fields. Which of them
    look at a kind of node depends on their classes alone, and is found out once.
    """

    def __init__(self, visitors: Sequence[Visitor]) -> None:
        super().__init__()
        self.visitors = visitors
        self.places = _places_of(tuple(map(type, visitors)))
        #: Of each visitor the node whose inside it does not want to see, or `BREAK`.
        self.skipping: list[Any] = [None] * len(visitors)

    def get_enter_leave_for_kind(self, kind: str) -> EnterLeaveVisitor:
        """What to call for a kind of node."""
        found = self.enter_leave_map.get(kind)
        if found is None:
            entering, leaving = self._placed(kind)
            if entering or leaving:
                enter = self._entering(self._functions(kind, entering, 0))
                found = EnterLeaveVisitor(enter, self._leaving(self._functions(kind, leaving, 1)))
            else:
                found = EnterLeaveVisitor(None, None)
            self.enter_leave_map[kind] = found
        return found

    def _placed(self, kind: str) -> _Places:
        found = self.places.get(kind)
        if found is None:
            both = [visitor.get_enter_leave_for_kind(kind) for visitor in self.visitors]
            entering = tuple(place for place, each in enumerate(both) if each.enter is not None)
            leaving = tuple(place for place, each in enumerate(both) if each.leave is not None)
            found = self.places[kind] = (entering, leaving)
        return found

    def _functions(self, kind: str, places: tuple[int, ...], side: int) -> list[tuple[int, Any]]:
        """What of the visitors at these places enters a kind of node, or leaves it."""
        return [(place, self.visitors[place].get_enter_leave_for_kind(kind)[side]) for place in places]

    def _entering(self, asked: list[tuple[int, Any]]) -> Callable[..., None]:
        skipping = self.skipping

        def enter(node: Node, *args: Any) -> None:
            for place, function in asked:
                if skipping[place] is None:
                    result = function(node, *args)
                    if result is not None:
                        skipping[place] = _skipped(result, node)

        return enter

    def _leaving(self, asked: list[tuple[int, Any]]) -> Callable[..., None]:
        skipping = self.skipping

        def leave(node: Node, *args: Any) -> None:
            for place, function in asked:
                if skipping[place] is None:
                    result = function(node, *args)
                    if result is BREAK or result is True:
                        skipping[place] = BREAK
            for place, skipped in enumerate(skipping):
                if skipped is node:
                    skipping[place] = None

        return leave


def _skipped(result: Any, node: Node) -> Any:
    if result is SKIP or result is False:
        return node
    if result is BREAK or result is True:
        return BREAK
    raise TypeError(f"a rule of validation must not change the document: {result!r}")


@lru_cache
def _places_of(visitors: tuple[type[Visitor], ...]) -> dict[str, _Places]:
    """What is found out of visitors of these classes, by kind of node."""
    return {}


def validate_document(schema: GraphQLSchema, document: DocumentNode, rules: tuple[Rule, ...]) -> list[GraphQLError]:
    """What is wrong with a document, as graphql-core's `validate` tells it with Strawberry's rules added."""
    rules = (*rules, MaybeNullValidationRule, OneOfInputValidationRule)
    errors: list[GraphQLError] = []
    info = TypeInfo(schema)

    def tell(error: GraphQLError) -> None:
        if len(errors) >= MOST_ERRORS:
            raise ValidationAbortedError("Too many validation errors, error limit reached. Validation aborted.")
        errors.append(error)

    context = ValidationContext(schema, document, info, tell)
    visitors: list[Visitor] = [rule(context) for rule in rules]
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    if fragments:
        visitors.insert(0, FragmentNestingVisitor(fragments))
    try:
        visit(document, TypeInfoVisitor(info, Together(visitors)), query_document_keys_to_validate)
    except ValidationAbortedError as error:
        error.__context__ = None
        errors.append(error.with_traceback(None))
    except RecursionError:
        errors.append(ValidationAbortedError("Validation aborted."))
    return errors
