"""Tells what changes in a worktree, whoever changes it: an editor, an agent, a program in a terminal, git.

Each folder is watched by itself, and never through a link: watching a folder with all below it would follow links, and
tell of files elsewhere. Changes come together in batches with ascending numbers; the newest are kept, so that a viewer
who was away learns what it missed. What is more than that is a `rescan`: look at all files again.
"""

from __future__ import annotations

import asyncio
import enum
import secrets
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from app.core.errors import SoundstageError
from app.git.program import READING, git
from app.language_servers.errors import SessionGone, TooManyViewers
from app.language_servers.folders import Folders, is_ignored

if TYPE_CHECKING:
    from watchfiles._rust_notify import RustNotify

log = structlog.get_logger(__name__)
T = TypeVar("T")

_NO_LOCKS = {"GIT_OPTIONAL_LOCKS": "0"}
#: Worktrees that are watched at once, and viewers of one.
MOST_WATCHED, MOST_VIEWERS = 64, 64
#: Changes of one batch, and batches that are kept.
MOST_CHANGES, MOST_KEPT = 1_000, 256
#: Changes that follow each other this quickly are one batch, which waits no longer than the second.
_STEP_MS, _DEBOUNCE_MS = 50, 250
_LOOK_AGAIN_MS, _POLL_MS = 2_000, 1_000


class ChangeKind(enum.StrEnum):
    """What became of a file."""

    CREATED = "created"
    CHANGED = "changed"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Change:
    """One file or folder that changed; a deleted folder tells for all that was in it."""

    path: str
    kind: ChangeKind


@dataclass(frozen=True, slots=True)
class Batch:
    """What changed together. With `rescan` anything may have changed, and `changes` is empty."""

    number: int
    changes: tuple[Change, ...] = ()
    rescan: bool = False


class Watcher:
    """Watches one worktree as long as somebody wants to know."""

    def __init__(self, root: Path, pool: ThreadPoolExecutor) -> None:
        self._root, self._pool = root.resolve(), pool
        self._epoch = secrets.token_hex(6)
        self._number = 0
        self._kept: deque[Batch] = deque(maxlen=MOST_KEPT)
        self._news = asyncio.Event()
        self._stop = threading.Event()
        self._over: SoundstageError | None = None
        self._ready = asyncio.Event()
        self._folders = Folders(self._root)
        self.viewers = 0
        self._task = asyncio.create_task(self._keep())

    @property
    def complete(self) -> bool:
        """Whether all folders are watched: there may be too many."""
        return self._folders.complete

    async def ready(self) -> None:
        """Waits until changes are seen; raises `SessionGone`."""
        await self._ready.wait()
        if self._over is not None:
            raise self._over

    def cursor(self, batch: Batch | None = None) -> str:
        """Where a viewer goes on behind a batch; behind all of them without one."""
        return f"{self._epoch}-{batch.number if batch else self._number}"

    async def batches(self, after: str | None) -> AsyncIterator[Batch]:
        """What changes from now on, or behind a cursor; raises `SessionGone`. A viewer that is slow gets a rescan."""
        seen = self._number
        if after is not None:
            epoch, _, number = after.rpartition("-")
            known = epoch == self._epoch and number.isdigit() and int(number) <= self._number
            seen = int(number) if known else -1
        while True:
            oldest = self._kept[0].number if self._kept else self._number + 1
            if seen < oldest - 1:
                seen = self._number
                yield Batch(seen, rescan=True)
            for batch in [each for each in self._kept if each.number > seen]:
                seen = batch.number
                yield batch
                break  # while the viewer took it, more may have come
            else:
                if self._over is not None:
                    raise self._over
                news = self._news
                await news.wait()

    async def close(self) -> None:
        """Ends it."""
        self._stop.set()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    # --- within

    def _tell(self, changes: Iterable[Change], *, rescan: bool = False) -> None:
        told = tuple(changes)
        if told or rescan:
            rescan = rescan or len(told) > MOST_CHANGES
            self._number += 1
            self._kept.append(Batch(self._number, () if rescan else told, rescan))
            self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _keep(self) -> None:
        try:
            await self._in_thread(self._folders.add, "", await self._hidden())
            notify = await self._in_thread(_notify, self._folders)
            self._ready.set()
            while True:
                found = await self._in_thread(notify.watch, _DEBOUNCE_MS, _STEP_MS, _LOOK_AGAIN_MS, self._stop)
                if not await asyncio.to_thread(self._root.is_dir):
                    raise SessionGone()
                if isinstance(found, set):
                    notify = await self._take(found, notify)
        except SoundstageError as error:
            self._over = error
        except OSError as error:
            log.warning("watch.failed", error=repr(error))
            self._over = SessionGone("The files of the session cannot be watched.")
        finally:
            self._ready.set()
            self._wake()

    async def _take(self, found: set[tuple[int, str]], notify: RustNotify) -> RustNotify:
        """Tells a batch. Where folders came, they are watched before it is told what is in them."""
        changes = await self._in_thread(self._changes, found)
        for change in changes:
            if change.kind is ChangeKind.DELETED:
                self._folders.remove(change.path)
        came = [
            change.path for change in changes if change.kind is not ChangeKind.DELETED and self._is_new(change.path)
        ]
        if came:
            hidden = await self._hidden()
            for path in came:
                await self._in_thread(self._folders.add, path, hidden)
            fresh = await self._in_thread(_notify, self._folders)
            notify.close()
            notify = fresh
            for path in came:
                files = await self._in_thread(self._folders.add, path, hidden)
                changes += [Change(file, ChangeKind.CREATED) for file in files]
        if len(changes) > MOST_CHANGES:
            self._tell((), rescan=True)
        else:
            ignored = await self._ignored([change.path for change in changes])
            self._tell(change for change in _once(changes) if change.path not in ignored)
        return notify

    def _is_new(self, path: str) -> bool:
        folder, _, name = path.rpartition("/")
        return path not in self._folders.known and self._folders.kind(folder, name) == "folder"

    def _changes(self, found: set[tuple[int, str]]) -> list[Change]:
        """What the system told, as it is now; nothing of folders that are not the ones that are watched."""
        kinds: dict[str, set[int]] = {}
        for kind, path in found:
            with suppress(ValueError):
                kinds.setdefault(Path(path).relative_to(self._root).as_posix(), set()).add(kind)
        changes = []
        for path, seen in sorted(kinds.items()):
            folder, _, name = path.rpartition("/")
            if path == "." or is_ignored(path) or folder not in self._folders.known:
                continue
            stands = self._folders.kind(folder, name)
            if stands == "nothing" and seen != {1}:
                changes.append(Change(path, ChangeKind.DELETED))
            elif stands == "file" or (stands == "folder" and path not in self._folders.known):
                changes.append(Change(path, ChangeKind.CREATED if 1 in seen else ChangeKind.CHANGED))
        return changes

    async def _hidden(self) -> list[str]:
        """Folders that git ignores."""
        words = ("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory")
        with suppress(SoundstageError):
            listed = (await git(*words, folder=self._root, variables=READING)).text.split("\0")
            return [path.rstrip("/") for path in listed if path.endswith("/")]
        return []

    async def _ignored(self, paths: list[str]) -> set[str]:
        """Those of the paths that git ignores."""
        given = "\0".join(paths).encode()
        if not given:
            return set()
        with suppress(SoundstageError):
            words = ("check-ignore", "-z", "--stdin")  # which takes no literal paths as such: they are
            found = await git(*words, folder=self._root, variables=_NO_LOCKS, given=given, ok=(0, 1))
            return set(found.text.split("\0"))
        return set()

    async def _in_thread(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)


