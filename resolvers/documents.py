"""How documents are read: parsed and validated once, then kept; one operation of each is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from graphql import GraphQLError, OperationDefinitionNode
from strawberry.extensions import ParserCache, SchemaExtension, ValidationCache

from app.core.errors import InvalidRequest

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


class Validated(ValidationCache):
    """Keeps the results of validation."""

    def __init__(self) -> None:
        super().__init__(maxsize=DOCUMENTS_KEPT)

    def on_validate(self) -> Iterator[None]:
        if len(self.execution_context.query or "") > LARGEST_KEPT:
            yield
        else:
            yield from super().on_validate()


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
