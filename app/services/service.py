"""The verbs of a session's services: what is defined. What runs of them is in `runtimes.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.blueprints.document import MAX_SERVICES
from app.blueprints.errors import BlueprintInvalid
from app.core.actor import Actor
from app.core.clock import Clock, now
from app.core.errors import Conflict, PreconditionFailed
from app.core.ids import new_id
from app.database.unit_of_work import UnitOfWork
from app.environments.service import Parts
from app.services import databases, repository
from app.services.composing import compose
from app.services.databases import GivenDatabase
from app.services.errors import BadOrder, BadService, NoDatabase, ServiceNameTaken, ServiceNeeded, ServiceNotFound
from app.services.models import DatabaseAccess, SessionService
from app.workspaces.service import WorkspaceParts
from app.workspaces.sessions import Sessions


@dataclass(frozen=True, slots=True)
class ServiceParts:
    """What the verbs need besides the unit of work."""

    workspaces: WorkspaceParts
    environments: Parts
    clock: Clock = now


class Services:
    """The services of an actor's sessions."""

    def __init__(self, work: UnitOfWork, actor: Actor, parts: ServiceParts) -> None:
        self.work, self.actor, self.parts = work, actor, parts

    # Reading.

    async def find(self, service_id: str) -> SessionService | None:
        """One service, or None where none is visible."""
        return await self.work.one(repository.SERVICE, id=service_id)

    async def get(self, session_id: str, service_id: str) -> SessionService:
        """One service of a session; raises `SessionNotFound`, `ServiceNotFound`."""
        await self._sessions.get(session_id)
        found = await self.find(service_id)
        if found is None or found.session_id != session_id:
            raise ServiceNotFound()
        return found

    async def all(self, session_id: str) -> list[SessionService]:
        """The services of a session in their order, at most 100; raises `SessionNotFound`."""
        await self._sessions.get(session_id)
        return await self.work.all(repository.OF_SESSION, session_id=session_id)

    async def database(self, session_id: str, service_id: str) -> DatabaseAccess:
        """How a service's database is reached, with its password; raises `NoDatabase`."""
        service = await self.get(session_id, service_id)
        if service.database is None:
            raise NoDatabase()
        return databases.access(service, self.parts.environments.vault, None)

    # Changing.

    async def create(
        self,
        session_id: str,
        name: str,
        definition: Mapping[str, Any],
        *,
        database: GivenDatabase | None = None,
        origin: str = "",
    ) -> SessionService:
        """A new service at the end. It does not run before it is told to.

        Raises `ServiceNameTaken`, `BlueprintInvalid` with every problem, `BadService`.
        """
        services = await self.all(session_id)
        if len(services) >= MAX_SERVICES:
            raise BadService(f"A session has at most {MAX_SERVICES} services.")
        if any(each.name == name for each in services):
            raise ServiceNameTaken()
        moment = self.parts.clock()
        block, sealed = self._database(database) if database is not None else (None, "")
        made = SessionService(
            id=new_id("svc"),
            organization_id=self.actor.organization_id,
            session_id=session_id,
            position=services[-1].position + 1 if services else 0,
            name=name,
            definition=_definition(definition),
            database=block,
            sealed=sealed,
            origin=origin,
            created_by=self.actor.user_id or self.actor.agent_id,
            created_at=moment,
            updated_at=moment,
        )
        made = self._checked([*services, made], made)
        self.work.write(repository.ADD, otherwise=ServiceNameTaken(), **made.__dict__)
        return made

    async def update(
        self,
        session_id: str,
        service_id: str,
        *,
        name: str | None = None,
        definition: Mapping[str, Any] | None = None,
        database: GivenDatabase | None = None,
        no_database: bool = False,
        expected_version: int | None = None,
    ) -> SessionService:
        """Changes what is given. What runs of it is started afresh with it."""
        found = await self._at(session_id, service_id, expected_version)
        services = await self.all(session_id)
        changes: dict[str, Any] = {"database": None, "sealed": ""} if no_database else {}
        if database is not None:
            changes["database"], changes["sealed"] = self._database(database, found)
        if name is not None:
            changes["name"] = name
        if definition is not None:
            changes["definition"] = _definition(definition)
        changed = found.changed(**changes, updated_at=self.parts.clock(), version=found.version + 1)
        if any(each.name == changed.name and each.id != found.id for each in services):
            raise ServiceNameTaken()
        changed = self._checked([changed if each.id == found.id else each for each in services], changed)
        self._write(found, changed, ServiceNameTaken() if changed.name != found.name else Conflict())
        return changed

    async def delete(self, session_id: str, service_id: str, *, expected_version: int | None = None) -> SessionService:
        """Removes a service, and ends what runs of it; raises `ServiceNeeded`."""
        found = await self._at(session_id, service_id, expected_version)
        left = [each for each in await self.all(session_id) if each.id != found.id]
        try:
            if left:
                compose(left)
        except BlueprintInvalid as error:
            raise ServiceNeeded(f"The service {found.name!r} is needed. {error.message}") from error
        self.work.write(repository.REMOVE, expect=1, otherwise=Conflict(), id=found.id, seen=found.version)
        return found

    async def reorder(self, session_id: str, service_ids: Sequence[str]) -> list[SessionService]:
        """The services in this order; raises `BadOrder` unless each is named once."""
        services = {each.id: each for each in await self.all(session_id)}
        if len(service_ids) != len(services) or set(service_ids) != set(services):
            raise BadOrder()
        moment = self.parts.clock()
        ordered = []
        for position, service_id in enumerate(service_ids):
            found = services[service_id]
            if found.position != position:
                moved = found.changed(position=position, updated_at=moment, version=found.version + 1)
                self._write(found, moved, Conflict())
                found = moved
            ordered.append(found)
        return ordered

    # Within.

    @property
    def _sessions(self) -> Sessions:
        return Sessions(self.work, self.actor, self.parts.workspaces)

    async def _at(self, session_id: str, service_id: str, expected_version: int | None) -> SessionService:
        found = await self.get(session_id, service_id)
        if expected_version is not None and found.version != expected_version:
            raise PreconditionFailed()
        return found

    def _database(self, given: GivenDatabase, before: SessionService | None = None) -> tuple[dict[str, Any], str]:
        return databases.stored(given, self.parts.environments.vault, before)

    def _checked(self, services: Sequence[SessionService], one: SessionService) -> SessionService:
        """One of these services, its defaults filled in."""
        found = compose(services).services[one.name]
        return one.changed(definition=found.model_dump(mode="json"))

    def _write(self, before: SessionService, after: SessionService, otherwise: Conflict) -> None:
        self.work.write(repository.CHANGE, expect=1, otherwise=otherwise, seen=before.version, **after.__dict__)


def _definition(given: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise BadService("A service's `definition` is a JSON object, as a service of a Blueprint is.")
    return dict(given)
