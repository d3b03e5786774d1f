"""git's own protocol over HTTP (gitprotocol-http): fetches and pushes by the real programs of git."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

from app.git.errors import GitFailed, GitOutputTooLarge, GitTimeout
from app.git.program import chunks, end, git, start
from app.git.spawning import Running

UPLOAD, RECEIVE = "git-upload-pack", "git-receive-pack"
#: Seconds that one fetch or push may take, and bytes that a push is told at most.
LONGEST = 3600.0
LARGEST_REPORT = 4 * 1024 * 1024
_PROTOCOL = re.compile(r"version=[0-2]")
#: A branch that a session has checked out moves together with its files, or not at all.
_SETTINGS = (
    *("-c", "receive.denyCurrentBranch=updateInstead"),
    *("-c", "receive.fsckObjects=true"),
    *("-c", "receive.autogc=false"),
    *("-c", "http.receivepack=true"),
)


async def advertise(folder: Path, service: str, protocol: str) -> bytes:
    """What the repository has: the answer to `GET info/refs?service=…`."""
    words = (*_SETTINGS, service.removeprefix("git-"), "--stateless-rpc", "--advertise-refs", ".")
    found = await git(*words, folder=folder, variables=_variables(protocol))
    head = f"# service={service}\n"
    return f"{len(head) + 4:04x}{head}0000".encode() + found.out


async def fetch(folder: Path, asked: bytes, protocol: str) -> AsyncIterator[bytes]:
    """The answer to a fetch or clone, as it is made. Whoever stops reading ends the program."""
    process = await start(
        *_SETTINGS, "upload-pack", "--stateless-rpc", ".", folder=folder, variables=_variables(protocol)
    )
    feeding = asyncio.ensure_future(_feed(process, _once(asked)))
    try:
        async with asyncio.timeout(LONGEST):
            async for chunk in chunks(process.stdout):
                yield chunk
            await feeding
    except TimeoutError:
        raise GitTimeout() from None
    finally:
        feeding.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await feeding
        await end(process)


async def receive(folder: Path, body: AsyncIterator[bytes], protocol: str) -> bytes:
    """Takes a push to its end; what git tells the client of it. Raises `GitFailed` where it could not be taken."""
    process = await start(
        *_SETTINGS, "receive-pack", "--stateless-rpc", ".", folder=folder, variables=_variables(protocol)
    )
    try:
        async with asyncio.timeout(LONGEST):
            told, _, said = await asyncio.gather(
                _all(process.stdout), _feed(process, body), _all(process.stderr), return_exceptions=False
            )
            code = await process.wait()
    except TimeoutError:
        raise GitTimeout() from None
    finally:
        await end(process)
    if code and not told:
        raise GitFailed(f"The push was refused: {said.decode(errors='replace').strip()[:500]}", exitCode=code)
    return told


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _all(stream: asyncio.StreamReader) -> bytes:
    found = bytearray()
    async for chunk in chunks(stream):
        found += chunk
        if len(found) > LARGEST_REPORT:
            raise GitOutputTooLarge(limit=LARGEST_REPORT)
    return bytes(found)


async def _feed(process: Running, body: AsyncIterator[bytes]) -> None:
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        async for piece in body:
            process.stdin.write(piece)
            await process.stdin.drain()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.close()
        await process.stdin.wait_closed()


def _variables(protocol: str) -> dict[str, str]:
    return {"GIT_PROTOCOL": protocol} if _PROTOCOL.fullmatch(protocol) else {}
