"""What a resolver gets to work with, anew for each operation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from starlette.datastructures import MutableHeaders
from strawberry.dataloader import DataLoader

from app.agents.service import Agents
from app.core.actor import Actor
from app.core.errors import SoundstageError, Unauthorized
from app.core.ids import new_id
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.environments.models import UnitRecord
from app.environments.service import Environments, Parts
from app.identity.service import Identity
from app.observability.health import Health
from app.policies.approvals import Approvals
from app.policies.decisions import Decision
from app.policies.governance import Governance, PolicyParts
from app.policies.service import Policies

#: Items on a page at most, in GraphQL.
LARGEST_PAGE = 100


@dataclass(frozen=True)
class Product:
    """The running product, as the composition root put it together."""

    database: Database
    environments: Parts
    health: Health
    policies: PolicyParts
    #: Introspection, GraphiQL and the API viewer are off in production.
    production: bool = False


@dataclass
class Context:
    """One operation's actor, unit of work and data loaders."""

    product: Product
    actor: Actor | None = None
    request_id: str = field(default_factory=lambda: new_id("req"))
    largest_page: int = LARGEST_PAGE
    #: Why there is no actor, when a credential was sent and refused.
    refused: SoundstageError | None = None
    #: Called with the id of what a mutation returns, before its commit: adds to the same transaction.
    before_commit: list[Callable[[str], None]] = field(default_factory=list)
    #: Stands in for the mutation when its effect has happened already and only the answer is to be made again.
    replay: Callable[[], Awaitable[Any]] | None = None
    #: What the present mutation decided for an agent; its audit event tells of that instead of the call.
    decision: Decision | None = None
    #: Headers for the answer, beside those that every answer has: cookies, limits.
    response_headers: MutableHeaders = field(default_factory=MutableHeaders)
    #: What the client sent in `connection_init`.
    connection_params: dict[str, Any] | None = None

    def require_actor(self) -> Actor:
        """The actor; raises `Unauthorized` without one."""
        if self.actor is None:
            raise self.refused or Unauthorized()
        return self.actor

    def again(self) -> Context:
        """A context for another operation of the same connection: same actor, nothing cached."""
        return Context(self.product, self.actor, self.request_id, largest_page=self.largest_page, refused=self.refused)

    @cached_property
    def work(self) -> UnitOfWork:
        """The unit of work, bound to the actor's organization."""
        return UnitOfWork(self.product.database, self.require_actor().organization_id)

    @cached_property
    def environments(self) -> Environments:
        """The actor's environments."""
        return Environments(self.work, self.require_actor(), self.product.environments)

    @cached_property
    def agents(self) -> Agents:
        """The organization's agents."""
        return Agents(self.work, self.require_actor())

    @cached_property
    def policies(self) -> Policies:
        """The organization's policies."""
        return Policies(self.work, self.require_actor())

    @cached_property
    def approvals(self) -> Approvals:
        """What people have to approve."""
        return Approvals(self.work, self.require_actor(), self.product.policies.wakeups)

    def governance(self, work: UnitOfWork | None = None) -> Governance:
        """Decides calls of agents, in a unit of work of its own unless one is given."""
        actor = self.require_actor()
        own = UnitOfWork(self.product.database, actor.organization_id)
        return Governance(work or own, actor, self.product.policies)

    @cached_property
    def identity(self) -> Identity:
        """The actor and its organization."""
        return Identity(self.work, self.require_actor())

    @cached_property
    def units(self) -> DataLoader[str, list[UnitRecord]]:
        """The units of many environments with one statement."""
        return DataLoader(load_fn=lambda ids: self.environments.units(ids))
