"""What a resolver gets to work with, anew for each operation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from strawberry.dataloader import DataLoader

from app.administration.service import Administration
from app.agents.service import Agents
from app.assistant.completing import Completing
from app.assistant.models import ChatMessage
from app.assistant.service import Chats
from app.audit.models import AuditPersonal
from app.audit.proofs import Proofs
from app.audit.service import Audit
from app.automations.models import RunLine
from app.automations.service import Automations
from app.billing.service import Billing
from app.core.actor import Actor
from app.core.errors import SoundstageError, Unauthorized
from app.core.ids import new_id
from app.core.lazy import lazy
from app.database.unit_of_work import UnitOfWork
from app.database_console.service import DatabaseConsole
from app.environments.models import Environment, UnitRecord
from app.environments.service import Environments
from app.federation.service import Federation
from app.files.service import Files
from app.identity.service import Identity
from app.integrations.service import Connections
from app.language_servers.service import LanguageServers
from app.limits.quotas import Admission
from app.members.service import Members
from app.observability.exchange import Incoming, left
from app.organization.service import OwnOrganization
from app.policies.approvals import Approvals
from app.policies.decisions import Decision
from app.policies.governance import Governance
from app.policies.service import Policies
from app.pull_requests.reviews import Reviews
from app.pull_requests.service import PullRequests
from app.services.importing import Imports
from app.services.runtimes import RuntimeParts, Runtimes
from app.services.service import Services
from app.sign_in.account import OwnAccount
from app.sign_in.service import SignIn
from app.sign_in.sessions import Client
from app.skills.service import Skills
from app.sso.service import SingleSignOn
from app.sso.sign_on import SignOn
from app.tasks.service import Tasks
from app.terminals.service import Terminals
from app.tokens.hybrid import Verified
from app.uploads.service import Uploads
from app.usage.service import Usages
from app.version_control.service import VersionControl
from app.webhooks.service import Webhooks
from app.workspaces.service import Workspaces
from app.workspaces.sessions import Sessions
from resolvers.cookies import SESSION_COOKIE, SSO_COOKIE
from resolvers.product import Product

LARGEST_PAGE = 100  # items at most, in GraphQL
#: What all operations of one connection have in common, beside who asks.
_STAYS = ("largest_page", "verified", "refused", "by_graphql", "explains")
UNKNOWN = Client("", "")


class Context:
    """One operation's actor, unit of work and data loaders. What few operations ask for is made when they do."""

    largest_page = LARGEST_PAGE
    #: What was verified of the token that the actor came with; None for keys and sessions.
    verified: Verified | None = None
    #: Why there is no actor, when a credential was sent and refused.
    refused: SoundstageError | None = None
    #: Stands in for the mutation when its effect has happened already and only the answer is to be made again.
    replay: Callable[[], Awaitable[Any]] | None = None
    #: What the present mutation decided for an agent; its audit event tells of that instead of the call.
    decision: Decision | None = None
    #: Whether it came in as GraphQL: then its cost is counted.
    by_graphql = False
    #: Whether the client is told why a document does not fit the schema, which tells the schema's names.
    explains = True
    #: What came of taking its cost from the budget.
    admission: Admission | None = None
    #: What the client sent in `connection_init`.
    connection_params: dict[str, Any] | None = None

    def __init__(
        self,
        product: Product,
        connection: Incoming | HTTPConnection | None = None,
        *,
        actor: Actor | None = None,
        request_id: str = "",
    ) -> None:
        self.product, self.connection, self.actor = product, connection, actor
        self.request_id = request_id or new_id("req")

    @lazy
    def before_commit(self) -> list[Callable[[str], None]]:
        """Called with the id of what a mutation returns, before its commit: adds to the same transaction."""
        return []

    @lazy
    def audit_details(self) -> dict[str, Any]:
        """What the audit event of this mutation tells beside its action; no secrets."""
        return {}

    @lazy
    def client(self) -> Client:
        """From where the request comes."""
        if (connection := self.connection) is None:
            return UNKNOWN
        found = connection.client
        return Client(found.host if found else "", connection.headers.get("user-agent", ""))

    @property
    def cookie(self) -> str | None:
        """The session cookie that came with the request."""
        return self.connection.cookies.get(SESSION_COOKIE) if self.connection is not None else None

    @property
    def transaction(self) -> str | None:
        """The sealed cookie of a single sign-on that has begun."""
        return self.connection.cookies.get(SSO_COOKIE) if self.connection is not None else None

    @property
    def gone(self) -> Callable[[], Awaitable[None]] | None:
        """Waits until the client has left, once the body is read; None for a WebSocket, which ends by itself."""
        connection = self.connection
        if isinstance(connection, Incoming):
            return connection.gone
        return partial(left, connection.receive) if isinstance(connection, Request) else None

    @lazy
    def response_headers(self) -> MutableHeaders:
        """Headers for the answer, beside those that every answer has: cookies, limits."""
        return MutableHeaders()

    @property
    def has_response_headers(self) -> bool:
        """Whether there are any."""
        return "response_headers" in self.__dict__

    def unbind(self) -> None:
        """From here on the unit of work is the system's: for what belongs to a person and not to an organization."""
        self.__dict__["work"] = UnitOfWork(self.product.database, None)

    def bind(self) -> None:
        """From here on the unit of work is bound to the actor's organization again."""
        self.__dict__.pop("work", None)

    def require_actor(self) -> Actor:
        """The actor; raises `Unauthorized` without one."""
        if self.actor is None:
            raise self.refused or Unauthorized()
        return self.actor

    def again(self) -> Context:
        """A context for another operation of the same connection: same actor, nothing cached."""
        made = Context(self.product, self.connection, actor=self.actor, request_id=self.request_id)
        made.__dict__.update({name: self.__dict__[name] for name in _STAYS if name in self.__dict__})
        return made

    @lazy
    def work(self) -> UnitOfWork:
        """The unit of work, bound to the actor's organization."""
        return UnitOfWork(self.product.database, self.require_actor().organization_id)

    @lazy
    def environments(self) -> Environments:
        """The actor's environments."""
        return Environments(self.work, self.require_actor(), self.product.environments)

    @lazy
    def chats(self) -> Chats:
        """The actor's own chats."""
        return Chats(self.work, self.require_actor(), self.product.assistant, self.request_id)

    @property
    def completing(self) -> Completing:
        """Short questions to a model."""
        return Completing(self.chats)

    @lazy
    def chat_messages(self) -> DataLoader[str, list[ChatMessage]]:
        """The messages of many chats with one statement."""
        return DataLoader(load_fn=lambda ids: self.chats.messages(ids))

    @lazy
    def skills(self) -> Skills:
        """The skills of the organization's workspaces."""
        return Skills(self.work, self.require_actor())

    @lazy
    def tasks(self) -> Tasks:
        """The tasks of the organization's sessions."""
        return Tasks(self.work, self.require_actor())

    @lazy
    def workspaces(self) -> Workspaces:
        """The organization's workspaces."""
        return Workspaces(self.work, self.require_actor(), self.product.workspaces)

    @lazy
    def sessions(self) -> Sessions:
        """The organization's sessions."""
        return Sessions(self.work, self.require_actor(), self.product.workspaces)

    @lazy
    def services(self) -> Services:
        """The services of the organization's sessions."""
        parts = RuntimeParts(self.product.workspaces, self.product.environments)
        return Services(self.work, self.require_actor(), parts)

    @property
    def runtimes(self) -> Runtimes:
        """What runs of the services of the organization's sessions."""
        return self.services.runtimes

    @property
    def imports(self) -> Imports:
        """Services from code hosts and from Docker Hub."""
        return Imports(self.services, self.code_hosts)

    @lazy
    def session_environments(self) -> DataLoader[str, Environment | None]:
        """The environments of many sessions with one statement."""
        return DataLoader(load_fn=lambda ids: self.runtimes.of_sessions(ids))

    @lazy
    def database_console(self) -> DatabaseConsole:
        """The databases of the organization's sessions."""
        return DatabaseConsole(self.work, self.require_actor(), self.product.database_console)

    @lazy
    def pull_requests(self) -> PullRequests:
        """The pull requests of the organization's workspaces."""
        return PullRequests(self.work, self.require_actor(), self.product.workspaces)

    @lazy
    def reviews(self) -> Reviews:
        """The reviews of pull requests."""
        return Reviews(self.work, self.require_actor(), self.product.workspaces)

    @lazy
    def files(self) -> Files:
        """The files of the organization's sessions."""
        return Files(self.work, self.require_actor(), self.product.workspaces)

    @lazy
    def uploads(self) -> Uploads:
        """The uploads into the organization's sessions."""
        return Uploads(self.work, self.require_actor(), self.product.uploads)

    @lazy
    def version_control(self) -> VersionControl:
        """The version control of the organization's sessions."""
        return VersionControl(self.work, self.require_actor(), self.product.workspaces)

    @lazy
    def terminals(self) -> Terminals:
        """The organization's terminals."""
        return Terminals(self.work, self.require_actor(), self.product.terminals)

    @lazy
    def language_servers(self) -> LanguageServers:
        """The language servers of the organization's sessions."""
        return LanguageServers(self.work, self.require_actor(), self.product.language_servers)

    @lazy
    def agents(self) -> Agents:
        """The organization's agents."""
        return Agents(self.work, self.require_actor())

    @lazy
    def policies(self) -> Policies:
        """The organization's policies."""
        return Policies(self.work, self.require_actor())

    @lazy
    def approvals(self) -> Approvals:
        """What people have to approve."""
        return Approvals(self.work, self.require_actor(), self.product.policies.wakeups)

    def governance(self, work: UnitOfWork | None = None) -> Governance:
        """Decides calls of agents, in a unit of work of its own unless one is given."""
        actor = self.require_actor()
        own = UnitOfWork(self.product.database, actor.organization_id)
        return Governance(work or own, actor, self.product.policies)

    @lazy
    def identity(self) -> Identity:
        """The actor and its organization."""
        return Identity(self.work, self.require_actor())

    @lazy
    def members(self) -> Members:
        """The people of the actor's organization."""
        return Members(self.work, self.require_actor())

    @property
    def sign_in(self) -> SignIn:
        """Signing in, whoever asks."""
        return SignIn(self.work, self.product.sign_in, self.client, self.request_id)

    @property
    def account(self) -> OwnAccount:
        """What is the actor's own, whatever the organization."""
        work = UnitOfWork(self.product.database, None) if self.work.organization_id else self.work
        return OwnAccount(work, self.require_actor(), self.product.sign_in, self.client.address)

    @lazy
    def federation(self) -> Federation:
        """The organization's federated providers."""
        return Federation(self.work, self.require_actor(), self.product.federation)

    @lazy
    def audit(self) -> Audit:
        """The organization's audit log."""
        return Audit(self.work, self.require_actor(), self.product.audit)

    @lazy
    def proofs(self) -> Proofs:
        """Proofs over the organization's audit log."""
        return Proofs(self.work, self.require_actor().organization_id)

    @lazy
    def own_organization(self) -> OwnOrganization:
        """The actor's organization and its settings."""
        return OwnOrganization(self.work, self.require_actor(), self.product.environments.vault)

    @lazy
    def billing(self) -> Billing:
        """The organization's plan."""
        return Billing(self.work, self.require_actor(), self.product.billing)

    @lazy
    def code_hosts(self) -> Connections:
        """The organization's connections to code hosts."""
        return Connections(self.work, self.require_actor(), self.product.integrations)

    @lazy
    def automations(self) -> Automations:
        """The automations of the organization's workspaces."""
        return Automations(self.work, self.require_actor(), self.product.automations)

    @lazy
    def automation_lines(self) -> DataLoader[str, list[RunLine]]:
        """What many runs tell, with one statement."""
        return DataLoader(load_fn=lambda ids: self.automations.lines(ids))

    @lazy
    def webhooks(self) -> Webhooks:
        """The organization's webhook integrations."""
        return Webhooks(self.work, self.require_actor(), self.product.webhooks)

    def usages(self, work: UnitOfWork | None = None) -> Usages:
        """What the organization used; another one's for an operator's unit of work."""
        return Usages(work or self.work)

    @property
    def administration(self) -> Administration:
        """The installation as a whole."""
        return Administration(self.product.database)

    @lazy
    def second_factors(self) -> DataLoader[str, bool]:
        """Of many members whether they have a second factor, with one statement."""
        return DataLoader(load_fn=lambda ids: self.own_organization.second_factors(ids))

    @lazy
    def audit_personal(self) -> DataLoader[str, AuditPersonal | None]:
        """The personal data of many events with one statement."""
        return DataLoader(load_fn=lambda ids: self.audit.personal(ids))

    @lazy
    def sso(self) -> SingleSignOn:
        """Single sign-on of the actor's organization."""
        return SingleSignOn(self.work, self.require_actor(), self.product.sso)

    @property
    def sign_on(self) -> SignOn:
        """Signing in by an identity provider, whoever asks."""
        unbound: UnitOfWork | None = self.__dict__.get("work")
        if unbound is None or unbound.organization_id is not None:
            unbound = UnitOfWork(self.product.database, None)
        return SignOn(unbound, self.product.sso, self.client, self.request_id)

    @lazy
    def units(self) -> DataLoader[str, list[UnitRecord]]:
        """The units of many environments with one statement."""
        return DataLoader(load_fn=lambda ids: self.environments.units(ids))
