"""How documents are read: parsed and validated once, then kept; one operation of each is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache

from graphql import DocumentNode, GraphQLError, GraphQLSchema, OperationDefinitionNode
from strawberry.extensions import ParserCache, SchemaExtension

from app.core.errors import InvalidRequest
from resolvers.validation import Rule, validate_document

DOCUMENTS_KEPT = 256
#: Characters of a document that is kept; larger ones, with a Blueprint in them, would fill the memory.
LARGEST_KEPT = 20_000


class Parsed(ParserCache):
    """Keeps parsed documents. A syntax error is left to the schema, where it gets its code as all others do."""

    def __init__(self) -> None:
        super().__init__(maxsize=DOCUMENTS_KEPT)

    def on_parse(self) -> Iterator[None]:
        context = self.execution_context
        if context.query is not None and len(context.query) <= LARGEST_KEPT:
            with suppress(GraphQLError):
                context.graphql_document = self.cached_parse_document(context.query, **context.parse_options)
        yield


class _Document:
    """A document that is found again by its text: to look at all of its nodes would take as long as to parse it."""

    __slots__ = ("node", "text")

    def __init__(self, text: str, node: DocumentNode) -> None:
        self.text, self.node = text, node

    def __hash__(self) -> int:
        return hash(self.text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Document) and self.text == other.text


@lru_cache(maxsize=DOCUMENTS_KEPT)
def _validated(schema: GraphQLSchema, document: _Document, rules: tuple[Rule, ...]) -> list[GraphQLError]:
    return validate_document(schema, document.node, rules)


class Validated(SchemaExtension):
    """Validates, and keeps the results."""

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        text, node = context.query, context.graphql_document
        if text is not None and node is not None and context.pre_execution_errors is None:
            schema: GraphQLSchema = context.schema._schema
            if len(text) <= LARGEST_KEPT:
                context.pre_execution_errors = _validated(schema, _Document(text, node), context.validation_rules)
            else:
                context.pre_execution_errors = validate_document(schema, node, context.validation_rules)
        yield


class Named(SchemaExtension):
    """Of several operations in a document, the request has to name one: none is run by chance."""

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        document = context.graphql_document
        operations = (
            [node for node in document.definitions if isinstance(node, OperationDefinitionNode)] if document else []
        )
        if len(operations) > 1 and context._provided_operation_name is None:
            message = "The document has several operations: say which one in `operationName`."
            context.pre_execution_errors = [GraphQLError(message, operations, extensions={"code": InvalidRequest.code})]
        yield
