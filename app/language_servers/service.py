"""The verbs of language servers: which there are for a session, and taking a seat at one."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from app.core.actor import Actor
from app.database.unit_of_work import UnitOfWork
from app.engines.base import Engine, Isolation
from app.language_servers.catalogue import KNOWN, Known, choose
from app.language_servers.hub import Hub, Place
from app.language_servers.shared import SharedServer
from app.language_servers.tickets import SessionTickets
from app.language_servers.watching import Watchers
from app.workspaces.service import WorkspaceParts
from app.workspaces.sessions import Sessions, WorkingCopy


class ServerStatus(enum.StrEnum):
    """What can be had of a language server."""

    AVAILABLE = "available"
    STARTING = "starting"
    RUNNING = "running"
    FAILED = "failed"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Offered:
    """A language server, as a session can have it."""

    known: Known
    status: ServerStatus
    viewers: int = 0
    restarts: int = 0
    started_at: datetime | None = None
    reason: str = ""


@dataclass
class LanguageServerParts:
    """What the verbs need besides the unit of work."""

    engine: Engine
    workspaces: WorkspaceParts
    #: The data directory, which no server sees but for its session.
    data: Path
    #: The isolation of servers; None: the strongest that the machine offers.
    isolation: Isolation | None = None
    most: int = 10
    idle_seconds: float = 600.0
    tickets: SessionTickets = field(default_factory=SessionTickets)
    watchers: Watchers = field(default_factory=Watchers)
    hub: Hub = field(init=False)

    def __post_init__(self) -> None:
        self.hub = Hub(self.data, self.watchers, self.most, self.idle_seconds)

    async def close(self) -> None:
        """Ends all servers and watchers."""
        await self.hub.close()
        await self.watchers.close()


class LanguageServers:
    """An actor's language servers."""

    def __init__(self, work: UnitOfWork, actor: Actor, parts: LanguageServerParts) -> None:
        self.work, self.actor, self.parts = work, actor, parts

    async def offered(self, session_id: str) -> list[Offered]:
        """All that are known; raises `SessionNotFound`."""
        await self.working_copy(session_id)
        return [_offered(known, self.parts.hub.find(session_id, known.name)) for known in KNOWN]

    async def seat(self, session_id: str, language: str, name: str = "") -> SharedServer:
        """The session's server for a language, which begins to start if it has not.

        Raises `SessionNotFound`, `LanguageUnknown`, `LanguageServerMissing`, `TooManyLanguageServers`.
        """
        copy = await self.working_copy(session_id)
        known = choose(language, name)
        isolation = self.parts.isolation or (await self.parts.engine.capabilities()).isolation[0]
        return self.parts.hub.server(Place(copy.session, copy.folder, isolation), known)

    async def working_copy(self, session_id: str) -> WorkingCopy:
        """Where the session's files are; raises `SessionNotFound`."""
        return await Sessions(self.work, self.actor, self.parts.workspaces).working_copy(session_id)

    async def ticket(self, session_id: str, origin: str, language: str, name: str) -> str:
        """What opens a WebSocket of the session once. Raises what `seat` would, where a language is named."""
        await self.working_copy(session_id)
        if language:
            choose(language, name)
        return self.parts.tickets.issue(session_id, self.actor, origin)


def _offered(known: Known, server: SharedServer | None) -> Offered:
    if server is None:
        return Offered(known, ServerStatus.AVAILABLE if known.find() else ServerStatus.MISSING)
    began = datetime.fromtimestamp(server.started_at, UTC) if server.started_at else None
    status = ServerStatus.RUNNING if server.running else ServerStatus.STARTING
    if server.failed is not None:
        status = ServerStatus.FAILED
    reason = server.failed.message if server.failed else ""
    return Offered(known, status, len(server.viewers), server.restarts, began, reason)
