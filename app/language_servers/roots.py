"""The same files under two roots: the worktree's, which a language server sees, and the one that a client chose.

What a server tells of files elsewhere (type stubs, the standard library) is left out, and the worktree's own path
appears nowhere: a client learns nothing of the machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import orjson

from app.git.paths import BadPath, check_path
from app.language_servers.errors import OutsideRoot

DEFAULT_ROOT = "file:///workspace"
LONGEST_ROOT = 1_024
#: Members of messages that hold a file's address.
_ADDRESSES = frozenset({"uri", "targetUri", "oldUri", "newUri", "scopeUri", "baseUri", "documentUri", "rootUri"})
#: Members that hold what the server itself made up, in which any text may be an address or a path.
_OPAQUE = frozenset({"data", "arguments"})
#: Members whose text is a file's content, and no address whatever it looks like.
_CONTENT = frozenset({"text", "newText", "rangeText"})


class _Gone:
    """Stands for what tells of files elsewhere."""


_GONE = _Gone()


@dataclass(frozen=True)
class Root:
    """A worktree's folder."""

    folder: Path

    @property
    def uri(self) -> str:
        """Its address, as the server gets it."""
        return "file://" + quote(str(self.folder))

    def told(self, client: ClientRoot, body: bytes) -> Any:
        """A message of the server as a client gets it."""
        # Text first: paths also stand within sentences. The folder's name is unique, so nothing else begins with it.
        others = body.count(b"file:") > body.count(self.uri.encode())
        path = client.path.encode()
        body = body.replace(self.uri.encode(), client.uri.encode())
        for ours in {_within_json(str(self.folder)), _within_json(quote(str(self.folder)))}:
            body = body.replace(ours, path)
        message = orjson.loads(body)
        return self._without_others(message, client) if others else message

    def _without_others(self, value: Any, client: ClientRoot, key: str = "") -> Any:
        if isinstance(value, dict):
            found = {
                name: self._without_others(member, client, name)
                for name, member in value.items()
                if not self._elsewhere(name, client)
            }
            if key == "" and "jsonrpc" in found:  # the message itself
                return {name: None if member is _GONE else member for name, member in found.items()}
            return _GONE if any(member is _GONE for member in found.values()) else found
        if isinstance(value, list):
            items = [self._without_others(item, client, "item") for item in value]
            return [item for item in items if item is not _GONE]
        if isinstance(value, str) and key not in _CONTENT:
            return _GONE if self._elsewhere(value, client) else value
        return value

    def _elsewhere(self, text: str, client: ClientRoot) -> bool:
        return text.startswith("file:") and not client.holds(text)

    def heard(self, client: ClientRoot, value: Any, key: str = "", *, opaque: bool = False) -> Any:
        """A part of a client's message as the server gets it; raises `OutsideRoot`."""
        if isinstance(value, dict):
            return {
                self._name(client, name) if key == "changes" else name: self.heard(
                    client, member, name, opaque=opaque or name in _OPAQUE
                )
                for name, member in value.items()
            }
        if isinstance(value, list):
            return [self.heard(client, item, key, opaque=opaque) for item in value]
        if isinstance(value, str) and (key in _ADDRESSES or (opaque and key not in _CONTENT)):
            return self._name(client, value, path=opaque)
        return value

    def _name(self, client: ClientRoot, text: str, *, path: bool = False) -> str:
        if client.holds(text):
            return self.address(client.relative(text))
        if path and (text == client.path or text.startswith(f"{client.path}/")):
            return str(self.folder / _checked(text[len(client.path) + 1 :]))
        if text.startswith(("file:", client.scheme)):
            raise OutsideRoot(f"{text[:200]!r} is not within {client.uri}.")
        return text

    def address(self, path: str) -> str:
        """The address of a file of the worktree."""
        return f"{self.uri}/{quote(path)}" if path else self.uri


@dataclass(frozen=True)
class ClientRoot:
    """What a client calls the worktree."""

    uri: str

    @property
    def path(self) -> str:
        """The same as a path."""
        return unquote(urlsplit(self.uri).path)

    @property
    def scheme(self) -> str:
        """With its colon."""
        return self.uri[: self.uri.index(":") + 1]

    def holds(self, uri: str) -> bool:
        """Whether an address is within it, by what it says."""
        whole, own = unquote(uri), unquote(self.uri)
        return whole == own or whole.startswith(f"{own}/")

    def relative(self, uri: str) -> str:
        """The path of a file within; raises `OutsideRoot` for one that leads out of it."""
        return _checked(unquote(uri)[len(unquote(self.uri)) + 1 :])


def client_root(uri: str | None) -> ClientRoot:
    """The root that a client names; raises `OutsideRoot` for one that cannot be told from other places."""
    uri = (uri or DEFAULT_ROOT).rstrip("/")
    parts = urlsplit(uri)
    path = unquote(parts.path)
    bad = len(uri) > LONGEST_ROOT or not parts.scheme or parts.query or parts.fragment or not uri.isascii()
    if bad or any(character in uri for character in '"\\ ') or len(path) < 2 or not path.startswith("/"):
        raise OutsideRoot("A root is an address with a path, such as file:///workspace, in ASCII characters.")
    _checked(path[1:])
    return ClientRoot(uri)


def _checked(path: str) -> str:
    try:
        return check_path(path)
    except BadPath as error:
        raise OutsideRoot(error.message) from None


def _within_json(text: str) -> bytes:
    return orjson.dumps(text)[1:-1]
