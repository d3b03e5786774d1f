"""Trusted documents: a client names a document of ours by the SHA-256 of its text instead of sending it.

Three spellings are read: `documentId` (the appendix on persisted documents of GraphQL over HTTP), with or without
`sha256:` in front, and `extensions.persistedQuery.sha256Hash` (Apollo's clients, and Yoga).
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from app.core.errors import Forbidden, InvalidRequest
from resolvers.plans.store import Store


class DocumentUnknown(InvalidRequest):
    """PersistedQueryNotFound: no document of ours has this id. /documents.json lists them; or send its text."""

    code = "PERSISTED_QUERY_NOT_FOUND"


class DocumentMismatch(InvalidRequest):
    """The document that was sent is not the one that its id names: the id is the SHA-256 of the text."""

    code = "PERSISTED_QUERY_HASH_MISMATCH"


class DocumentNotTrusted(Forbidden):
    """This server runs its own documents alone. Name one of them by `documentId`: /documents.json lists them."""

    code = "DOCUMENT_NOT_TRUSTED"


def filled(asked: Any, store: Store) -> Any:
    """A request with the text of the document that it names. Raises `DocumentUnknown` and `DocumentMismatch`."""
    names_one = isinstance(asked, dict) and ("documentId" in asked or "extensions" in asked)
    document_id = _named(asked) if names_one else None
    if document_id is None:
        return asked
    text, sent = store.text(document_id), asked.get("query")
    if sent is not None:
        if not isinstance(sent, str) or sha256(sent.encode()).hexdigest() != document_id:
            raise DocumentMismatch()
        return asked
    if text is None:
        raise DocumentUnknown()
    return {**{name: value for name, value in asked.items() if name != "documentId"}, "query": text}


def _named(asked: dict[str, Any]) -> str | None:
    document_id = asked.get("documentId")
    extensions = asked.get("extensions")
    if document_id is None and isinstance(extensions, dict):
        persisted = extensions.get("persistedQuery")
        document_id = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    return document_id.removeprefix("sha256:") if isinstance(document_id, str) else None
