"""The documents that are open in a language server, over all its viewers.

Each viewer has its own buffer of a document, as it has not been saved; the server knows one text. It gets the buffer of
whoever acts, whole where it has another one; as long as all have the same, changes go through as they come.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.core.errors import InvalidRequest, Unprocessable

#: Documents of one viewer, and characters of one document and of all of a server.
MOST_OPEN, LONGEST, LONGEST_IN_ALL = 500, 8 * 1024 * 1024, 64 * 1024 * 1024
_LINE_END = re.compile(r"\r\n|\n|\r")

Message = dict[str, Any]


class TooMuchOpen(Unprocessable):
    """Too many or too large documents are open. Close some."""

    code = "TOO_MUCH_OPEN"


@dataclass
class Buffer:
    """What one viewer has in its editor."""

    text: str
    version: int


@dataclass
class Document:
    """One document, as the server has it."""

    uri: str
    language: str
    text: str
    version: int = 1
    buffers: dict[Hashable, Buffer] = field(default_factory=dict)
    #: The last diagnostics, for viewers that open it later.
    diagnostics: bytes | None = None

    def opened(self) -> Message:
        """How the server is told of it."""
        item = {"uri": self.uri, "languageId": self.language, "version": self.version, "text": self.text}
        return _notification("textDocument/didOpen", {"textDocument": item})


class Documents:
    """What is open. Each change returns what the server is to be told."""

    def __init__(self) -> None:
        self._documents: dict[str, Document] = {}

    def __getitem__(self, uri: str) -> Document | None:
        return self._documents.get(uri)

    def opened(self) -> list[Message]:
        """All of them, for a server that begins anew."""
        return [document.opened() for document in self._documents.values()]

    def buffer(self, viewer: Hashable, uri: str) -> Buffer | None:
        """What a viewer has open at an address."""
        document = self._documents.get(uri)
        return document.buffers.get(viewer) if document else None

    def open(self, viewer: Hashable, uri: str, language: str, version: int, text: str) -> list[Message]:
        """A viewer opens a document; raises `TooMuchOpen`."""
        self._check(viewer, len(text))
        document = self._documents.get(uri)
        if document is None:
            document = self._documents[uri] = Document(uri, language, text)
            document.buffers[viewer] = Buffer(text, version)
            return [document.opened()]
        document.buffers[viewer] = Buffer(text, version)
        return self.focus(viewer, uri)

    def change(self, viewer: Hashable, uri: str, version: int, changes: Sequence[Message]) -> list[Message]:
        """A viewer types."""
        document, buffer = self._documents.get(uri), self.buffer(viewer, uri)
        if document is None or buffer is None:
            raise InvalidRequest("The document is not open.")
        same = document.text is buffer.text or document.text == buffer.text
        text = changed(buffer.text, changes)
        self._check(viewer, len(text) - len(buffer.text), len(text))
        document.buffers[viewer] = Buffer(text, version)
        if not same:
            return self.focus(viewer, uri)
        document.text, document.version = text, document.version + 1
        return [_changed(document, changes)]

    def focus(self, viewer: Hashable, uri: str) -> list[Message]:
        """The server gets the viewer's buffer, where it has another one."""
        document, buffer = self._documents.get(uri), self.buffer(viewer, uri)
        if document is None or buffer is None or document.text is buffer.text or document.text == buffer.text:
            return []
        document.text, document.version = buffer.text, document.version + 1
        return [_changed(document, [{"text": buffer.text}])]

    def close(self, viewer: Hashable, uri: str) -> list[Message]:
        """A viewer closes a document; with the last one it is closed."""
        document = self._documents.get(uri)
        if document is None or document.buffers.pop(viewer, None) is None:
            return []
        if document.buffers:
            return self.focus(next(reversed(document.buffers)), uri)
        del self._documents[uri]
        return [_notification("textDocument/didClose", {"textDocument": {"uri": uri}})]

    def leave(self, viewer: Hashable) -> list[Message]:
        """A viewer closes all that it has open."""
        mine = [uri for uri, document in self._documents.items() if viewer in document.buffers]
        return [message for uri in mine for message in self.close(viewer, uri)]

    def _check(self, viewer: Hashable, more: int, size: int | None = None) -> None:
        mine = sum(viewer in document.buffers for document in self._documents.values())
        whole = sum(len(buffer.text) for document in self._documents.values() for buffer in document.buffers.values())
        if mine >= MOST_OPEN + (size is not None) or max(more, size or 0) > LONGEST or whole + more > LONGEST_IN_ALL:
            raise TooMuchOpen()


def changed(text: str, changes: Sequence[Message]) -> str:
    """A text after changes, whose columns count UTF-16 units (LSP, `TextDocumentContentChangeEvent`)."""
    for change in changes:
        new, where = change["text"], change.get("range")
        if where is None:
            text = new
        else:
            start, end = _offset(text, where["start"]), _offset(text, where["end"])
            text = text[:start] + new + text[max(start, end) :]
    return text


def _offset(text: str, position: Message) -> int:
    """The index of a position; one behind the end of its line is at its end."""
    begin = 0
    for _ in range(position["line"]):
        found = _LINE_END.search(text, begin)
        if found is None:
            return len(text)
        begin = found.end()
    found = _LINE_END.search(text, begin)
    line = text[begin : found.start() if found else len(text)]
    units = int(position["character"])
    if line.isascii():
        return begin + min(units, len(line))
    return begin + len(line.encode("utf-16-le")[: units * 2].decode("utf-16-le", errors="ignore"))


def _changed(document: Document, changes: Sequence[Message]) -> Message:
    which = {"uri": document.uri, "version": document.version}
    return _notification("textDocument/didChange", {"textDocument": which, "contentChanges": list(changes)})


def _notification(method: str, params: Message) -> Message:
    return {"jsonrpc": "2.0", "method": method, "params": params}
