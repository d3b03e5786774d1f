"""What agents look like in GraphQL."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from app.agents import models
from resolvers.node import Node

AgentStatus = models.AgentStatus
strawberry.enum(AgentStatus, name="AgentStatus", description="Whether an agent may act.")


@strawberry.type(description="A program that acts in the organization by a credential of its own, under its policies.")
class Agent(Node):
    name: str = strawberry.field(description="Unique in the organization, retired agents included.")
    description: str = strawberry.field(description="What it is for.")
    status: AgentStatus = strawberry.field(description="Whether it may act.")
    metadata: JSON = strawberry.field(
        description="What policies ask for as `agent.…`. `environment`, `group`, `team` and `groups` also say which "
        "policies of those scopes concern it."
    )
    scopes: list[str] = strawberry.field(description="What its credential is limited to; `*`: all that agents may do.")
    credential_prefix: str = strawberry.field(description="The credential's first characters, to recognize it by.")
    previous_credential_expires_at: datetime | None = strawberry.field(
        description="Until when the credential before the last rotation is valid; null where there is none."
    )
    created_by: strawberry.ID = strawberry.field(description="The member who enrolled it.")
    created_at: datetime = strawberry.field(description="When it was enrolled.")
    last_active_at: datetime | None = strawberry.field(description="When it last asked for anything, to the minute.")
    version: int = strawberry.field(description="Counts the changes; the ETag of REST.")


@strawberry.type(description="An agent with a new credential.")
class EnrolledAgent:
    id: strawberry.ID = strawberry.field(description="The agent's id.")
    name: str = strawberry.field(description="The agent's name.")
    status: AgentStatus = strawberry.field(description="Whether it may act.")
    created_at: datetime = strawberry.field(description="When it was enrolled.")
    credential: str = strawberry.field(description="The credential: keep it now, it is not shown again.")
    agent: Agent = strawberry.field(description="The agent.")


@strawberry.type(description="What holds for all agents of the organization.")
class AgentSettings:
    id: strawberry.ID = strawberry.field(description="The organization's id.")
    enabled: bool = strawberry.field(description="The kill switch: false, and every agent is refused.")


def agent(record: models.Agent) -> Agent:
    """The record as GraphQL shows it; neither credential nor hash."""
    return Agent(
        id=strawberry.ID(record.id),
        name=record.name,
        description=record.description,
        status=record.status,
        metadata=record.attributes,  # type: ignore[arg-type]
        scopes=record.scopes,
        credential_prefix=record.prefix,
        previous_credential_expires_at=record.previous_expires_at,
        created_by=strawberry.ID(record.created_by),
        created_at=record.created_at,
        last_active_at=record.last_active_at,
        version=record.version,
    )


def enrolled(shown: Agent, credential: str) -> EnrolledAgent:
    """The agent with its new credential."""
    return EnrolledAgent(
        id=shown.id,
        name=shown.name,
        status=shown.status,
        created_at=shown.created_at,
        credential=credential,
        agent=shown,
    )
