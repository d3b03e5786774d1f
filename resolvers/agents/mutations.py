"""Enrolling, changing, suspending and retiring agents."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import strawberry
from strawberry.scalars import JSON
from strawberry.types import Info

from app.agents.service import unlimited
from app.core.actor import Kind, Scope
from app.core.errors import Forbidden
from resolvers.access import Access, mutation
from resolvers.agents.types import Agent, AgentSettings, EnrolledAgent, agent, enrolled
from resolvers.context import Context
from resolvers.node import Id, IfVersion
from resolvers.scalars import Duration, as_given

WRITE = Access(scope=Scope.AGENTS, kind=Kind.WRITE)
ADMIN = Access(scope=Scope.AGENTS, kind=Kind.ADMIN)
OVERLAP = timedelta(hours=1)


@strawberry.input(description="An agent to enrol.")
class EnrollAgentInput:
    name: str = strawberry.field(description="1 to 100 characters, unique in the organization.")
    description: str | None = strawberry.field(default=None, description="What it is for.")
    org_id: strawberry.ID | None = strawberry.field(
        default=None, description="Your organization's id; refused where it is another's. May be left out."
    )
    metadata: JSON | None = strawberry.field(default=None, description="A JSON object of at most 16 KiB.")
    scopes: list[str] | None = strawberry.field(
        default=None, description="What its credential is limited to; all that agents may do by default."
    )


@strawberry.input(description="What of an agent can change. What is left out stays as it is.")
class UpdateAgentInput:
    name: str | None = strawberry.field(default=None, description="1 to 100 characters, unique in the organization.")
    description: str | None = strawberry.field(default=None, description="What it is for.")
    metadata: JSON | None = strawberry.field(default=None, description="Takes the place of all metadata.")
    scopes: list[str] | None = strawberry.field(default=None, description="What its credential is limited to.")


Overlap = Annotated[
    Duration | None,
    strawberry.argument(
        description="How long the present credential stays valid beside the new one: 1 hour by default, at most 7 "
        "days; 0 ends it at once."
    ),
]


@strawberry.type
class AgentMutations:
    @mutation(
        "Enrols an agent. The credential is shown once.",
        ADMIN,
        audited="agent.enroll",
    )
    async def enroll_agent(
        self,
        info: Info[Context, None],
        input: Annotated[EnrollAgentInput, strawberry.argument(description="The agent to enrol.")],
    ) -> EnrolledAgent:
        if input.org_id not in (None, info.context.require_actor().organization_id):
            raise Forbidden("The credential does not belong to the organization in `org_id`.")
        record, credential = info.context.agents.enrol(
            input.name,
            description=input.description or "",
            metadata=as_given(input.metadata),
            scopes=unlimited(input.scopes),
        )
        return enrolled(agent(record), credential)

    @mutation("Changes an agent.", ADMIN, audited="agent.update")
    async def update_agent(
        self,
        info: Info[Context, None],
        id: Id,
        input: Annotated[UpdateAgentInput, strawberry.argument(description="What to change.")],
        if_version: IfVersion = None,
    ) -> Agent:
        found = await info.context.agents.update(
            id,
            name=input.name,
            description=input.description,
            metadata=as_given(input.metadata),
            scopes=input.scopes,
            expected_version=if_version,
        )
        return agent(found)

    @mutation(
        "Stops an agent from acting, at once; streams end within a second or with their next item.",
        WRITE,
        audited="agent.suspend",
    )
    async def suspend_agent(self, info: Info[Context, None], id: Id) -> Agent:
        return agent(await info.context.agents.suspend(id))

    @mutation("Lets a suspended agent act again.", ADMIN, audited="agent.resume")
    async def resume_agent(self, info: Info[Context, None], id: Id) -> Agent:
        return agent(await info.context.agents.resume(id))

    @mutation(
        "Gives an agent a new credential. The present one stays valid for the overlap.",
        ADMIN,
        audited="agent.rotate",
    )
    async def rotate_agent_credential(
        self, info: Info[Context, None], id: Id, overlap: Overlap = None
    ) -> EnrolledAgent:
        chosen = OVERLAP if overlap is None else timedelta(seconds=overlap)
        record, credential = await info.context.agents.rotate(id, chosen)
        return enrolled(agent(record), credential)

    @mutation("Ends an agent for good. Its record and its name stay.", ADMIN, audited="agent.retire")
    async def retire_agent(self, info: Info[Context, None], id: Id) -> Agent:
        return agent(await info.context.agents.retire(id))

    @mutation("The kill switch: lets all agents of the organization act, or none.", ADMIN, audited="agents.set_enabled")
    async def set_agents_enabled(
        self,
        info: Info[Context, None],
        enabled: Annotated[bool, strawberry.argument(description="Whether agents may act.")],
    ) -> AgentSettings:
        context = info.context
        context.agents.set_enabled(enabled)
        return AgentSettings(id=strawberry.ID(context.require_actor().organization_id), enabled=enabled)
