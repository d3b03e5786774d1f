"""Who acts: the identity behind a request, what it may do, and where."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from app.core.errors import Forbidden


class Role(enum.StrEnum):
    """What a member may do in an organization, most first."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"


class Scope(enum.StrEnum):
    """The parts of the product that a credential can be limited to."""

    ENVIRONMENTS = "environments"
    ORGANIZATION = "organization"
    CREDENTIALS = "credentials"


class Kind(enum.StrEnum):
    """What an operation does to its scope."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


#: Role -> the kinds of operation that it permits.
PERMITS: dict[Role, frozenset[Kind]] = {
    Role.OWNER: frozenset(Kind),
    Role.ADMIN: frozenset(Kind),
    Role.MEMBER: frozenset({Kind.READ, Kind.WRITE}),
    Role.VIEWER: frozenset({Kind.READ}),
}

ALL_SCOPES = "*"


@dataclass(frozen=True, slots=True)
class Actor:
    """The holder of a credential in one organization."""

    organization_id: str
    user_id: str
    role: Role
    #: "environments:read", "environments:write" (which includes read), or "*".
    scopes: frozenset[str] = field(default_factory=lambda: frozenset({ALL_SCOPES}))
    credential_id: str = ""
    plan: str = "free"
    #: The organization's own request limit, for plans that leave it to the organization; None: the plan's.
    requests_per_minute: int | None = None

    def may(self, scope: Scope, kind: Kind) -> bool:
        """Whether role and credential both permit this kind of operation on this scope."""
        if kind not in PERMITS[self.role]:
            return False
        return bool(self.scopes & ({ALL_SCOPES, f"{scope}:{kind}"} | _including(scope, kind)))

    def require(self, scope: Scope, kind: Kind) -> None:
        """Raises `Forbidden`, saying whether it is the role or the credential that falls short."""
        if self.may(scope, kind):
            return
        if kind not in PERMITS[self.role]:
            raise Forbidden(f"The role {self.role} does not permit {kind} on {scope}. Ask an owner or admin.")
        raise Forbidden(f"This credential lacks the scope {scope}:{kind}. Use a key that has it.")


def _including(scope: Scope, kind: Kind) -> set[str]:
    """The stronger scopes of a credential which include this one."""
    stronger = {Kind.READ: (Kind.WRITE, Kind.ADMIN), Kind.WRITE: (Kind.ADMIN,), Kind.ADMIN: ()}[kind]
    return {f"{scope}:{other}" for other in stronger}
