"""The verbs of a session's services: what is defined. What runs of them is in `runtimes.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.blueprints.document import MAX_SERVICES
from app.blueprints.errors import BlueprintInvalid
from app.core.actor import Actor
from app.core.clock import Clock, now
from app.core.errors import Conflict, PreconditionFailed
from app.core.ids import new_id
from app.database.unit_of_work import UnitOfWork
from app.services import databases, repository
from app.services import secrets as secrets_of
from app.services.composing import compose
from app.services.databases import GivenDatabase
from app.services.errors import BadOrder, BadService, NoDatabase, ServiceNameTaken, ServiceNeeded, ServiceNotFound
from app.services.models import DatabaseAccess, SessionService
from app.services.runtimes import RuntimeParts, Runtimes


@dataclass(frozen=True, slots=True)
class NewService:
    """A service that is to be defined."""

    name: str
    definition: Mapping[str, Any]
    database: GivenDatabase | None = None
    #: What `${secrets.…}` in any service of the session stand for.
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    #: Where it was imported from.
    origin: str = ""


class Services:
    """The services of an actor's sessions."""

    def __init__(self, work: UnitOfWork, actor: Actor, parts: RuntimeParts, clock: Clock = now) -> None:
        self.work, self.actor, self.parts, self.clock = work, actor, parts, clock
        self.runtimes = Runtimes(work, actor, parts)

    # Reading.

    async def find(self, service_id: str) -> SessionService | None:
        """One service, or None where none is visible."""
        return await self.work.one(repository.SERVICE, id=service_id)

    async def get(self, session_id: str, service_id: str) -> SessionService:
        """One service of a session; raises `SessionNotFound`, `ServiceNotFound`."""
        await self.runtimes.sessions.get(session_id)
        found = await self.find(service_id)
        if found is None or found.session_id != session_id:
            raise ServiceNotFound()
        return found

    async def all(self, session_id: str) -> list[SessionService]:
        """The services of a session in their order, at most 100; raises `SessionNotFound`."""
        await self.runtimes.sessions.get(session_id)
        return await self.work.all(repository.OF_SESSION, session_id=session_id)

    async def database(self, session_id: str, service_id: str) -> DatabaseAccess:
        """How a service's database is reached, with its password; raises `NoDatabase`."""
        service = await self.get(session_id, service_id)
        if service.database is None:
            raise NoDatabase()
        return databases.access(service, self.parts.environments.vault, await self._own_port(service))

    # Changing.

    async def create(self, session_id: str, new: NewService) -> SessionService:
        """A new service at the end. It does not run before it is told to.

        Raises `ServiceNameTaken`, `BlueprintInvalid` with every problem, `BadService`.
        """
        [made] = await self.create_all(session_id, [new])
        return made

    async def create_all(self, session_id: str, new: Sequence[NewService]) -> list[SessionService]:
        """The same with several, all or none: they may refer to each other."""
        services = await self.all(session_id)
        if len(services) + len(new) > MAX_SERVICES:
            raise BadService(f"A session has at most {MAX_SERVICES} services.")
        names = [*(each.name for each in services), *(each.name for each in new)]
        for name in names:
            if names.count(name) > 1:
                raise ServiceNameTaken(f"The session has a service named {name[:40]!r}. Choose another name.")
        first = services[-1].position + 1 if services else 0
        made = [self._new(session_id, position, each) for position, each in enumerate(new, first)]
        together = _filled([*services, *made])
        for each in together[len(services) :]:
            self.work.write(repository.ADD, otherwise=ServiceNameTaken(), **each.__dict__)
        await self.runtimes.follow(session_id, together)
        return together[len(services) :]

    async def update(
        self,
        session_id: str,
        service_id: str,
        *,
        name: str | None = None,
        definition: Mapping[str, Any] | None = None,
        database: GivenDatabase | None = None,
        no_database: bool = False,
        secrets: Mapping[str, str] | None = None,
        expected_version: int | None = None,
    ) -> SessionService:
        """Changes what is given. What runs of it is started afresh with it."""
        found = await self._at(session_id, service_id, expected_version)
        services = await self.all(session_id)
        changes: dict[str, Any] = {"database": None, "sealed": ""} if no_database else {}
        if database is not None:
            changes["database"], changes["sealed"] = self._database(database, found)
        if secrets is not None:
            changes["secret_names"], changes["secrets"] = self._sealed(secrets)
        if name is not None:
            changes["name"] = name
        if definition is not None:
            changes["definition"] = _definition(definition)
        changed = found.changed(**changes, updated_at=self.clock(), version=found.version + 1)
        if any(each.name == changed.name and each.id != found.id for each in services):
            raise ServiceNameTaken()
        together = _filled([changed if each.id == found.id else each for each in services])
        changed = next(each for each in together if each.id == found.id)
        self._write(found, changed, ServiceNameTaken() if changed.name != found.name else Conflict())
        if secrets is not None or (changed.name, changed.definition) != (found.name, found.definition):
            await self.runtimes.follow(session_id, together, {found.name: changed.name})
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
        await self.runtimes.follow(session_id, left)
        return found

    async def reorder(self, session_id: str, service_ids: Sequence[str]) -> list[SessionService]:
        """The services in this order; raises `BadOrder` unless each is named once."""
        services = {each.id: each for each in await self.all(session_id)}
        if len(service_ids) != len(services) or set(service_ids) != set(services):
            raise BadOrder()
        moment = self.clock()
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

    async def _at(self, session_id: str, service_id: str, expected_version: int | None) -> SessionService:
        found = await self.get(session_id, service_id)
        if expected_version is not None and found.version != expected_version:
            raise PreconditionFailed()
        return found

    async def _own_port(self, service: SessionService) -> int | None:
        ports = service.definition["ports"]
        environment = await self.runtimes.of(service.session_id) if ports else None
        return environment.ports.get(f"{service.name}/{ports[0]['name']}/0") if environment is not None else None

    def _database(self, given: GivenDatabase, before: SessionService | None = None) -> tuple[dict[str, Any], str]:
        return databases.stored(given, self.parts.environments.vault, before)

    def _sealed(self, given: Mapping[str, str]) -> tuple[list[str], str]:
        return secrets_of.sealed(given, self.parts.environments.vault)

    def _new(self, session_id: str, position: int, new: NewService) -> SessionService:
        moment = self.clock()
        block, sealed = self._database(new.database) if new.database is not None else (None, "")
        secret_names, secrets = self._sealed(new.secrets)
        return SessionService(
            id=new_id("svc"),
            organization_id=self.actor.organization_id,
            session_id=session_id,
            position=position,
            name=new.name,
            definition=_definition(new.definition),
            database=block,
            sealed=sealed,
            secret_names=secret_names,
            secrets=secrets,
            origin=new.origin,
            created_by=self.actor.user_id or self.actor.agent_id,
            created_at=moment,
            updated_at=moment,
        )

    def _write(self, before: SessionService, after: SessionService, otherwise: Conflict) -> None:
        self.work.write(repository.CHANGE, expect=1, otherwise=otherwise, seen=before.version, **after.__dict__)


def _filled(services: Sequence[SessionService]) -> list[SessionService]:
    """The same, checked as one Blueprint, with the defaults filled in."""
    found = compose(services).services
    return [each.changed(definition=found[each.name].model_dump(mode="json")) for each in services]


def _definition(given: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise BadService("A service's `definition` is a JSON object, as a service of a Blueprint is.")
    return dict(given)
