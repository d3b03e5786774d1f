"""What runs of a session's services: an environment that works in the session's working copy.

There is one for each session, made when something is first run, and changed with the services. A service that is
defined, or imported, does not run before somebody says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from app.blueprints.document import Blueprint
from app.core.actor import Actor
from app.database.unit_of_work import UnitOfWork
from app.engines.base import EngineRefused, EngineUnavailable
from app.environments import repository as environments
from app.environments.models import Desired, Environment, Place
from app.environments.service import Environments, Parts
from app.services import repository
from app.services.composing import compose
from app.services.errors import NothingToRun, ServiceNotFound
from app.services.models import SessionService
from app.services.secrets import opened
from app.workspaces.service import WorkspaceParts
from app.workspaces.sessions import Sessions


@dataclass(frozen=True, slots=True)
class RuntimeParts:
    """What the verbs need besides the unit of work."""

    workspaces: WorkspaceParts
    environments: Parts


class Runtimes:
    """What runs of the services of an actor's sessions."""

    def __init__(self, work: UnitOfWork, actor: Actor, parts: RuntimeParts) -> None:
        self.work, self.actor, self.parts = work, actor, parts
        self.environments = Environments(work, actor, parts.environments)
        self.sessions = Sessions(work, actor, parts.workspaces)
        self._runs_images: bool | None = None

    # Reading.

    async def of_sessions(self, session_ids: Sequence[str]) -> list[Environment | None]:
        """The environment of each of these sessions, where something was run in it."""
        found = await self.work.all(environments.OF_SESSIONS, sessions=list(session_ids))
        by_session = {each.session_id: each for each in found}
        return [by_session.get(session_id) for session_id in session_ids]

    async def of(self, session_id: str) -> Environment | None:
        """The environment of one session."""
        [found] = await self.of_sessions([session_id])
        return found

    async def refusal(self, service: SessionService) -> str:
        """Why the engine cannot run a service; empty where it can."""
        if not service.definition.get("image"):
            return ""
        if self._runs_images is None:
            with suppress(EngineUnavailable):  # what is defined can be read all the same
                self._runs_images = (await self.parts.environments.engine.capabilities()).runs_images
        if self._runs_images is not False:
            return ""
        return f"This server's engine runs commands, not images: give {service.name} a `run` instead of its `image`."

    # Changing.

    async def run_all(self, session_id: str) -> list[SessionService]:
        """Runs every service; what runs already runs on, what failed is tried again.

        Raises `NothingToRun`, and `EngineRefused` where the engine can run none of them.
        """
        services = await self._services(session_id)
        refused = await self._refused(services)
        if len(refused) == len(services):
            raise EngineRefused(next(iter(refused.values())), services=list(refused))
        environment = await self.of(session_id)
        scaled = environment.replicas if environment is not None else {}
        kept = {name: number for name, number in scaled.items() if number}
        await self._bring_up(session_id, services, {**kept, **dict.fromkeys(refused, 0)}, ())
        return services

    async def stop_all(self, session_id: str) -> list[SessionService]:
        """Stops every service; volumes and ports are kept."""
        services = await self._services(session_id)
        environment = await self.of(session_id)
        if environment is not None:
            await self.environments.stop(environment.id)
        return services

    async def restart(self, session_id: str, service_id: str) -> SessionService:
        """Starts a service afresh, its build included, whether it runs or not; raises `EngineRefused`."""
        services = await self._services(session_id)
        service = _one(services, service_id)
        if refusal := await self.refusal(service):
            raise EngineRefused(refusal, services=[service.name])
        environment = await self.of(session_id)
        others = {each.name: 0 for each in services if each.id != service_id}
        if environment is not None and environment.desired is Desired.RUNNING:
            others = {name: number for name, number in environment.replicas.items() if name != service.name}
        replicas = {**others, **dict.fromkeys(await self._refused(services), 0)}
        if environment is not None and (number := environment.replicas.get(service.name)):
            replicas[service.name] = number
        await self._bring_up(session_id, services, replicas, (service.name,))
        return service

    async def stop(self, session_id: str, service_id: str) -> SessionService:
        """Stops one service. The others run on, those that depend on it too."""
        services = await self._services(session_id)
        service = _one(services, service_id)
        environment = await self.of(session_id)
        if environment is None or environment.desired is Desired.STOPPED:
            return service
        replicas = {**environment.replicas, service.name: 0}
        if not any(replicas.get(each.name, 1) for each in services):
            await self.environments.stop(environment.id)
        else:
            await self.environments.scale(environment.id, service.name, 0)
        return service

    async def follow(
        self, session_id: str, services: Sequence[SessionService], renamed: Mapping[str, str] | None = None
    ) -> None:
        """After a change of the definitions: what runs is made to agree with these services."""
        environment = await self.of(session_id)
        if environment is None:
            return
        if not services:
            await self.environments.delete(environment.id)
            return
        former = {new: old for old, new in (renamed or {}).items()}
        known, replicas = environment.blueprint["services"], dict(await self._refused_numbers(services))
        for service in services:
            before = former.get(service.name, service.name)
            if before not in known:
                replicas[service.name] = 0
            elif before in environment.replicas:
                replicas.setdefault(service.name, environment.replicas[before])
        source, secrets = _source(compose(services)), self._secrets(services)
        await self.environments.redefine(environment.id, source, secrets=secrets, keep_secrets=False, replicas=replicas)

    # Within.

    async def _services(self, session_id: str) -> list[SessionService]:
        await self.sessions.get(session_id)
        services = await self.work.all(repository.OF_SESSION, session_id=session_id)
        if not services:
            raise NothingToRun()
        return services

    async def _refused(self, services: Iterable[SessionService]) -> dict[str, str]:
        """Name -> why the engine cannot run it."""
        told = {service.name: await self.refusal(service) for service in services}
        return {name: refusal for name, refusal in told.items() if refusal}

    async def _refused_numbers(self, services: Iterable[SessionService]) -> dict[str, int]:
        return dict.fromkeys(await self._refused(services), 0)

    async def _bring_up(
        self, session_id: str, services: Sequence[SessionService], replicas: Mapping[str, int], again: Sequence[str]
    ) -> None:
        source, secrets = _source(compose(services)), self._secrets(services)
        environment = await self.of(session_id)
        if environment is not None:
            await self.environments.redefine(
                environment.id,
                source,
                secrets=secrets,
                keep_secrets=False,
                replicas=replicas,
                again=again,
                resume=True,
            )
            return
        copy = await self.sessions.working_copy(session_id)
        folders = self.parts.workspaces.folders
        place = Place(session_id, folders.in_data(copy.folder), [folders.in_data(copy.repository.folder)])
        self.sessions.hold(copy.session)
        await self.environments.create(source, name=copy.session.name, secrets=secrets, replicas=replicas, place=place)

    def _secrets(self, services: Sequence[SessionService]) -> dict[str, str]:
        return opened(services, self.parts.environments.vault)


def _one(services: Sequence[SessionService], service_id: str) -> SessionService:
    found = next((each for each in services if each.id == service_id), None)
    if found is None:
        raise ServiceNotFound()
    return found


def _source(blueprint: Blueprint) -> dict[str, object]:
    return blueprint.as_source()
