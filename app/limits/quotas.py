"""How much an organization may ask for in a minute, by its plan, and what came of asking."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, Protocol

from app.core.actor import Actor

WINDOW_SECONDS = 60
#: Requests a minute of an enterprise organization that has set none, for the APIs that leave it to the organization.
ENTERPRISE = 100_000
#: What GraphQL may cost in a minute, by plan. Enterprise: ten for each request of the organization's own limit.
GRAPHQL_COST = {"free": 5_000, "pro": 50_000}
COST_OF_A_REQUEST = 10


class Quota(NamedTuple):
    """A budget of so much in a minute."""

    #: Budgets of different names are counted apart.
    name: str
    limit: int
    #: Its name in the `RateLimit` headers.
    policy: str = "default"


class Admission(NamedTuple):
    """What came of taking from a budget."""

    quota: Quota
    cost: int
    admitted: bool
    remaining: int
    #: Unix seconds at which the budget is whole again, and how many from now.
    resets_at: int
    seconds: int


class Limiter(Protocol):
    """Counts what is taken from budgets."""

    async def take(self, owner: str, quota: Quota, cost: int = 1) -> Admission:
        """Takes `cost` from an owner's budget, or nothing where less is left. A cost of 0 only looks."""


def graphql_quota(actor: Actor) -> Quota:
    """The GraphQL budget of the actor's organization."""
    return _graphql_quota(actor.plan, actor.requests_per_minute)


@lru_cache
def _graphql_quota(plan: str, requests_per_minute: int | None) -> Quota:
    own = (requests_per_minute or ENTERPRISE) * COST_OF_A_REQUEST
    return Quota("graphql", GRAPHQL_COST.get(plan, own), policy="cost")