def _once(changes: Iterable[Change]) -> Iterable[Change]:
    return {change.path: change for change in changes}.values()


def _notify(folders: Folders) -> RustNotify:
    """Watches these folders by the system; by looking at them again and again where it has no room for more."""
    from watchfiles._rust_notify import RustNotify  # imported late: a server starts without it

    try:
        return RustNotify(folders.paths(), False, False, _POLL_MS, False, True)
    except FileNotFoundError:
        for path in [path for path in folders.known if not (folders.root / path).is_dir()]:
            folders.remove(path)
        return RustNotify(folders.paths(), False, True, _POLL_MS, False, True)
    except OSError:
        log.warning("watch.polling", folders=len(folders.known))
        return RustNotify(folders.paths(), False, True, _POLL_MS, False, True)


@dataclass
class Watchers:
    """All worktrees that are watched by this program."""

    _watchers: dict[str, Watcher] = field(default_factory=dict)
    _pool: ThreadPoolExecutor | None = None

    @asynccontextmanager
    async def watching(self, session_id: str, folder: Path) -> AsyncIterator[Watcher]:
        """The watcher of a session; it ends with its last viewer. Raises `TooManyViewers`, `SessionGone`."""
        watcher = self._watchers.get(session_id)
        if watcher is None:
            if len(self._watchers) >= MOST_WATCHED:
                raise TooManyViewers(f"The files of {MOST_WATCHED} sessions are watched, as many as can be.")
            self._pool = self._pool or ThreadPoolExecutor(2 * MOST_WATCHED, "watch")
            watcher = self._watchers[session_id] = Watcher(folder, self._pool)
        if watcher.viewers >= MOST_VIEWERS:
            raise TooManyViewers()
        watcher.viewers += 1
        try:
            await watcher.ready()
            yield watcher
        finally:
            watcher.viewers -= 1
            if not watcher.viewers:
                if self._watchers.get(session_id) is watcher:
                    del self._watchers[session_id]
                await watcher.close()

    async def close(self) -> None:
        """Ends all watching."""
        for watcher in list(self._watchers.values()):
            await watcher.close()
        self._watchers.clear()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
