"""The heads of requests on one connection: clients send the same header lines again and again."""

from __future__ import annotations

import re
from typing import Final

from app.observability.exchange import Headers, Scope

#: A body whose size has fewer digits is small: one below 10,000 bytes.
LONGEST_NUMBER: Final = 5
METHODS = {name.encode(): name for name in ("GET", "POST", "PUT", "PATCH", "DELETE")}
_PATH = rb"(/(?!/)[\w.~!$&'()*+,;=:@-]*(?:/[\w.~!$&'()*+,;=:@-]*)*)"  # what needs no decoding
_REQUEST_LINE = re.compile(rb"(%b) %b(?:\?([\w.~!$&'()*+,;=:@%%/?-]*))? HTTP/1\.1" % (b"|".join(METHODS), _PATH))
#: What of a scope all requests of a connection with the same header lines have in common.
_STAY = frozenset({"type", "asgi", "http_version", "server", "client", "scheme", "root_path", "headers"})
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)\r\n", re.IGNORECASE)


class RequestHead:
    """Header lines that the parser has read, to know the next request with the same lines without it.

    The lines are the same byte for byte, but for the number of `Content-Length`: what the parser would find in them
    is known. The request line is told apart by a pattern that is stricter than HTTP; what does not match it, and what
    is not one whole request, is left to the parser.
    """

    __slots__ = ("_after", "_before", "_headers", "_line", "_number", "_scope")

    def __init__(self, before: bytes, number: bytes, after: bytes, headers: Headers, scope: Scope) -> None:
        #: The lines up to the number of `Content-Length`, it, and what follows it: nothing where there is none.
        self._before, self._number, self._after = before, number, after
        self._headers = headers
        #: The last request line; the scope tells what it says.
        self._line = b""
        self._scope = {name: value for name, value in scope.items() if name in _STAY}

    @classmethod
    def of(cls, data: bytes, headers: Headers, scope: Scope) -> RequestHead | None:
        """Of a request whose bytes are exactly these, with what the parser found; None for one that is not simple."""
        start, end = data.find(b"\r\n"), data.find(b"\r\n\r\n") + 4
        head, size = data[start:end], headers.raw.get(b"content-length")
        one_a_line = head.count(b"\n") == len(scope["headers"]) + 2
        if not one_a_line:
            return None
        if size is None:
            made = cls(head, b"", b"", headers, scope)
        else:
            found = _LENGTH.search(head)
            if found is None or found[1] != size:
                return None
            made = cls(head[: found.start(1)], size, head[found.end(1) :], headers, scope)
        return None if made.again(data) is None else made

    def again(self, data: bytes) -> tuple[Scope, Headers, bytes] | None:
        """Scope, headers and body of a request that has these header lines and is here as a whole."""
        line_ends, headers = data.find(b"\r\n"), self._headers
        if not data.startswith(self._before, line_ends):
            return None
        start, number = line_ends + len(self._before), b"0"
        if self._after:
            number_ends = data.find(b"\r\n", start, start + LONGEST_NUMBER + 1)
            number = data[start:number_ends]
            if not (data.startswith(self._after, number_ends) and len(number) < LONGEST_NUMBER and number.isdigit()):
                return None
            start = number_ends + len(self._after)
        if len(data) != start + int(number):
            return None
        line = data[:line_ends]
        if line != self._line and not self._is_read(line):
            return None
        scope = self._scope.copy()
        if self._after and number != self._number:
            scope["headers"] = [(n, number if n == b"content-length" else v) for n, v in scope["headers"]]
            headers = Headers(scope["headers"])
        return scope, headers, data[start:]

    def _is_read(self, line: bytes) -> bool:
        """Puts what a request line says into the scope; not where the line is none of the simple ones."""
        asked = _REQUEST_LINE.fullmatch(line)
        if asked is None:
            return False
        scope, self._line = self._scope, line
        method, scope["raw_path"], scope["query_string"] = asked.groups(b"")
        scope["method"], scope["path"] = METHODS[method], scope["raw_path"].decode()
        return True
