"""`node(id:)`: what each prefix of an id names, what reading it takes, and how it is found."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from app.core.clock import now
from app.core.ids import is_id
from resolvers.access import Access
from resolvers.agents.queries import READ as AGENTS
from resolvers.agents.types import agent
from resolvers.assistant.queries import READ as ASSISTANT
from resolvers.assistant.types import attachment, chat
from resolvers.audit.queries import AUDIT
from resolvers.audit.types import event
from resolvers.automations.queries import READ as AUTOMATIONS
from resolvers.automations.types import automation, automation_run
from resolvers.context import Context
from resolvers.environments.queries import READ as ENVIRONMENTS
from resolvers.environments.types import environment
from resolvers.federation.queries import READ as FEDERATION
from resolvers.federation.types import provider
from resolvers.identity.queries import CREDENTIALS, ORGANIZATION
from resolvers.identity.types import api_key, organization
from resolvers.integrations.queries import READ as INTEGRATIONS
from resolvers.integrations.types import code_host_connection
from resolvers.members.queries import ADMIN as INVITATIONS
from resolvers.members.queries import READ as MEMBERS
from resolvers.members.types import invitation, member
from resolvers.node import Node
from resolvers.policies.queries import READ as POLICIES
from resolvers.policies.types import approval, policy
from resolvers.pull_requests.types import pull_request
from resolvers.services.types import session_service
from resolvers.skills.types import skill
from resolvers.sso.queries import ADMIN as SSO
from resolvers.sso.types import sso_connection
from resolvers.tasks.types import task
from resolvers.terminals.queries import shown as terminal
from resolvers.uploads.queries import found as upload
from resolvers.webhooks.queries import ADMIN as WEBHOOKS
from resolvers.webhooks.types import webhook_delivery, webhook_integration
from resolvers.workspaces.queries import READ as WORKSPACES
from resolvers.workspaces.types import session, workspace

R = TypeVar("R")
Load = Callable[[Context, str], Awaitable[Node | None]]


@dataclass(frozen=True)
class Kind:
    """A type of objects that have ids."""

    access: Access
    load: Load


def _kind(
    access: Access, find: Callable[[Context, str], Awaitable[R | None]], convert: Callable[[Context, R], Node]
) -> Kind:
    async def load(context: Context, node_id: str) -> Node | None:
        found = await find(context, node_id)
        return None if found is None else convert(context, found)

    return Kind(access, load)


async def _organization(context: Context, node_id: str) -> Node | None:
    own = context.require_actor().organization_id
    return organization(await context.identity.organization()) if node_id == own else None


KINDS: dict[str, Kind] = {
    "env": _kind(ENVIRONMENTS, lambda context, id: context.environments.find(id), lambda _, found: environment(found)),
    "key": _kind(CREDENTIALS, lambda context, id: context.identity.key(id), lambda _, found: api_key(found)),
    "org": Kind(ORGANIZATION, _organization),
    "usr": _kind(MEMBERS, lambda context, id: context.members.find(id), lambda _, found: member(found)),
    "inv": _kind(
        INVITATIONS, lambda context, id: context.members.invitation(id), lambda _, found: invitation(found, now())
    ),
    "fed": _kind(
        FEDERATION,
        lambda context, id: context.federation.provider(id),
        lambda context, found: provider(found, context.product.federation),
    ),
    "evt": _kind(AUDIT, lambda context, id: context.audit.event(id), lambda _, found: event(found)),
    "sso": _kind(
        SSO,
        lambda context, id: context.sso.find(id),
        lambda context, found: sso_connection(found, context.product.sso),
    ),
    "chc": _kind(
        INTEGRATIONS, lambda context, id: context.code_hosts.find(id), lambda _, found: code_host_connection(found)
    ),
    "aut": _kind(AUTOMATIONS, lambda context, id: context.automations.find(id), lambda _, found: automation(found)),
    "run": _kind(AUTOMATIONS, lambda context, id: context.automations.run(id), lambda _, found: automation_run(found)),
    "whk": _kind(
        WEBHOOKS,
        lambda context, id: context.webhooks.find(id),
        lambda context, found: webhook_integration(found, context.product.webhooks),
    ),
    "whd": _kind(WEBHOOKS, lambda context, id: context.webhooks.delivery(id), lambda _, found: webhook_delivery(found)),
    "cht": _kind(ASSISTANT, lambda context, id: context.chats.find(id), lambda _, found: chat(found)),
    "att": _kind(ASSISTANT, lambda context, id: context.chats.attachment(id), lambda _, found: attachment(found)),
    "skl": _kind(ASSISTANT, lambda context, id: context.skills.find(id), lambda _, found: skill(found)),
    "tsk": _kind(WORKSPACES, lambda context, id: context.tasks.find(id), lambda _, found: task(found)),
    "agt": _kind(AGENTS, lambda context, id: context.agents.find(id), lambda _, found: agent(found)),
    "pol": _kind(POLICIES, lambda context, id: context.policies.find(id), lambda _, found: policy(found)),
    "wsp": _kind(WORKSPACES, lambda context, id: context.workspaces.find(id), lambda _, found: workspace(found)),
    "ses": _kind(WORKSPACES, lambda context, id: context.sessions.find(id), lambda _, found: session(found)),
    "svc": _kind(WORKSPACES, lambda context, id: context.services.find(id), lambda _, found: session_service(found)),
    "trm": _kind(WORKSPACES, lambda context, id: context.terminals.find(id), terminal),
    "upl": Kind(WORKSPACES, upload),
    "prq": _kind(WORKSPACES, lambda context, id: context.pull_requests.find(id), lambda _, found: pull_request(found)),
    "apr": _kind(POLICIES, lambda context, id: context.approvals.find(id), lambda _, found: approval(found)),
}
#: What reading an object takes, by the prefix of its id.
BY_PREFIX: dict[str, Access] = {prefix: kind.access for prefix, kind in KINDS.items()}


async def node(context: Context, node_id: str) -> Node | None:
    """The object of any type with this id, where the actor may read it; raises `Forbidden` for its type."""
    prefix = node_id.partition("_")[0]
    kind = KINDS.get(prefix)
    actor = context.require_actor()
    if kind is None or not is_id(node_id, prefix):
        return None
    actor.require(kind.access.scope, kind.access.kind)
    return await kind.load(context, node_id)
