"""Enrolling agents, their credentials, and who an agent is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import orjson

from app.agents import repository
from app.agents.errors import AgentNameTaken, AgentRetired, AgentsDisabled, AgentStateConflict, AgentSuspended
from app.agents.models import Agent, AgentStatus, Presented
from app.core.actor import AGENT_PERMISSIONS, ALL_SCOPES, Actor, CredentialKind, Role
from app.core.clock import Clock, now
from app.core.errors import Conflict, InvalidRequest, NotFound, PreconditionFailed, Unauthorized
from app.core.ids import new_id
from app.core.paging import NEWEST, Page
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.identity import keys
from app.identity.service import LAST_USED_EVERY, check_scopes
from app.outbox.service import announce

LARGEST_METADATA = 16 * 1024
LONGEST_NAME, LONGEST_DESCRIPTION = 100, 2_000
#: How long both credentials are valid at a rotation, at most.
LONGEST_OVERLAP = timedelta(days=7)


def check_active(found: Presented) -> None:
    """Raises `AgentRetired`, `AgentSuspended` or `AgentsDisabled`, each with what to do."""
    if found.status is AgentStatus.RETIRED:
        raise AgentRetired()
    if found.status is AgentStatus.SUSPENDED:
        raise AgentSuspended()
    if not found.agents_enabled:
        raise AgentsDisabled()


async def authenticate_agent(database: Database, credential: str, *, clock: Clock = now) -> Actor:
    """The agent behind a credential; raises `Unauthorized`, and what `check_active` raises."""
    if not keys.well_formed(credential, keys.AGENT_PREFIX):
        raise Unauthorized("This is not a valid agent credential. One begins with `cred_`.")
    work, hashed, moment = UnitOfWork(database, None), keys.fingerprint(credential), clock()
    found = await work.one(repository.BY_HASH, hash=hashed)
    if found is None:
        raise Unauthorized("This agent credential is not known, or was rotated.")
    if found.hash != hashed and (found.previous_expires_at is None or found.previous_expires_at <= moment):
        raise Unauthorized("This agent credential was rotated, and its overlap is over. Use the new one.")
    check_active(found)
    if found.last_active_at is None or moment - found.last_active_at > LAST_USED_EVERY:
        work.write(repository.ACTIVE, id=found.id, organization_id=found.organization_id, moment=moment)
        await work.commit()
    return Actor(
        organization_id=found.organization_id,
        user_id="",
        role=Role.MEMBER,
        scopes=frozenset(found.scopes),
        credential_id=found.id,
        plan=found.plan,
        requests_per_minute=found.requests_per_minute,
        kind=CredentialKind.AGENT,
        agent_id=found.id,
        permissions=AGENT_PERMISSIONS,
    )


class Agents:
    """What an actor sees and does with its organization's agents."""

    def __init__(self, work: UnitOfWork, actor: Actor, clock: Clock = now) -> None:
        self.work, self.actor, self.clock = work, actor, clock

    async def find(self, agent_id: str) -> Agent | None:
        """One agent, retired ones included."""
        return await self.work.one(repository.AGENT, id=agent_id)

    async def get(self, agent_id: str) -> Agent:
        """The same; raises `NotFound`."""
        found = await self.find(agent_id)
        if found is None:
            raise NotFound()
        return found

    async def page(self, limit: int, before: str | None) -> Page[Agent]:
        """Agents from the newest on, retired ones included."""
        found = await self.work.all(repository.PAGE_BEFORE, before=before or NEWEST, limit=limit + 1)
        return Page(found[:limit], len(found) > limit)

    def enrol(
        self, name: str, *, description: str = "", metadata: Mapping[str, Any] | None = None, scopes: list[str]
    ) -> tuple[Agent, str]:
        """A new agent: its record, and the credential, which is not kept."""
        check_scopes(scopes, self.actor)
        credential = keys.new_key(keys.AGENT_PREFIX)
        agent = Agent(
            id=new_id("agt"),
            organization_id=self.actor.organization_id,
            name=_name(name),
            description=_description(description),
            attributes=_metadata(metadata),
            scopes=sorted(scopes),
            status=AgentStatus.ACTIVE,
            hash=keys.fingerprint(credential),
            prefix=keys.shown(credential),
            created_by=self.actor.user_id,
            created_at=self.clock(),
        )
        self.work.write(repository.ADD, otherwise=AgentNameTaken(), **agent.__dict__)
        return agent, credential

    async def update(
        self,
        agent_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        scopes: list[str] | None = None,
        expected_version: int | None = None,
    ) -> Agent:
        """Changes what is given; raises `PreconditionFailed` at another version."""
        found = await self._open(agent_id)
        if expected_version is not None and found.version != expected_version:
            raise PreconditionFailed()
        if scopes is not None:
            check_scopes(scopes, self.actor)
        changes: dict[str, Any] = {
            "name": None if name is None else _name(name),
            "description": None if description is None else _description(description),
            "attributes": None if metadata is None else _metadata(metadata),
            "scopes": None if scopes is None else sorted(scopes),
        }
        return self._change(found, **{key: value for key, value in changes.items() if value is not None})

    async def suspend(self, agent_id: str) -> Agent:
        """Stops an agent from acting, at once. Suspending twice is the same as once."""
        return await self._become(agent_id, AgentStatus.SUSPENDED)

    async def resume(self, agent_id: str) -> Agent:
        """Lets a suspended agent act again."""
        return await self._become(agent_id, AgentStatus.ACTIVE)

    async def retire(self, agent_id: str) -> Agent:
        """Ends an agent for good; its name stays taken and its record stays readable."""
        found = await self.get(agent_id)
        if found.status is AgentStatus.RETIRED:
            return found
        return self._change(found, status=AgentStatus.RETIRED, previous_hash=None, previous_expires_at=None)

    async def rotate(self, agent_id: str, overlap: timedelta) -> tuple[Agent, str]:
        """A new credential. The present one stays valid for `overlap`; the one before it ends now."""
        if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
            raise InvalidRequest(f"The overlap is from 0 s to {LONGEST_OVERLAP.days} days.")
        found, credential = await self._open(agent_id), keys.new_key(keys.AGENT_PREFIX)
        kept = {"previous_hash": found.hash, "previous_expires_at": self.clock() + overlap} if overlap else {}
        changes = {"previous_hash": None, "previous_expires_at": None, **kept}
        hashed, shown = keys.fingerprint(credential), keys.shown(credential)
        return self._change(found, hash=hashed, prefix=shown, **changes), credential

    def set_enabled(self, enabled: bool) -> None:
        """The kill switch of the organization: off, every agent is refused."""
        self.work.write(repository.SWITCH, agents_enabled=enabled)

    async def _become(self, agent_id: str, status: AgentStatus) -> Agent:
        found = await self._open(agent_id)
        if found.status is status:
            return found
        if status is AgentStatus.SUSPENDED:
            announce(self.work, "agent.suspended", {"id": found.id, "name": found.name})
        return self._change(found, status=status)

    async def _open(self, agent_id: str) -> Agent:
        found = await self.get(agent_id)
        if found.status is AgentStatus.RETIRED:
            raise AgentStateConflict("The agent was retired, for good. Enrol a new one.")
        return found

    def _change(self, found: Agent, **changes: Any) -> Agent:
        changed = found.changed(**changes, version=found.version + 1)
        # Two things can go wrong: somebody else was faster, or the new name is taken.
        wrong = AgentNameTaken() if changed.name != found.name else Conflict()
        self.work.write(repository.CHANGE, expect=1, otherwise=wrong, seen=found.version, **changed.__dict__)
        return changed


def unlimited(scopes: list[str] | None) -> list[str]:
    """The scopes that were asked for; everything that an agent may do where none were."""
    return [ALL_SCOPES] if scopes is None else scopes


def _name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME:
        raise InvalidRequest(f"A name has 1 to {LONGEST_NAME} characters.")
    return name


def _description(text: str) -> str:
    if len(text) > LONGEST_DESCRIPTION:
        raise InvalidRequest(f"A description has at most {LONGEST_DESCRIPTION:,} characters.")
    return text


def _metadata(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    if metadata is not None and not isinstance(metadata, Mapping):
        raise InvalidRequest("The metadata has to be a JSON object.")
    made = dict(metadata or {})
    if len(orjson.dumps(made)) > LARGEST_METADATA:
        raise InvalidRequest(f"The metadata is larger than {LARGEST_METADATA // 1024} KiB.")
    return made
