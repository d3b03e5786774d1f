"""The verbs of environments. They write what is wanted; the reconciler makes it so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from app.blueprints.document import Blueprint
from app.blueprints.validation import parse
from app.core.actor import Actor
from app.core.clock import Clock, now
from app.core.errors import PreconditionFailed
from app.core.ids import new_id
from app.core.paging import NEWEST, Page
from app.core.streams import End, Gap, Items, Wakeups, follow
from app.core.vault import Vault
from app.database.unit_of_work import UnitOfWork
from app.engines.base import Engine, EngineRefused, Isolation, IsolationUnavailable, LogBatch
from app.environments import repository
from app.environments.announcing import tell_created
from app.environments.attempts import afresh, next_attempts, of_services
from app.environments.errors import (
    BadReplicas,
    EnvironmentChanged,
    EnvironmentDeleted,
    EnvironmentNotFound,
    NotFailed,
    NotStopped,
    OfSession,
    UnknownService,
)
from app.environments.models import (
    Desired,
    Environment,
    EnvironmentEvent,
    EnvironmentStatus,
    EventKind,
    Place,
    UnitRecord,
)
from app.environments.wanted import name_of, rebuilt, redefined, shutdown_of

MOST_REPLICAS = 20
EVENTS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Parts:
    """What the verbs need besides the unit of work."""

    engine: Engine
    vault: Vault
    #: Tells the reconciler that something else is wanted of an environment.
    wake: Callable[[str], None]
    #: Wakes those who follow an environment's events.
    events: Wakeups
    #: The isolation of environments that demand none; None: the strongest that the machine offers.
    isolation: Isolation | None = None
    clock: Clock = now


class Environments:
    """An actor's environments."""

    def __init__(self, work: UnitOfWork, actor: Actor, parts: Parts) -> None:
        self.work, self.actor, self.parts = work, actor, parts

    # Reading.

    async def find(self, environment_id: str) -> Environment | None:
        """One environment, or None where none is visible."""
        return await self.work.one(repository.BY_ID, id=environment_id)

    async def get(self, environment_id: str) -> Environment:
        """One environment; raises `EnvironmentNotFound`."""
        found = await self.find(environment_id)
        if found is None:
            raise EnvironmentNotFound()
        return found

    async def page(self, limit: int, before: str | None, status: EnvironmentStatus | None = None) -> Page[Environment]:
        """Environments from the newest on, historical ones included."""
        before = before or NEWEST
        if status is None:
            found = await self.work.all(repository.PAGE_BEFORE, before=before, limit=limit + 1)
        else:
            found = await self.work.all(repository.PAGE_OF_STATUS_BEFORE, before=before, status=status, limit=limit + 1)
        return Page(found[:limit], len(found) > limit)

    async def units(self, environment_ids: Sequence[str]) -> list[list[UnitRecord]]:
        """The units of each of these environments, with one statement."""
        found: dict[str, list[UnitRecord]] = {environment_id: [] for environment_id in environment_ids}
        for unit in await self.work.all(repository.UNITS_OF, environments=list(found)):
            found[unit.environment_id].append(unit)
        return [found[environment_id] for environment_id in environment_ids]

    async def counts(self) -> dict[EnvironmentStatus, int]:
        """How many of the organization's environments are in each status."""
        found = {row["status"]: row["count"] for row in await self.work.all(repository.COUNTS)}
        return {status: found[status] for status in EnvironmentStatus if status in found}

    async def progress(
        self, environment_id: str, after: int
    ) -> AsyncIterator[tuple[int, EnvironmentEvent] | Gap | End]:
        """The events behind a position, then those to come, until the environment is terminated."""

        async def load(position: int) -> Items[EnvironmentEvent]:
            events = await self.work.all(
                repository.EVENTS_AFTER, environment_id=environment_id, after=position, limit=EVENTS_AT_ONCE
            )
            last = events[-1] if events else None
            ended = last is not None and last.status is EnvironmentStatus.TERMINATED
            if last is None:
                ended = (await self.get(environment_id)).status is EnvironmentStatus.TERMINATED
            return Items([(event.position, event) for event in events], End("terminated") if ended else None)

        await self.get(environment_id)
        async for item in follow(load, self.parts.events, environment_id, after):
            yield item

    async def logs(
        self, environment_id: str, service: str, after: Mapping[str, int] | None
    ) -> AsyncIterator[LogBatch | End]:
        """Output behind the given offsets, then what is written, until the environment is terminated."""
        environment = await self.get(environment_id)
        self._check_service(environment, service)
        if environment.status is not EnvironmentStatus.TERMINATED:
            async for batch in self.parts.engine.logs(environment_id, service, after, follow=True):
                yield batch
        yield End("terminated")

    async def recent_logs(
        self, environment_id: str, service: str, lines: int, since: datetime | None
    ) -> list[LogBatch]:
        """The last lines of one service or of all, in the order of their times."""
        environment = await self.get(environment_id)
        self._check_service(environment, service)
        if environment.status is EnvironmentStatus.TERMINATED:
            return []
        return await self.parts.engine.tail(environment_id, service, lines=lines, since=since)

    # Changing.

    async def create(
        self,
        source: str | Mapping[str, Any],
        *,
        name: str | None = None,
        auto_shutdown: int | None = None,
        secrets: Mapping[str, str] | None = None,
        isolation: Isolation | None = None,
        replicas: Mapping[str, int] | None = None,
        place: Place | None = None,
    ) -> Environment:
        """A new environment; raises `BlueprintInvalid`, `IsolationUnavailable` or `EngineRefused`."""
        secrets = secrets or {}
        blueprint = parse(source if isinstance(source, str) else dict(source), secrets=secrets)
        level = await self._isolation(blueprint, replicas or {}, isolation)
        moment = self.parts.clock()
        environment = Environment(
            id=new_id("env"),
            organization_id=self.actor.organization_id,
            name=name_of(name if name is not None else blueprint.name or "environment"),
            created_by=self.actor.user_id or self.actor.agent_id,
            blueprint=blueprint.model_dump(mode="json"),
            source=source if isinstance(source, str) else "",
            secrets=self.parts.vault.seal(secrets),
            engine="process",
            isolation=level,
            **(asdict(place) if place is not None else {}),
            desired=Desired.RUNNING,
            replicas=dict(replicas or {}),
            auto_shutdown=shutdown_of(auto_shutdown if auto_shutdown is not None else blueprint.auto_shutdown),
            status=EnvironmentStatus.PENDING,
            next_at=moment,
            created_at=moment,
            updated_at=moment,
        )
        # One of a session is there once: two who begin it at the same time are told apart by that.
        self.work.write(repository.ADD, otherwise=EnvironmentChanged(), **environment.__dict__)
        self._tell(environment, "Creation requested")
        tell_created(self.work, environment)
        return environment

    async def update(
        self,
        environment_id: str,
        *,
        name: str | None = None,
        auto_shutdown: int | None = None,
        never_shut_down: bool = False,
        expected_version: int | None = None,
    ) -> Environment:
        """Changes the name or the automatic shutdown, counted from when the environment was ready."""
        environment = await self._open(environment_id, expected_version)
        seconds = None if never_shut_down else environment.auto_shutdown
        if auto_shutdown is not None:
            seconds = shutdown_of(auto_shutdown)
        begin = environment.ready_at if environment.desired is Desired.RUNNING else None
        changes = {
            "name": environment.name if name is None else name_of(name),
            "auto_shutdown": seconds,
            "shutdown_at": begin + timedelta(seconds=seconds) if begin and seconds else None,
        }
        return self._change(environment, repository.CHANGE_SETTINGS, "Settings changed", **changes)

    async def scale(
        self, environment_id: str, service: str, replicas: int, *, expected_version: int | None = None
    ) -> Environment:
        """Sets how many replicas of a service run; 0 to 20."""
        environment = await self._open(environment_id, expected_version)
        if not service:
            raise UnknownService("Say which service is to be scaled.")
        self._check_service(environment, service)
        if not 0 <= replicas <= MOST_REPLICAS:
            raise BadReplicas(f"The number of replicas is {replicas}; it has to be from 0 to {MOST_REPLICAS}.")
        wanted = {**environment.replicas, service: replicas}
        return self._change(environment, repository.SCALE, f"Scale {service} to {replicas}", replicas=wanted)

    async def change_blueprint(
        self,
        environment_id: str,
        source: str | Mapping[str, Any],
        *,
        secrets: Mapping[str, str] | None = None,
        expected_version: int | None = None,
    ) -> Environment:
        """Another Blueprint in the place of the present one. `secrets` join those that are stored.

        Raises `BlueprintInvalid`, `EngineRefused`, and `OfSession` where a session's services make the Blueprint.
        """
        if (await self.get(environment_id)).session_id is not None:
            raise OfSession()
        return await self.redefine(environment_id, source, secrets=secrets, expected_version=expected_version)

    async def redefine(
        self,
        environment_id: str,
        source: str | Mapping[str, Any],
        *,
        secrets: Mapping[str, str] | None = None,
        keep_secrets: bool = True,
        replicas: Mapping[str, int] | None = None,
        again: Collection[str] = (),
        resume: bool = False,
        expected_version: int | None = None,
    ) -> Environment:
        """The same for any environment; it can start services `again`, and bring up what is stopped.

        What is the same as before runs on, what differs starts afresh, what failed is tried again, what is gone ends.
        """
        environment = await self._open(environment_id, expected_version)
        known = {**(self.parts.vault.open(environment.secrets) if keep_secrets else {}), **(secrets or {})}
        blueprint = parse(source if isinstance(source, str) else dict(source), secrets=known)
        scaled = environment.replicas if replicas is None else replicas
        scaled = {name: number for name, number in scaled.items() if name in blueprint.services}
        await self._isolation(blueprint, scaled, environment.isolation)
        [units] = await self.units([environment_id])
        restarted = {*again, *rebuilt(environment, blueprint)}
        attempts = afresh(next_attempts(environment.attempts, units), units, restarted)
        desired, status = redefined(environment, resume=resume)
        return self._change(
            environment,
            repository.REDEFINE,
            "Definition changed",
            blueprint=blueprint.model_dump(mode="json"),
            source=source if isinstance(source, str) else "",
            secrets=self.parts.vault.seal(known),
            replicas=scaled,
            attempts=of_services(attempts, blueprint.services),
            desired=desired,
            status=status,
        )

    async def stop(self, environment_id: str, *, expected_version: int | None = None) -> Environment:
        """Stops everything; folders, volumes and ports are kept. Stopping twice is the same as once."""
        environment = await self._open(environment_id, expected_version)
        if environment.desired is Desired.STOPPED:
            return environment
        return self._request(environment, Desired.STOPPED, EnvironmentStatus.STOPPING, "Stop requested")

    async def resume(self, environment_id: str, *, expected_version: int | None = None) -> Environment:
        """Brings a stopped environment up again where it left off."""
        environment = await self._open(environment_id, expected_version)
        if environment.desired is Desired.RUNNING:
            if environment.status is EnvironmentStatus.RESUMING:
                return environment
            raise NotStopped(f"Only a stopped environment can be resumed; this one is {environment.status}.")
        return self._request(environment, Desired.RUNNING, EnvironmentStatus.RESUMING, "Resume requested")

    async def retry(self, environment_id: str, *, expected_version: int | None = None) -> Environment:
        """Starts the failed units afresh, at once; what runs is left alone."""
        environment = await self._open(environment_id, expected_version)
        if environment.status not in (EnvironmentStatus.FAILED, EnvironmentStatus.DEGRADED):
            raise NotFailed(
                f"Only an environment that failed or is degraded can be retried; it is {environment.status}."
            )
        [units] = await self.units([environment_id])
        attempts = next_attempts(environment.attempts, units)
        return self._request(
            environment, Desired.RUNNING, EnvironmentStatus.PROVISIONING, "Retry requested", attempts=attempts
        )

    async def delete(self, environment_id: str, *, expected_version: int | None = None) -> Environment:
        """Ends everything of the environment, its data included. Legal in every state; twice is the same as once."""
        environment = await self.get(environment_id)
        if environment.desired is Desired.DELETED:
            return environment
        self._expect(environment, expected_version)
        return self._request(environment, Desired.DELETED, EnvironmentStatus.DELETING, "Deletion requested")

    # Within.

    async def _isolation(
        self, blueprint: Blueprint, replicas: Mapping[str, int], demanded: Isolation | None
    ) -> Isolation:
        offers = await self.parts.engine.capabilities()
        if not offers.runs_images:
            images = sorted(name for name, each in blueprint.services.items() if each.image and replicas.get(name, 1))
            if images:
                raise EngineRefused(
                    f"The {offers.name} engine runs commands, not images: give {', '.join(images)} a `run`.",
                    services=images,
                )
        wanted = demanded or self.parts.isolation or offers.isolation[0]
        if wanted not in offers.isolation:
            raise IsolationUnavailable(
                f"This machine does not offer the isolation level {wanted}; it offers {', '.join(offers.isolation)}.",
                offered=[str(level) for level in offers.isolation],
            )
        return wanted

    async def _open(self, environment_id: str, expected_version: int | None) -> Environment:
        environment = await self.get(environment_id)
        if environment.desired is Desired.DELETED:
            raise EnvironmentDeleted()
        self._expect(environment, expected_version)
        return environment

    def _expect(self, environment: Environment, version: int | None) -> None:
        if version is None:
            return
        if environment.version != version:
            raise PreconditionFailed()
        self.work.write(
            repository.AT_VERSION, id=environment.id, expected=version, expect=1, otherwise=PreconditionFailed()
        )

    def _check_service(self, environment: Environment, service: str) -> None:
        known = environment.blueprint["services"]
        if service and service not in known:
            raise UnknownService(f"There is no service {service!r}; there are {', '.join(sorted(known))}.")

    def _request(
        self,
        environment: Environment,
        desired: Desired,
        status: EnvironmentStatus,
        message: str,
        attempts: dict[str, int] | None = None,
    ) -> Environment:
        attempts = environment.attempts if attempts is None else attempts
        return self._change(environment, repository.REQUEST, message, desired=desired, status=status, attempts=attempts)

    def _change(self, environment: Environment, statement: Any, message: str, **values: Any) -> Environment:
        moment = self.parts.clock()
        self.work.write(
            statement,
            id=environment.id,
            generation=environment.generation,
            now=moment,
            expect=1,
            otherwise=EnvironmentChanged(),
            **values,
        )
        changed = environment.changed(
            generation=environment.generation + 1, version=environment.version + 1, updated_at=moment, **values
        )
        self._tell(changed, message)
        return changed

    def _tell(self, environment: Environment, message: str) -> None:
        self.work.write(
            repository.ADD_EVENT,
            environment_id=environment.id,
            kind=EventKind.REQUESTED,
            status=environment.status,
            service="",
            message=message,
            ready=0,
            total=0,
            at=environment.updated_at,
        )
        self.work.after_commit(lambda: self.parts.wake(environment.id))
        self.work.after_commit(lambda: self.parts.events.notify(environment.id))
