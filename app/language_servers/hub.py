"""All language servers of this program: one for each session and kind, started when wanted, stopped when idle."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import SoundstageError
from app.engines.base import Isolation
from app.language_servers.catalogue import Known
from app.language_servers.errors import SessionGone, TooManyLanguageServers
from app.language_servers.process import ServerProcess
from app.language_servers.roots import Root
from app.language_servers.shared import SharedServer
from app.language_servers.watching import ChangeKind, Watcher, Watchers
from app.runner.isolation import Isolator
from app.runner.spawn import inherited
from app.workspaces.models import Session

#: Seconds between two looks for idle servers, and deleted sessions.
LOOK_SECONDS = 5.0
#: As the protocol numbers them.
_KINDS = {ChangeKind.CREATED: 1, ChangeKind.CHANGED: 2, ChangeKind.DELETED: 3}


@dataclass(frozen=True, slots=True)
class Place:
    """Whose server it is, and where it works."""

    session: Session
    folder: Path
    isolation: Isolation


@dataclass
class _Entry:
    server: SharedServer
    place: Place
    temporary: Path
    watch: asyncio.Task[None]


class Hub:
    """Their owner."""

    def __init__(self, data: Path, watchers: Watchers, most: int, idle_seconds: float) -> None:
        self._data, self._watchers, self._most, self._idle = data, watchers, most, idle_seconds
        self._entries: dict[tuple[str, str], _Entry] = {}
        #: Servers that are being stopped: nobody waits for them.
        self._ending: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.Task[None] | None = None
        self._isolator = Isolator(data, _never)

    def find(self, session_id: str, name: str) -> SharedServer | None:
        """One that was started."""
        entry = self._entries.get((session_id, name))
        return entry.server if entry else None

    def server(self, place: Place, known: Known) -> SharedServer:
        """The session's server, started if there is none, or it has failed; raises `TooManyLanguageServers`."""
        key = (place.session.id, known.name)
        entry = self._entries.get(key)
        if entry is not None and entry.server.failed is None:
            return entry.server
        if entry is not None:
            self._stop(key)
        self._make_room(place.session.organization_id)
        self._entries[key] = entry = self._entry(place, known)
        if self._sweeper is None:
            self._sweeper = asyncio.create_task(self._sweep())
        return entry.server

    def _entry(self, place: Place, known: Known) -> _Entry:
        temporary = Path(tempfile.mkdtemp(prefix="soundstage-language-server-"))

        async def launch() -> ServerProcess:
            command = self._command(place, known.command(), temporary)
            return await ServerProcess.start(command, place.folder, inherited())

        server = SharedServer(known, Root(place.folder.resolve()), launch)
        return _Entry(server, place, temporary, asyncio.create_task(self._tell(server, place)))

    def _command(self, place: Place, program: Sequence[str], temporary: Path) -> list[str]:
        """As a terminal of the session would run it, for the files that it looks at may say what it runs."""
        command = self._isolator.command_in(place.isolation, program, [place.folder], temporary, place.folder)
        if place.isolation is Isolation.NAMESPACE:
            command.insert(1, "--die-with-parent")
        return command

    async def _tell(self, server: SharedServer, place: Place) -> None:
        """Tells a server what changes on the disk: agents and terminals change files, too."""
        with suppress(SoundstageError):
            async with self._watchers.watching(place.session.id, place.folder) as watcher:
                await self._pass_on(server, watcher)

    async def _pass_on(self, server: SharedServer, watcher: Watcher) -> None:
        async for batch in watcher.batches(None):
            if batch.rescan:
                await server.renew()
            else:
                await server.changed([(change.path, _KINDS[change.kind]) for change in batch.changes])

    def _make_room(self, organization_id: str) -> None:
        """An idle server goes for a new one; raises `TooManyLanguageServers` where all are used."""
        mine = [key for key, entry in self._entries.items() if entry.place.session.organization_id == organization_id]
        if len(mine) < self._most:
            return
        idle = [key for key in mine if not self._entries[key].server.viewers]
        if not idle:
            raise TooManyLanguageServers(f"{len(mine)} language servers run, as many as the organization may have.")
        self._stop(min(idle, key=lambda key: self._entries[key].server.idle_since))

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(min(LOOK_SECONDS, max(self._idle / 4, 0.05)))
            for key, entry in list(self._entries.items()):
                if not entry.place.folder.is_dir():
                    self._stop(key, SessionGone())
                elif not entry.server.viewers and time.monotonic() - entry.server.idle_since > self._idle:
                    self._stop(key)

    def _stop(self, key: tuple[str, str], error: SoundstageError | None = None) -> None:
        task = asyncio.create_task(_end(self._entries.pop(key), error))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """Ends them all."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        for key in list(self._entries):
            self._stop(key)
        await asyncio.gather(*self._ending)


async def _end(entry: _Entry, error: SoundstageError | None) -> None:
    entry.watch.cancel()
    await asyncio.gather(entry.watch, return_exceptions=True)
    await entry.server.close(error)
    await asyncio.to_thread(shutil.rmtree, entry.temporary, ignore_errors=True)


async def _never(command: Sequence[str]) -> int | None:
    """The engine knows what the machine offers: nothing is tried here."""
    return None
