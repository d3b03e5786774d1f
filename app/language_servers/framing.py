"""Messages on the standard input and output of a language server: a header with the length, then JSON."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

#: Bytes of one message that a server may write.
LARGEST_FROM_SERVER = 64 * 1024 * 1024
_LONGEST_HEADER = 8 * 1024


class Broken(Exception):
    """What was read is no message."""


def framed(body: bytes) -> bytes:
    """A message as it is written."""
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


async def messages(stream: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The bodies, until the end of the stream. Raises `Broken`; headers beside the length may be there."""
    while True:
        try:
            header = await stream.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            if error.partial.strip():
                raise Broken("the stream ends within a header") from error
            return
        except asyncio.LimitOverrunError as error:
            raise Broken("a header is too long") from error
        length = _length(header)
        if length > LARGEST_FROM_SERVER:
            raise Broken(f"a message of {length:,} bytes is more than {LARGEST_FROM_SERVER:,}")
        try:
            yield await stream.readexactly(length)
        except asyncio.IncompleteReadError as error:
            raise Broken("the stream ends within a message") from error


def _length(header: bytes) -> int:
    if len(header) > _LONGEST_HEADER:
        raise Broken("a header is too long")
    for line in header.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return int(value)
    raise Broken("a header has no length")
