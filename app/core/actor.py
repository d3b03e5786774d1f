"""Who acts: the identity behind a request, what it may do, and where."""

from __future__ import annotations

import enum
from collections.abc import Iterator
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
    #: Workspaces and sessions: code, terminals, pull requests, services.
    WORKSPACES = "workspaces"
    #: Chats with models, skills, automations, and what they used.
    ASSISTANT = "assistant"
    #: Connections to code hosts, webhooks in and out.
    INTEGRATIONS = "integrations"
    ORGANIZATION = "organization"
    CREDENTIALS = "credentials"
    #: People: members, invitations, roles.
    MEMBERS = "members"
    AGENTS = "agents"
    POLICIES = "policies"
    AUDIT = "audit"
    BILLING = "billing"
    FEDERATION = "federation"
    #: What is the actor's own: profile, password, sessions, second factor. Every member may.
    ACCOUNT = "account"
    #: The installation as a whole; operators only.
    ADMINISTRATION = "administration"


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
#: What only owners and admins see at all.
CONFIDENTIAL = frozenset({Scope.AUDIT, Scope.BILLING})

ALL_SCOPES = "*"


class CredentialKind(enum.StrEnum):
    """What a request was authenticated with."""

    API_KEY = "api_key"
    SESSION = "session"
    JWT = "jwt"
    AGENT = "agent"


def permission(scope: Scope, kind: Kind) -> str:
    """`environments:write`: what roles permit and credentials are limited to."""
    return f"{scope}:{kind}"


def _permitted(role: Role) -> Iterator[str]:
    trusted = role in (Role.OWNER, Role.ADMIN)
    for scope in Scope:
        if scope is Scope.ADMINISTRATION or (scope in CONFIDENTIAL and not trusted):
            continue
        kinds = frozenset(Kind) if scope is Scope.ACCOUNT else PERMITS[role]
        yield from (permission(scope, kind) for kind in kinds)


#: What each role permits, as `scope:kind`. A custom role is a set of the same.
ROLE_PERMISSIONS: dict[Role, frozenset[str]] = {role: frozenset(_permitted(role)) for role in Role}
OPERATOR_PERMISSIONS = frozenset(permission(Scope.ADMINISTRATION, kind) for kind in Kind)
#: Every permission that a role or a credential can name.
ALL_PERMISSIONS = frozenset(permission(scope, kind) for scope in Scope for kind in Kind)
#: What an agent may do at most; its own scopes and the organization's policies narrow it.
AGENT_PERMISSIONS = frozenset(
    {
        permission(Scope.ENVIRONMENTS, Kind.READ),
        permission(Scope.ENVIRONMENTS, Kind.WRITE),
        permission(Scope.WORKSPACES, Kind.READ),
        permission(Scope.WORKSPACES, Kind.WRITE),
        permission(Scope.ASSISTANT, Kind.READ),
        permission(Scope.ASSISTANT, Kind.WRITE),
        permission(Scope.ORGANIZATION, Kind.READ),
        permission(Scope.AGENTS, Kind.READ),
        permission(Scope.POLICIES, Kind.READ),
    }
)


@dataclass(frozen=True, slots=True)
class Actor:
    """The holder of a credential in one organization."""

    organization_id: str
    #: The member; empty for an agent.
    user_id: str
    role: Role
    #: "environments:read", "environments:write" (which includes read), or "*".
    scopes: frozenset[str] = field(default_factory=lambda: frozenset({ALL_SCOPES}))
    credential_id: str = ""
    plan: str = "free"
    #: The organization's own request limit, for plans that leave it to the organization; None: the plan's.
    requests_per_minute: int | None = None
    kind: CredentialKind = CredentialKind.API_KEY
    #: The agent that acts; empty for people.
    agent_id: str = ""
    #: Whether the member operates this installation.
    operator: bool = False
    #: What a custom role or an agent permits; None: what `role` does.
    permissions: frozenset[str] | None = None
    #: Whom a federated token names, as its issuer does; empty for everybody of our own.
    subject: str = ""
    #: Whether the bearer token carried both signatures and both verified.
    signature_verified: bool = False

    @property
    def permitted(self) -> frozenset[str]:
        """What the role permits, whatever the credential is limited to."""
        permitted = ROLE_PERMISSIONS[self.role] if self.permissions is None else self.permissions
        return permitted | OPERATOR_PERMISSIONS if self.operator else permitted

    def may(self, scope: Scope, kind: Kind) -> bool:
        """Whether role and credential both permit this kind of operation on this scope."""
        named, enough = _NEEDED[scope, kind]
        return named in self.permitted and not enough.isdisjoint(self.scopes)

    def require(self, scope: Scope, kind: Kind) -> None:
        """Raises `Forbidden`, saying whether it is the role or the credential that falls short."""
        if self.may(scope, kind):
            return
        if permission(scope, kind) not in self.permitted:
            if scope is Scope.ADMINISTRATION:
                raise Forbidden("Only an operator of this installation may do this.")
            who = "An agent" if self.agent_id else f"The role {self.role}"
            raise Forbidden(f"{who} is not permitted {kind} on {scope}. Ask an owner or admin.")
        raise Forbidden(f"This credential lacks the scope {scope}:{kind}. Use one that has it.")


def _including(scope: Scope, kind: Kind) -> set[str]:
    """The stronger scopes of a credential which include this one."""
    stronger = {Kind.READ: (Kind.WRITE, Kind.ADMIN), Kind.WRITE: (Kind.ADMIN,), Kind.ADMIN: ()}[kind]
    return {permission(scope, other) for other in stronger}


#: By scope and kind: the permission that a role needs, and the scopes of which a credential needs one.
_NEEDED = {
    (scope, kind): (
        permission(scope, kind),
        frozenset({ALL_SCOPES, permission(scope, kind)} | _including(scope, kind)),
    )
    for scope in Scope
    for kind in Kind
}
