"""The files of one commit of a repository elsewhere: fetched over HTTP, without its history, within limits."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from app.core.errors import Unavailable, Unprocessable
from app.git.errors import GitFailed, RevisionNotFound
from app.git.program import Output, at_once, git, settings
from app.git.repository import check_branch

#: Fetches that go on at once; others wait their turn. They take none of git's other turns: they may be slow.
AT_ONCE = 4
#: How often the size of what comes in is looked at.
_LOOK_SECONDS = 0.2
#: A semaphore belongs to one event loop.
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


class CloneRefused(Unprocessable):
    """The repository's server does not give it out with the organization's token."""

    code = "CLONE_REFUSED"


class CloneFailed(Unavailable):
    """The repository's server did not give it out. Retry, or look whether the code host is well."""

    code = "CLONE_FAILED"


class RepositoryTooLarge(Unprocessable):
    """The repository is larger than what is imported."""

    code = "REPOSITORY_TOO_LARGE"


@dataclass(frozen=True, slots=True)
class CloneLimits:
    """What a clone may take."""

    seconds: float = 120.0
    #: Of what is sent, and of the files that it becomes.
    bytes: int = 256 * 1024 * 1024
    files: int = 20_000


@dataclass(frozen=True, slots=True)
class Source:
    """Where a repository is cloned from."""

    url: str
    #: The IP address that its name was found to have and that was checked; nothing else is asked.
    address: str
    host: str
    port: int
    #: `Authorization: …`; no process list shows it.
    header: str = field(default="", repr=False)


async def clone(folder: Path, source: Source, ref: str, limits: CloneLimits | None = None) -> str:
    """Puts the files of a branch, tag or commit into a folder that is not there yet; returns the commit.

    Raises `CloneRefused`, `CloneFailed`, `RevisionNotFound`, `RepositoryTooLarge`, `BadBranchName`, `GitTimeout`.
    """
    limits, ref = limits or CloneLimits(), check_branch(ref)
    await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True)
    await git("init", "--quiet", ".", folder=folder)
    options = ("--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--no-write-commit-graph")
    words = ("fetch", *options, "--", source.url, ref)
    try:
        async with _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE)):
            fetching = at_once(*words, folder=folder, variables=_asking(source), timeout=limits.seconds)
            await _within(folder, limits.bytes, fetching)
    except GitFailed as error:
        raise _told(error, ref) from error
    commit = (await git("rev-parse", "FETCH_HEAD^{commit}", folder=folder)).text.strip()
    await _check_size(folder, commit, limits)
    await git("checkout", "--quiet", "--force", "--detach", commit, folder=folder, timeout=limits.seconds)
    await asyncio.to_thread(shutil.rmtree, folder / ".git")
    return commit


def _asking(source: Source) -> dict[str, str]:
    wanted = {
        "http.curloptResolve": f"{source.host}:{source.port}:{source.address}",
        "http.followRedirects": "false",
        "http.proxy": "",
        "credential.helper": "",
        "fetch.unpackLimit": "1",
    }
    return settings(wanted | ({"http.extraHeader": source.header} if source.header else {}))


async def _within(folder: Path, most: int, fetching: Coroutine[Any, Any, Output]) -> None:
    """Ends a fetch when the folder grows beyond its limit: git has none of its own for what it fetches."""
    fetched = asyncio.create_task(fetching, name="clone")
    grown = asyncio.create_task(_grown(folder, most), name="clone size")
    try:
        await asyncio.wait({fetched, grown}, return_when=asyncio.FIRST_COMPLETED)
        if not fetched.done():
            raise _too_large(most)
        fetched.result()
    finally:
        fetched.cancel()
        grown.cancel()
        await asyncio.gather(fetched, grown, return_exceptions=True)


async def _grown(folder: Path, most: int) -> None:
    """Returns when there is more in the folder."""
    while await asyncio.to_thread(_size, folder) <= most:  # noqa: ASYNC110 - no event tells
        await asyncio.sleep(_LOOK_SECONDS)


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            total += path.lstat().st_size
    return total


async def _check_size(folder: Path, commit: str, limits: CloneLimits) -> None:
    """Before any file is written: a small pack can hold very much."""
    listed = (await git("ls-tree", "-r", "-l", "-z", commit, folder=folder)).out.split(b"\0")[:-1]
    sizes = [entry.split(b"\t", 1)[0].split()[3] for entry in listed]
    if len(sizes) > limits.files:
        raise RepositoryTooLarge(f"The repository has more than {limits.files:,} files.")
    if sum(int(size) for size in sizes if size.isdigit()) > limits.bytes:
        raise _too_large(limits.bytes)


def _too_large(most: int) -> RepositoryTooLarge:
    return RepositoryTooLarge(f"The repository's files are larger than {most // (1024 * 1024)} MiB.")


def _told(error: GitFailed, ref: str) -> Exception:
    said = error.message
    if "couldn't find remote ref" in said or "not our ref" in said or "unadvertised object" in said:
        return RevisionNotFound(f"The repository has no branch or tag {ref[:80]!r}.")
    if any(mark in said for mark in ("Authentication failed", "could not read Username", "403", "not found")):
        return CloneRefused()
    return CloneFailed()
