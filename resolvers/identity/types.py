"""What people, organizations and keys look like in GraphQL."""

from __future__ import annotations

from datetime import datetime

import strawberry

from app.core.actor import Role
from app.identity import models
from resolvers.agents.types import Agent
from resolvers.node import Node

MemberRole = Role
strawberry.enum(MemberRole, name="MemberRole", description="What a member may do in an organization.")
Plan = models.Plan
strawberry.enum(Plan, name="Plan", description="What the organization has subscribed to; sets its limits.")


@strawberry.type(description="A tenant: everything belongs to one.")
class Organization(Node):
    name: str = strawberry.field(description="Its name.")
    plan: Plan = strawberry.field(description="Its plan.")
    created_at: datetime = strawberry.field(description="When it was founded.")


@strawberry.type(description="Who is asking: the holder of the credential of this request.")
class Viewer:
    user_id: strawberry.ID | None = strawberry.field(
        description="The member in whose role the credential acts; null for an agent."
    )
    name: str = strawberry.field(description="The member's, or the agent's, name.")
    email: str | None = strawberry.field(description="The member's address; null for an agent.")
    role: MemberRole | None = strawberry.field(description="The member's role; null for an agent.")
    agent: Agent | None = strawberry.field(description="The agent that asks; null for a member.")
    scopes: list[str] = strawberry.field(description="What the credential is limited to; `*` for no limit.")
    organization: Organization = strawberry.field(description="The organization of the credential.")


@strawberry.type(description="A credential for scripts. The key itself is shown once, when it is made.")
class ApiKey(Node):
    name: str = strawberry.field(description="What it is for.")
    prefix: str = strawberry.field(description="Its first characters, by which it is recognized.")
    scopes: list[str] = strawberry.field(description="What it is limited to; `*` for no limit.")
    created_at: datetime = strawberry.field(description="When it was made.")
    expires_at: datetime | None = strawberry.field(description="When it ends by itself; null for never.")
    last_used_at: datetime | None = strawberry.field(description="When it was last used, to the minute.")
    revoked_at: datetime | None = strawberry.field(description="When it was revoked; null while it is valid.")


@strawberry.type(description="A new API key, with the key itself.")
class CreatedApiKey:
    id: strawberry.ID = strawberry.field(description="The id of the key's record.")
    key: str = strawberry.field(description="The key: keep it now, it is not shown again.")
    api_key: ApiKey = strawberry.field(description="Its record.")


def organization(record: models.Organization) -> Organization:
    """The record as GraphQL shows it."""
    return Organization(id=strawberry.ID(record.id), name=record.name, plan=record.plan, created_at=record.created_at)


def api_key(record: models.ApiKey) -> ApiKey:
    """The record as GraphQL shows it; neither key nor hash."""
    return ApiKey(
        id=strawberry.ID(record.id),
        name=record.name,
        prefix=record.prefix,
        scopes=record.scopes,
        created_at=record.created_at,
        expires_at=record.expires_at,
        last_used_at=record.last_used_at,
        revoked_at=record.revoked_at,
    )
