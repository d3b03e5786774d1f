"""The program git, run so that nothing in a repository or in a person's home changes what it does.

Repositories hold what strangers wrote: no hook runs, no file system monitor, no external diff, no prompt, no protocol
that starts programs. Configuration comes from here and from the repository's own file, which only this package writes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

from app.git.errors import GitFailed, GitMissing, GitOutputTooLarge, GitTimeout
from app.git.spawning import Running, spawn

#: Seconds and bytes that one call may take, unless it says otherwise.
TIMEOUT = 30.0
OUTPUT_LIMIT = 32 * 1024 * 1024
#: git processes that run at once; others wait their turn.
AT_ONCE = 16
_CHUNK = 64 * 1024

_SETTINGS = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.quotePath": "false",
    "core.autocrlf": "false",
    "core.pager": "cat",
    "commit.gpgSign": "false",
    "tag.gpgSign": "false",
    "diff.renames": "true",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "protocol.allow": "never",
    "protocol.file.allow": "user",
    "protocol.http.allow": "always",
    "protocol.https.allow": "always",
    "safe.directory": "*",
    "advice.detachedHead": "false",
    "uploadpack.allowAnySHA1InWant": "false",
    "receive.denyDeletes": "false",
}
_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "true",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "true",
    "GIT_ATTR_NOSYSTEM": "1",
    "LC_ALL": "C.UTF-8",
    "HOME": "/nonexistent",
    "PATH": os.environ.get("PATH", os.defpath),
}


def settings(more: Mapping[str, str]) -> dict[str, str]:
    """Variables for settings of git beside our own. They are in no process list: credentials may be among them."""
    together = {**_SETTINGS, **more}
    keys = {f"GIT_CONFIG_KEY_{number}": key for number, key in enumerate(together)}
    values = {f"GIT_CONFIG_VALUE_{number}": value for number, value in enumerate(together.values())}
    return {"GIT_CONFIG_COUNT": str(len(together)), **keys, **values}


_OURS = settings({})
#: Paths are paths, and no patterns.
LITERAL = {"GIT_LITERAL_PATHSPECS": "1"}
#: The same for what only looks: writing the index would get in the way of who changes something.
READING = {**LITERAL, "GIT_OPTIONAL_LOCKS": "0"}

#: A semaphore belongs to one event loop.
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Output:
    """What a call of git wrote, and how it ended."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        """Standard output as text; bytes that are no UTF-8 are replaced."""
        return self.out.decode(errors="replace")


async def git(
    *arguments: str | Path,
    folder: Path,
    given: bytes | None = None,
    variables: Mapping[str, str] | None = None,
    ok: Sequence[int] = (0,),
    timeout: float = TIMEOUT,
    limit: int = OUTPUT_LIMIT,
) -> Output:
    """Runs git in `folder` to its end.

    Raises `GitFailed` for an exit code not in `ok`, `GitTimeout`, `GitOutputTooLarge` beyond `limit` bytes, and
    `GitMissing`. The process is gone when this returns or is cancelled.
    """
    async with _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE)):
        return await at_once(
            *arguments, folder=folder, given=given, variables=variables, ok=ok, timeout=timeout, limit=limit
        )


async def at_once(
    *arguments: str | Path,
    folder: Path,
    given: bytes | None = None,
    variables: Mapping[str, str] | None = None,
    ok: Sequence[int] = (0,),
    timeout: float = TIMEOUT,
    limit: int = OUTPUT_LIMIT,
) -> Output:
    """The same without waiting for a turn, or taking one: for who waits for others' machines, and bounds it itself."""
    process = await start(*arguments, folder=folder, variables=variables)
    try:
        async with asyncio.timeout(timeout):
            out, err, _ = await asyncio.gather(
                _read(process.stdout, limit), _read(process.stderr, OUTPUT_LIMIT), _feed(process, given)
            )
            code = await process.wait()
    except TimeoutError:
        raise GitTimeout() from None
    finally:
        await end(process)
    said = err.decode(errors="replace").strip()
    if code not in ok:
        raise GitFailed(f"git {_verb(arguments)} failed: {said[:500] or f'exit code {code}'}", exitCode=code)
    return Output(code, out, said)


async def start(*arguments: str | Path, folder: Path, variables: Mapping[str, str] | None = None) -> Running:
    """Starts git with pipes; the caller ends it with `end`."""
    command = ["git", *map(str, arguments)]
    try:
        return await spawn(command, folder, {**_ENVIRONMENT, **_OURS, **(variables or {})}, _CHUNK)
    except FileNotFoundError as error:
        if shutil.which("git") is None:
            raise GitMissing() from None
        raise GitFailed(f"The folder of the repository is gone: {folder.name}.") from error


async def end(process: Running) -> None:
    """Makes sure that a process is gone, and its pipes."""
    try:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            with contextlib.suppress(asyncio.CancelledError):
                await process.wait()
    finally:
        process.close()


async def chunks(stream: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """What a process writes, piece by piece."""
    while chunk := await stream.read(_CHUNK):
        yield chunk


async def _read(stream: asyncio.StreamReader, limit: int) -> bytes:
    found: list[bytes] = []
    size = 0
    async for chunk in chunks(stream):
        size += len(chunk)
        if size > limit:
            raise GitOutputTooLarge(limit=limit)
        found.append(chunk)
    return b"".join(found)


async def _feed(process: Running, given: bytes | None) -> None:
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        if given:
            process.stdin.write(given)
            await process.stdin.drain()
        process.stdin.close()
        await process.stdin.wait_closed()


def _verb(arguments: Sequence[str | Path]) -> str:
    return next((str(word) for word in arguments if not str(word).startswith("-")), "")
