"""The compliance report: figures, each with the GraphQL query that yields its evidence."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.audit.checking import check
from app.audit.findings import Report
from app.audit.repository import LOG
from app.audit.signing import Signer
from app.core.clock import Clock, now
from app.core.errors import InvalidRequest
from app.database.unit_of_work import UnitOfWork
from app.organization import repository
from app.policies.models import PolicyScope
from app.tokens.models import KeyState
from app.tokens.service import SigningKeys


class FigureUnit(enum.StrEnum):
    """What a figure counts."""

    COUNT = "count"
    PERCENT = "percent"
    DAYS = "days"
    #: 1 for yes, 0 for no.
    BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. A share of nothing has no value."""

    name: str
    value: float | None
    unit: FigureUnit
    description: str
    #: GraphQL that yields the same evidence.
    query: str


@dataclass(frozen=True, slots=True)
class Compliance:
    """The figures of a span of time, and when they were taken."""

    since: datetime
    until: datetime
    generated_at: datetime
    figures: Sequence[Figure]


class ComplianceReport:
    """Takes the figures of the organization that `work` is bound to."""

    def __init__(self, work: UnitOfWork, signer: Signer | None, keys: SigningKeys, clock: Clock = now) -> None:
        self.work, self.signer, self.keys, self.clock = work, signer, keys, clock

    async def take(self, since: datetime, until: datetime) -> Compliance:
        """Every figure; raises `InvalidRequest` for a span that ends before it begins."""
        if since >= until:
            raise InvalidRequest("'from' has to lie before 'to'.")
        figures = [
            await self._governed(),
            *await self._denials(since, until),
            await self._approvals(),
            await self._second_factors(),
            await self._endless_keys(),
            await self._key_age(),
            *await self._audit(),
        ]
        return Compliance(since, until, self.clock(), figures)

    async def _governed(self) -> Figure:
        agents, enforcing = await self.work.all(repository.ACTIVE_AGENTS), await self.work.all(repository.ENFORCING)
        governed = [agent for agent in agents if any(concerns(policy, agent) for policy in enforcing)]
        return Figure(
            "agentsUnderEnforcedPolicy",
            share(len(governed), len(agents)),
            FigureUnit.PERCENT,
            "Active agents that an active policy in enforce mode concerns, of all active agents.",
            "{ agents { nodes { id status metadata } } policies { nodes { id scope target mode status } } }",
        )

    async def _denials(self, since: datetime, until: datetime) -> list[Figure]:
        [found] = await self.work.all(repository.DENIALS, since=since, until=until)
        span = f'from: "{since.isoformat()}", to: "{until.isoformat()}", result: DENIED'
        return [
            Figure(
                "policyDenials",
                found["denials"],
                FigureUnit.COUNT,
                "Calls of agents that were denied in the period: the events with an agentId.",
                f"{{ auditEvents(filter: {{{span}}}) {{ nodes {{ id agentId action resource reasons }} }} }}",
            ),
            Figure(
                "deniedSignIns",
                found["denied_sign_ins"],
                FigureUnit.COUNT,
                "Sign-ins and refreshes that were denied in the period.",
                f'{{ signIns: auditEvents(filter: {{{span}, action: "session.create"}}) {{ nodes {{ id userId }} }}'
                f' refreshes: auditEvents(filter: {{{span}, action: "session.refresh"}})'
                " { nodes { id userId } } }",
            ),
        ]

    async def _approvals(self) -> Figure:
        [found] = await self.work.all(repository.PENDING_APPROVALS, now=self.clock())
        return Figure(
            "unreviewedApprovals",
            found["count"],
            FigureUnit.COUNT,
            "Approvals that nobody has decided yet and that are not expired: those that are pending.",
            "{ approvals { nodes { id status agentId action createdAt expiresAt } } }",
        )

    async def _second_factors(self) -> Figure:
        [found] = await self.work.all(repository.SECOND_FACTORS)
        return Figure(
            "membersWithSecondFactor",
            share(found["protected"], found["members"]),
            FigureUnit.PERCENT,
            "Members with a confirmed second factor, of all members.",
            "{ members { nodes { id email hasSecondFactor } } }",
        )

    async def _endless_keys(self) -> Figure:
        [found] = await self.work.all(repository.ENDLESS_KEYS)
        return Figure(
            "keysWithoutExpiry",
            found["count"],
            FigureUnit.COUNT,
            "API keys that are valid and never end by themselves: neither expiresAt nor revokedAt.",
            "{ apiKeys { nodes { id name expiresAt revokedAt } } }",
        )

    async def _key_age(self) -> Figure:
        active = [key.activates_at for key in await self.keys.all() if key.state is KeyState.ACTIVE]
        age = (self.clock() - min(active)).total_seconds() / 86_400 if active else None
        return Figure(
            "signingKeyAge",
            None if age is None else round(max(0.0, age), 2),
            FigureUnit.DAYS,
            "How long the oldest active signing key of the installation has signed. The query is for operators.",
            "{ signingKeys { kid state activatesAt } }",
        )

    async def _audit(self) -> list[Figure]:
        organization_id = self.work.organization_id
        assert organization_id is not None
        log = await self.work.one(LOG)
        report: Report = await check(self.work, organization_id, self.signer)
        size, signed = (log.size, log.signed) if log is not None else (0, 0)
        verify = "{ verifyAuditLog { valid events signedSize } }"
        return [
            Figure("auditEvents", size, FigureUnit.COUNT, "Events in the audit log.", verify),
            Figure(
                "auditEventsSigned",
                share(signed, size),
                FigureUnit.PERCENT,
                "Events that a signed checkpoint covers, of all events.",
                "{ auditCheckpoint { size } }",
            ),
            Figure(
                "auditLogVerified",
                float(report.valid),
                FigureUnit.BOOLEAN,
                "Whether the stored log verifies from its first event to its newest checkpoint.",
                verify,
            ),
        ]


def share(part: int, whole: int) -> float | None:
    """Percent, to a hundredth; None of nothing."""
    return round(100 * part / whole, 2) if whole else None


def concerns(policy: Mapping[str, Any], agent: Mapping[str, Any]) -> bool:
    """Whether a policy concerns an agent whatever it calls: by its id or by its metadata."""
    attributes = agent["attributes"]
    if policy["scope"] is PolicyScope.ORG:
        return True
    if policy["scope"] is PolicyScope.AGENT:
        return bool(policy["target"] == agent["id"])
    if policy["scope"] is PolicyScope.ENVIRONMENT:
        return bool(attributes.get("environment") == policy["target"])
    groups = attributes.get("groups")
    named = [attributes.get("group"), attributes.get("team"), *(groups if isinstance(groups, list) else [])]
    return policy["target"] in named
