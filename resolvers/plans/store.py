"""The operations of a schema that are known: those of our own documents, and those that clients repeat."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from graphql import DocumentNode, GraphQLSchema, parse

from resolvers.plans.operation import Operation
from resolvers.plans.refusal import Unsupported

#: Operations of clients that are kept, and the characters of a document that is.
MOST_KEPT, LARGEST_KEPT = 256, 20_000
#: Fields in the plans of clients' operations together: what is used least makes room.
MOST_FIELDS_KEPT = 50_000
#: The run of a client's operation at which it is planned. Before that it may be one of a kind.
PLANNED_AT = 2
Key = tuple[str, str | None]


@dataclass
class _Repeated:
    """An operation that a client sent, and that was valid."""

    runs: int = 1
    operation: Operation | None = None
    refused: bool = False


class Store:
    """Finds operations by their text, and those of our own documents by the SHA-256 of it, too."""

    def __init__(self, schema: GraphQLSchema, refused: Callable[[str], None] = lambda reason: None) -> None:
        self.schema = schema
        #: Called with the reason each time that something is left to graphql-core.
        self.refused = refused
        #: Whether nothing but documents of our own is to be run.
        self.only_own = False
        self._own: dict[str, tuple[str, DocumentNode | None]] = {}
        self._planned: dict[Key, Operation] = {}
        self._repeated: OrderedDict[Key, _Repeated] = OrderedDict()

    def add(self, text: str, document: DocumentNode | None = None) -> str:
        """Adds a document of our own, which is known to be valid. Returns its id."""
        document_id = sha256(text.encode()).hexdigest()
        self._own[document_id] = (text, document)
        return document_id

    def text(self, document_id: str) -> str | None:
        """The text of a document of our own."""
        found = self._own.get(document_id)
        return found[0] if found is not None else None

    def trusts(self, text: Any) -> bool:
        """Whether a document may be run."""
        return not self.only_own or (isinstance(text, str) and sha256(text.encode()).hexdigest() in self._own)

    def find(self, text: str, name: str | None) -> Operation | None:
        """A known operation, and one run more of it; None for what is to be run by graphql-core."""
        key = (text, name)
        return self._planned.get(key) or self._again(key) or self._own_operation(key)

    def _own_operation(self, key: Key) -> Operation | None:
        document_id = sha256(key[0].encode()).hexdigest() if self._own else ""
        own = self._own.get(document_id)
        if own is None:
            return None
        operation = self._made(own[1] or parse(own[0]), key[1])
        if operation is not None:
            self._planned[key] = operation
        return operation

    def seen(self, text: str, name: str | None) -> None:
        """Notes an operation that graphql-core has run, and so found valid."""
        if len(text) > LARGEST_KEPT or (text, name) in self._repeated:
            return
        self._repeated[text, name] = _Repeated()
        while len(self._repeated) > MOST_KEPT:
            self._repeated.popitem(last=False)

    def _again(self, key: Key) -> Operation | None:
        found = self._repeated.get(key)
        if found is None:
            return None
        self._repeated.move_to_end(key)
        found.runs += 1
        if found.operation is None and not found.refused and found.runs >= PLANNED_AT:
            found.operation = self._made(parse(key[0]), key[1])
            found.refused = found.operation is None
            self._make_room()
        return found.operation

    def _made(self, document: DocumentNode, name: str | None) -> Operation | None:
        try:
            return Operation(self.schema, document, name)
        except Unsupported as refused:
            self.refused(refused.reason)
            return None

    def _make_room(self) -> None:
        """Forgets what was used longest ago while the plans together are too large."""
        sizes = {key: each.operation.size for key, each in self._repeated.items() if each.operation is not None}
        total = sum(sizes.values())
        for key, size in sizes.items():
            if total <= MOST_FIELDS_KEPT:
                return
            del self._repeated[key]
            total -= size
