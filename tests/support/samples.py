"""How each operation is asked: one sample for each root field and each REST route.

The accounting tests go over all operations of the schema and all routes; what has no sample here fails them by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLField, GraphQLObjectType, get_named_type, is_leaf_type, is_required_argument

from app.contract import contract
from app.core.actor import Scope
from resolvers.access import root_access
from resolvers.schema import build_schema
from rest_compat.operations import RestOperation
from rest_compat.service import operations as load
from tests.support.preparations import PREPARATIONS
from tests.support.serving import BLUEPRINT, Client
from tests.support.tenants import PASSWORD

#: What an id stands for, and how it begins.
PREFIXES = {
    "environment": "env",
    "key": "key",
    "organization": "org",
    "member": "usr",
    "invitation": "inv",
    "role": "rol",
    "session": "sis",
    "provider": "fed",
    "event": "evt",
    "agent": "agt",
    "policy": "pol",
    "approval": "apr",
    "decision": "dec",
    "connection": "sso",
    "domain": "ssd",
}
#: Of the right form, and nobody's.
MISSING = {prefix: f"{prefix}_" + "0" * 26 for prefix in PREFIXES.values()}


@dataclass(frozen=True)
class Facts:
    """What there is in an organization: ids and one-time secrets, by name. What is not there has an id of nobody's."""

    known: Mapping[str, str] = field(default_factory=dict)
    #: In the place of every id, where one is given.
    every_id: str = ""

    def __getitem__(self, name: str) -> str:
        if name in PREFIXES and self.every_id:
            return self.every_id
        return self.known.get(name) or (MISSING[PREFIXES[name]] if name in PREFIXES else f"no-{name}")

    @property
    def environment(self) -> str:
        """The environment's id."""
        return self["environment"]

    @property
    def key(self) -> str:
        """The API key's id."""
        return self["key"]

    def public(self) -> Facts:
        """The ids alone, without the one-time secrets."""
        return Facts({name: value for name, value in self.known.items() if name in PREFIXES})

    @property
    def ids(self) -> list[str]:
        """All ids that are known."""
        return [value for name, value in self.known.items() if name in PREFIXES]


Arguments = Callable[[Facts], dict[str, Any]]


@dataclass(frozen=True)
class Sample:
    """Arguments with which a root field answers the owner without an error."""

    arguments: Arguments = field(default=lambda _: {})
    #: The status that the environment in the facts is to have; empty where it needs none.
    given: str = "running"
    #: What else has to be there: names of preparations.
    needs: tuple[str, ...] = ()
    #: The caller signs in first, and asks with a session instead of a key.
    session: bool = False
    #: What others than the owner may be told instead of data: they may call it, but the facts are not theirs.
    otherwise: str = ""


@dataclass(frozen=True)
class RouteSample:
    """A request with which a route answers the owner without an error."""

    path: Arguments = field(default=lambda _: {})
    query: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | Arguments | None = None
    given: str = "running"
    needs: tuple[str, ...] = ()
    session: bool = False

    def json(self, known: Facts) -> dict[str, Any] | None:
        """The body."""
        return self.body(known) if callable(self.body) else self.body


def _id(facts: Facts) -> dict[str, Any]:
    return {"id": facts.environment}


#: At an address that is never asked: it is private.
PROVIDER = {"name": "Cluster", "issuer": "http://127.0.0.1:9", "scopes": ["environments:read"]}
FEDERATED = {"audience": "https://other.example/org_1", "scopes": ["federation:read"], "lifetimeSeconds": 60}


def _agent(facts: Facts) -> dict[str, Any]:
    return {"id": facts["agent"]}


def _policy(facts: Facts) -> dict[str, Any]:
    return {"id": facts["policy"]}


def _approval(facts: Facts) -> dict[str, Any]:
    return {"id": facts["approval"]}


def _organization(facts: Facts) -> dict[str, Any]:
    return {"organizationId": facts["organization"]}


MODEL = {"id": "small-1", "name": "Small", "provider": "Example", "baseUrl": "https://models.example/v1"}
CHECKOUT = {"plan": "pro", "successUrl": "https://shop.example/done", "cancelUrl": "https://shop.example/"}
RULES = [{"type": "rate_limit", "max_requests_per_minute": 1000}]
DRAFT = {"name": "draft", "rules": RULES}
SPAN = {"from": "2026-01-01T00:00:00Z", "to": "2027-01-01T00:00:00Z"}


#: What somebody calls who has no credential yet.
SIGNING_IN = {"signIn", "refreshSession", "acceptInvitation", "resetPassword", "ssoCallback"}
#: At an address that is never asked.
SSO = {"issuer": "https://login.example", "clientId": "soundstage", "clientSecret": "s3cret-of-the-client"}

SAMPLES: dict[str, Sample] = {
    "Query.ssoConnections": Sample(given="", needs=("connection",)),
    "Query.ssoDiscover": Sample(lambda _: {"email": "somebody@nowhere.example"}, given=""),
    "Query.ssoLogin": Sample(lambda _: {"email": "somebody@nowhere.example"}, given="", otherwise="SSO_UNAVAILABLE"),
    "Mutation.ssoCallback": Sample(lambda _: {"state": "x", "code": "y"}, given="", otherwise="SSO_STATE_MISMATCH"),
    "Mutation.updateSso": Sample(lambda _: {"input": SSO}, given=""),
    "Mutation.removeSsoConnection": Sample(lambda facts: {"id": facts["connection"]}, given="", needs=("connection",)),
    "Mutation.verifySsoDomain": Sample(lambda facts: {"id": facts["domain"]}, given="", needs=("connection",)),
    "Mutation.confirmSsoDomain": Sample(lambda facts: {"record": facts["record"]}, given="", needs=("connection",)),
    "Query.environment": Sample(_id),
    "Query.environments": Sample(),
    "Query.environmentRecentLogs": Sample(_id),
    "Query.blueprintTemplates": Sample(),
    "Query.blueprintTemplate": Sample(lambda _: {"id": "hello"}),
    "Query.viewer": Sample(given=""),
    "Query.apiKeys": Sample(_organization, given=""),
    "Query.member": Sample(lambda facts: {"id": facts["member"]}, given="", needs=("member",)),
    "Query.members": Sample(given=""),
    "Query.roles": Sample(given=""),
    "Query.role": Sample(lambda facts: {"id": facts["role"]}, given="", needs=("role",)),
    "Query.permissions": Sample(given=""),
    "Query.invitations": Sample(given="", needs=("invitation",)),
    "Query.organizations": Sample(given=""),
    "Query.organization": Sample(lambda facts: {"id": facts["organization"]}, given=""),
    "Query.account": Sample(given=""),
    "Query.signInSessions": Sample(given="", needs=("session",)),
    "Query.auditEvents": Sample(given=""),
    "Query.auditPage": Sample(given=""),
    "Query.auditCheckpoint": Sample(given="", needs=("sealed",)),
    "Query.auditInclusionProof": Sample(lambda facts: {"eventId": facts["event"]}, given="", needs=("sealed",)),
    "Query.auditConsistencyProof": Sample(lambda _: {"from": 1, "to": 2}, given="", needs=("invitation", "sealed")),
    "Query.verifyAuditLog": Sample(given="", needs=("sealed",)),
    "Query.agent": Sample(_agent, given="", needs=("governed",)),
    "Query.agents": Sample(given=""),
    "Query.policy": Sample(_policy, given="", needs=("governed",)),
    "Query.policies": Sample(given=""),
    "Query.policyVersions": Sample(_policy, given="", needs=("governed",)),
    "Query.approval": Sample(_approval, given="", needs=("governed",)),
    "Query.approvals": Sample(given=""),
    "Query.explainDecision": Sample(lambda _: {"input": {"action": "orders.refund", "resource": "orders/1"}}, given=""),
    "Query.backtestPolicy": Sample(lambda _: {"input": {"draft": DRAFT, **SPAN}}, given=""),
    "Query.liveness": Sample(),
    "Query.health": Sample(),
    "Query.readiness": Sample(),
    "Query.statusSummary": Sample(),
    "Query.node": Sample(_id),
    "Query.verifyIdentity": Sample(),
    "Query.jwks": Sample(given=""),
    "Query.signingKeys": Sample(given=""),
    "Query.federationProviders": Sample(given=""),
    "Query.organizationOverview": Sample(given=""),
    "Query.driftPolicy": Sample(given=""),
    "Query.complianceReport": Sample(given=""),
    "Query.organizationModels": Sample(_organization, given=""),
    "Query.usage": Sample(given=""),
    "Query.organizationUsage": Sample(given=""),
    "Query.billing": Sample(_organization, given=""),
    "Query.billingRates": Sample(given=""),
    "Query.billingUsage": Sample(given=""),
    "Query.installation": Sample(given=""),
    "Query.installationHistory": Sample(given=""),
    "Query.organizationsHealth": Sample(given=""),
    "Query.organizationCosts": Sample(_organization, given=""),
    "Mutation.updateDriftPolicy": Sample(lambda _: {"input": {"action": "IGNORE"}}, given=""),
    "Mutation.setOrganizationModels": Sample(lambda _: {"models": [MODEL]}, given=""),
    "Mutation.startCheckout": Sample(lambda _: {"input": {**CHECKOUT, "plan": "PRO"}}, given=""),
    "Mutation.simulatePayment": Sample(given="", needs=("checkout",)),
    "Mutation.createEnvironment": Sample(lambda _: {"input": {"blueprint": BLUEPRINT}}),
    "Mutation.updateEnvironment": Sample(lambda facts: {**_id(facts), "input": {"name": "renamed"}}),
    "Mutation.stopEnvironment": Sample(_id),
    "Mutation.resumeEnvironment": Sample(_id, given="stopped"),
    "Mutation.retryEnvironment": Sample(_id, given="failed"),
    "Mutation.deleteEnvironment": Sample(_id),
    "Mutation.scaleEnvironmentService": Sample(
        lambda facts: {**_id(facts), "input": {"service": "web", "replicas": 2}}
    ),
    "Mutation.validateBlueprint": Sample(lambda _: {"input": {"blueprint": BLUEPRINT}}),
    "Mutation.createApiKey": Sample(
        lambda facts: {**_organization(facts), "input": {"name": "deploy", "scopes": ["environments:read"]}}, given=""
    ),
    "Mutation.revokeApiKey": Sample(lambda facts: {"id": facts.key}, given=""),
    "Mutation.rotateApiKey": Sample(lambda facts: {"id": facts.key, "overlap": 60}, given=""),
    "Mutation.inviteMember": Sample(lambda _: {"input": {"email": "guest@example.com", "role": "viewer"}}, given=""),
    "Mutation.revokeInvitation": Sample(lambda facts: {"id": facts["invitation"]}, given="", needs=("invitation",)),
    "Mutation.updateMember": Sample(
        lambda facts: {"id": facts["member"], "input": {"role": "member"}}, given="", needs=("member",)
    ),
    "Mutation.removeMember": Sample(lambda facts: {"id": facts["member"]}, given="", needs=("member",)),
    "Mutation.createRole": Sample(
        lambda _: {"input": {"name": "tester", "permissions": ["environments:read"]}}, given=""
    ),
    "Mutation.updateRole": Sample(
        lambda facts: {"id": facts["role"], "input": {"permissions": ["environments:read"]}},
        given="",
        needs=("role",),
    ),
    "Mutation.deleteRole": Sample(lambda facts: {"id": facts["role"]}, given="", needs=("role",)),
    "Mutation.updateOrganization": Sample(
        lambda facts: {"id": facts["organization"], "input": {"name": "Renamed"}}, given=""
    ),
    "Mutation.createPasswordReset": Sample(lambda facts: {"userId": facts["member"]}, given="", needs=("member",)),
    "Mutation.signIn": Sample(
        lambda facts: {"input": {"email": facts["email"], "password": PASSWORD}}, given="", needs=("email",)
    ),
    "Mutation.refreshSession": Sample(
        lambda facts: {"refreshToken": facts["refresh_token"]}, given="", needs=("session",)
    ),
    "Mutation.acceptInvitation": Sample(
        lambda facts: {"input": {"token": facts["invitation_token"], "password": PASSWORD}},
        given="",
        needs=("invitation",),
    ),
    "Mutation.resetPassword": Sample(
        lambda facts: {"input": {"token": facts["reset_token"], "password": PASSWORD}}, given="", needs=("reset",)
    ),
    "Mutation.signOut": Sample(given="", session=True, otherwise="CONFLICT"),
    "Mutation.endSignInSession": Sample(
        lambda facts: {"id": facts["session"]}, given="", needs=("session",), otherwise="NOT_FOUND"
    ),
    "Mutation.changePassword": Sample(
        lambda _: {"input": {"currentPassword": PASSWORD, "newPassword": "another long password"}}, given=""
    ),
    "Mutation.beginSecondFactor": Sample(lambda _: {"password": PASSWORD}, given=""),
    "Mutation.confirmSecondFactor": Sample(
        lambda facts: {"code": facts["code"]}, given="", needs=("second_factor",), otherwise="CONFLICT"
    ),
    "Mutation.removeSecondFactor": Sample(
        lambda facts: {"input": {"password": PASSWORD, "code": facts["recovery_code"]}},
        given="",
        needs=("confirmed_factor",),
        otherwise="CONFLICT",
    ),
    "Mutation.rotateSigningKey": Sample(lambda _: {"family": "CLASSICAL"}, given=""),
    "Mutation.mintFederatedToken": Sample(lambda _: {"input": FEDERATED}, given=""),
    "Mutation.registerFederationProvider": Sample(lambda _: {"input": PROVIDER}, given=""),
    "Mutation.syncFederationProvider": Sample(lambda facts: {"id": facts["provider"]}, given="", needs=("provider",)),
    "Mutation.removeFederationProvider": Sample(lambda facts: {"id": facts["provider"]}, given="", needs=("provider",)),
    "Mutation.eraseAuditPersonalData": Sample(lambda _: {"userId": MISSING["usr"]}, given=""),
    "Subscription.auditLog": Sample(lambda _: {"follow": False}, given=""),
    "Mutation.enrollAgent": Sample(lambda _: {"input": {"name": "order-processor"}}, given=""),
    "Mutation.updateAgent": Sample(
        lambda facts: {**_agent(facts), "input": {"description": "renamed"}}, given="", needs=("governed",)
    ),
    "Mutation.suspendAgent": Sample(_agent, given="", needs=("governed",)),
    "Mutation.resumeAgent": Sample(_agent, given="", needs=("governed",)),
    "Mutation.rotateAgentCredential": Sample(_agent, given="", needs=("governed",)),
    "Mutation.retireAgent": Sample(_agent, given="", needs=("governed",)),
    "Mutation.setAgentsEnabled": Sample(lambda _: {"enabled": True}, given=""),
    "Mutation.createPolicy": Sample(lambda _: {"input": {"name": "made", "rules": RULES}}, given=""),
    "Mutation.updatePolicy": Sample(
        lambda facts: {**_policy(facts), "input": {"description": "renamed"}}, given="", needs=("governed",)
    ),
    "Mutation.setPolicyMode": Sample(
        lambda facts: {**_policy(facts), "mode": "MONITOR"}, given="", needs=("governed",)
    ),
    "Mutation.archivePolicy": Sample(_policy, given="", needs=("governed",)),
    "Mutation.setDefaultDecision": Sample(lambda _: {"decision": "ALLOW"}, given=""),
    "Mutation.approveRequest": Sample(_approval, given="", needs=("governed",)),
    "Mutation.denyRequest": Sample(_approval, given="", needs=("governed",)),
    "Mutation.evaluatePolicy": Sample(
        lambda _: {"input": {"action": "orders.refund", "resource": "orders/1", "dryRun": True}}, given=""
    ),
    "Mutation.settleUsage": Sample(
        lambda facts: {"id": facts["decision"], "usage": {"tokens": 1}}, given="", needs=("governed",)
    ),
    "Subscription.policyDecisions": Sample(lambda _: {"follow": False}, given=""),
    "Subscription.environmentProgress": Sample(_id, given="terminated"),
    "Subscription.environmentLogs": Sample(_id, given="terminated"),
}

ROUTE_SAMPLES: dict[str, RouteSample] = {
    "DiscoverSso": RouteSample(query={"domain": "nowhere.example"}, given=""),
    "BeginSso": RouteSample(query={"email": "somebody@nowhere.example"}, given=""),
    "FinishSso": RouteSample(query={"state": "x", "code": "y"}, given=""),
    "UpdateSso": RouteSample(body=SSO, given=""),
    "ListSsoConnections": RouteSample(given="", needs=("connection",)),
    "RemoveSsoConnection": RouteSample(lambda facts: {"id": facts["connection"]}, given="", needs=("connection",)),
    "VerifySsoDomain": RouteSample(lambda facts: {"id": facts["domain"]}, given="", needs=("connection",)),
    "Login": RouteSample(
        body=lambda facts: {"email": facts["email"], "password": PASSWORD}, given="", needs=("email",)
    ),
    "RefreshLogin": RouteSample(
        body=lambda facts: {"refreshToken": facts["refresh_token"]}, given="", needs=("session",)
    ),
    "Register": RouteSample(
        body=lambda facts: {"token": facts["invitation_token"], "password": PASSWORD}, given="", needs=("invitation",)
    ),
    "Logout": RouteSample(given="", session=True),
    "GetMe": RouteSample(given=""),
    "GetAccount": RouteSample(given=""),
    "ChangePassword": RouteSample(body={"currentPassword": PASSWORD, "newPassword": "another long password"}, given=""),
    "ResetPassword": RouteSample(
        body=lambda facts: {"token": facts["reset_token"], "password": PASSWORD}, given="", needs=("reset",)
    ),
    "ListSessions": RouteSample(given="", needs=("session",)),
    "EndSession": RouteSample(lambda facts: {"id": facts["session"]}, given="", needs=("session",)),
    "BeginSecondFactor": RouteSample(body={"password": PASSWORD}, given=""),
    "ConfirmSecondFactor": RouteSample(body=lambda facts: {"code": facts["code"]}, given="", needs=("second_factor",)),
    "RemoveSecondFactor": RouteSample(
        body=lambda facts: {"password": PASSWORD, "code": facts["recovery_code"]},
        given="",
        needs=("confirmed_factor",),
    ),
    "ListUsers": RouteSample(given="", needs=("member",)),
    "GetUser": RouteSample(lambda facts: {"id": facts["member"]}, given="", needs=("member",)),
    "UpdateUser": RouteSample(
        lambda facts: {"id": facts["member"]}, body={"role": "member"}, given="", needs=("member",)
    ),
    "RemoveUser": RouteSample(lambda facts: {"id": facts["member"]}, given="", needs=("member",)),
    "OfferPasswordReset": RouteSample(lambda facts: {"id": facts["member"]}, given="", needs=("member",)),
    "InviteUser": RouteSample(body={"email": "guest@example.com", "role": "viewer"}, given=""),
    "ListInvitations": RouteSample(given="", needs=("invitation",)),
    "RevokeInvitation": RouteSample(lambda facts: {"id": facts["invitation"]}, given="", needs=("invitation",)),
    "ListRoles": RouteSample(given="", needs=("role",)),
    "GetRole": RouteSample(lambda facts: {"id": facts["role"]}, given="", needs=("role",)),
    "CreateRole": RouteSample(body={"name": "tester", "permissions": ["environments:read"]}, given=""),
    "UpdateRole": RouteSample(
        lambda facts: {"id": facts["role"]}, body={"description": "tests"}, given="", needs=("role",)
    ),
    "DeleteRole": RouteSample(lambda facts: {"id": facts["role"]}, given="", needs=("role",)),
    "ListPermissions": RouteSample(given=""),
    "ListCompanies": RouteSample(given=""),
    "GetCompany": RouteSample(lambda facts: {"id": facts["organization"]}, given=""),
    "UpdateCompany": RouteSample(lambda facts: {"id": facts["organization"]}, body={"name": "Renamed"}, given=""),
    "ListApiKeys": RouteSample(given=""),
    "CreateApiKey": RouteSample(body={"name": "deploy", "scopes": ["environments:read"]}, given=""),
    "RotateApiKey": RouteSample(lambda facts: {"id": facts["key"]}, body={"overlap": 60}, given=""),
    "RevokeApiKey": RouteSample(lambda facts: {"id": facts["key"]}, given=""),
    "CreateEnvironment": RouteSample(body={"blueprint": BLUEPRINT, "name": "made"}),
    "ListEnvironments": RouteSample(query={"limit": "10", "status": "running"}),
    "GetEnvironment": RouteSample(_id),
    "UpdateEnvironment": RouteSample(_id, body={"name": "renamed", "autoShutdown": "2h"}),
    "DeleteEnvironment": RouteSample(_id),
    "StopEnvironment": RouteSample(_id),
    "ResumeEnvironment": RouteSample(_id, given="stopped"),
    "RetryEnvironment": RouteSample(_id, given="failed"),
    "GetEnvironmentStatus": RouteSample(_id),
    "ScaleEnvironmentService": RouteSample(_id, body={"service": "web", "replicas": 2}),
    "ValidateBlueprint": RouteSample(body={"blueprint": BLUEPRINT}),
    "GetEnvironmentLogs": RouteSample(_id, query={"tail": "5", "service": "web"}),
    "EnvironmentProgress": RouteSample(_id, given="terminated"),
    "EnvironmentLogStream": RouteSample(_id, given="terminated"),
    "QueryAudit": RouteSample(query={"action": "environment.create", "from": "2026-01-01T00:00:00Z", "limit": "10"}),
    "GetAuditCheckpoint": RouteSample(given="", needs=("sealed",)),
    "GetAuditInclusionProof": RouteSample(lambda facts: {"id": facts["event"]}, given="", needs=("sealed",)),
    "GetAuditConsistencyProof": RouteSample(query={"from": "1", "to": "2"}, given="", needs=("invitation", "sealed")),
    "VerifyAuditLog": RouteSample(given="", needs=("sealed",)),
    "EraseAuditPersonalData": RouteSample(lambda _: {"user_id": MISSING["usr"]}, given=""),
    "FollowAuditLog": RouteSample(query={"follow": "false"}, given=""),
    "ListAuditLogs": RouteSample(query={"result": "allowed", "limit": "10"}, given=""),
    "EnrollAgent": RouteSample(body={"name": "order-processor", "metadata": {"team": "commerce"}}, given=""),
    "ListAgents": RouteSample(query={"limit": "10"}, given="", needs=("governed",)),
    "GetAgent": RouteSample(_agent, given="", needs=("governed",)),
    "UpdateAgent": RouteSample(_agent, body={"description": "renamed"}, given="", needs=("governed",)),
    "SuspendAgent": RouteSample(_agent, given="", needs=("governed",)),
    "ResumeAgent": RouteSample(_agent, given="", needs=("governed",)),
    "RotateAgentCredential": RouteSample(_agent, body={"overlap": "1h"}, given="", needs=("governed",)),
    "RetireAgent": RouteSample(_agent, given="", needs=("governed",)),
    "CreatePolicy": RouteSample(body={"name": "made", "scope": "org", "rules": RULES}, given=""),
    "ListPolicies": RouteSample(query={"limit": "10"}, given="", needs=("governed",)),
    "GetPolicy": RouteSample(_policy, given="", needs=("governed",)),
    "UpdatePolicy": RouteSample(_policy, body={"description": "renamed"}, given="", needs=("governed",)),
    "EvaluatePolicy": RouteSample(body={"action": "orders.refund", "resource": "orders/1"}, given=""),
    "SettleUsage": RouteSample(
        lambda facts: {"id": facts["decision"]}, body={"tokens": 1}, given="", needs=("governed",)
    ),
    "ExplainDecision": RouteSample(body={"action": "orders.refund", "resource": "orders/1"}, given=""),
    "BacktestPolicy": RouteSample(body={"draft": DRAFT, **SPAN}, given=""),
    "ListApprovals": RouteSample(query={"limit": "10"}, given="", needs=("governed",)),
    "GetApproval": RouteSample(_approval, given="", needs=("governed",)),
    "ApproveRequest": RouteSample(_approval, given="", needs=("governed",)),
    "DenyRequest": RouteSample(_approval, given="", needs=("governed",)),
    "GetHealth": RouteSample(),
    "GetLiveness": RouteSample(),
    "GetReadiness": RouteSample(),
    "GetHealthDetails": RouteSample(),
    "GetReady": RouteSample(),
    "GetStatusSummary": RouteSample(),
    "ListTemplates": RouteSample(),
    "GetTemplate": RouteSample(lambda _: {"id": "hello"}),
    "GetIdentityVerify": RouteSample(),
    "MintFederatedToken": RouteSample(body=FEDERATED, given=""),
    "RegisterFederationProvider": RouteSample(body=PROVIDER, given=""),
    "GetFederationJwks": RouteSample(query={"kty": "AKP"}, given=""),
    "GetWellKnownJwks": RouteSample(given=""),
    "ListFederationProviders": RouteSample(query={"limit": "10"}, given="", needs=("provider",)),
    "SyncFederationProvider": RouteSample(lambda facts: {"id": facts["provider"]}, given="", needs=("provider",)),
}

ROUTE_SAMPLES |= {
    "GetUsage": RouteSample(given=""),
    "GetOrganization": RouteSample(given=""),
    "GetOrganizationUsage": RouteSample(given=""),
    "GetDriftPolicy": RouteSample(given=""),
    "UpdateDriftPolicy": RouteSample(body={"action": "ignore"}, given=""),
    "GetComplianceReport": RouteSample(query={"from": "2026-01-01T00:00:00Z"}, given=""),
    "StartCheckout": RouteSample(body=CHECKOUT, given=""),
    "SimulatePayment": RouteSample(body={}, given="", needs=("checkout",)),
    "ListBillingUsage": RouteSample(query={"limit": "10"}, given=""),
    "ListBillingRates": RouteSample(given=""),
    "GetAdminMetricsSummary": RouteSample(given=""),
    "GetAdminMetricsHistory": RouteSample(query={"step": "5m"}, given=""),
    "ListOrganizationsHealth": RouteSample(query={"limit": "10"}, given=""),
    "GetOrganizationCosts": RouteSample(lambda facts: {"orgId": facts["organization"]}, given=""),
    "GetOrganizationBilling": RouteSample(_organization, given=""),
    "ListOrganizationApiKeys": RouteSample(_organization, query={"limit": "10"}, given=""),
    "CreateOrganizationApiKey": RouteSample(_organization, body={"name": "deploy"}, given=""),
    "ListOrganizationModels": RouteSample(_organization, given=""),
    "GetAdminOverview": RouteSample(given=""),
}

OPERATIONS: dict[str, RestOperation] = {operation.name: operation for operation in load(contract("graphql"))}
#: Those that answer with a redirect take a provider and a browser: tests/api/sso follows them.
ROUTES = {name: found for name, found in OPERATIONS.items() if not found.is_stream and not found.redirects}
STREAMS = {name: operation for name, operation in OPERATIONS.items() if operation.is_stream}


def of_operators(name: str) -> bool:
    """Whether only operators of the installation may call a root field."""
    needed = root_access(build_schema())[name.partition(".")[2]]
    return needed is not None and needed[0] == Scope.ADMINISTRATION


def route_of_operators(name: str) -> bool:
    """Whether only operators of the installation may ask a route."""
    access = OPERATIONS[name].access
    return access is not None and access[0] == Scope.ADMINISTRATION


async def facts(client: Client, sample: Sample | RouteSample) -> Facts:
    """What a sample needs in the client's organization, and a key in any case."""
    made = await client.data('mutation { createApiKey(input: {name: "private-key"}) { id } }')
    known = {"organization": client.tenant.id, "key": made["createApiKey"]["id"]}
    if sample.given:
        known["environment"] = await client.environment(sample.given, name="private-name")
    for name in sample.needs:
        known.update(await PREPARATIONS[name](client))
    return Facts(known)


async def caller(client: Client, sample: Sample | RouteSample) -> Client:
    """The client as the sample wants it: with its key, or signed in."""
    return await client.signed_in() if sample.session else client


def root_fields() -> dict[str, GraphQLField]:
    """`Query.environment` and all others."""
    schema = build_schema()._schema
    roots = [schema.query_type, schema.mutation_type, schema.subscription_type]
    return {f"{root.name}.{name}": found for root in roots if root for name, found in root.fields.items()}


def document(name: str, arguments: dict[str, Any]) -> str:
    """An operation that asks a root field with these arguments for everything that it has."""
    root, _, field_name = name.partition(".")
    definition = root_fields()[name]
    unset = [
        key for key, argument in definition.args.items() if is_required_argument(argument) and key not in arguments
    ]
    assert not unset, f"the sample of {name} in tests/support/samples.py leaves out {', '.join(unset)}"
    declared = ", ".join(f"${key}: {definition.args[key].type}" for key in arguments)
    passed = ", ".join(f"{key}: ${key}" for key in arguments)
    head = f"{root.lower()} Sample{f'({declared})' if declared else ''}"
    return f"{head} {{ {field_name}{f'({passed})' if passed else ''} {everything(definition.type)} }}"


def everything(type_: Any, depth: int = 0) -> str:
    """A selection of all fields, those of all implementations of an interface included."""
    found: Any = get_named_type(type_)
    if is_leaf_type(found):
        return ""
    if not isinstance(found, GraphQLObjectType):
        schema = build_schema()._schema
        kinds = schema.get_possible_types(found)
        types: dict[str, set[str]] = {}
        for kind in kinds:
            for name, part in kind.fields.items():
                types.setdefault(name, set()).add(str(part.type))
        apart = {name for name, several in types.items() if len(several) > 1}
        return f"{{ __typename {' '.join(f'... on {kind.name} {_fields(kind, depth, apart)}' for kind in kinds)} }}"
    return _fields(found, depth, set())


def _fields(kind: GraphQLObjectType, depth: int, apart: set[str]) -> str:
    """All fields of an object; `apart` are those that mean something else in another type beside it."""
    fields = [
        f"{f'{kind.name}_{name}: ' if name in apart else ''}{name} {everything(part.type, depth + 1)}"
        for name, part in kind.fields.items()
    ]
    return f"{{ {' '.join(fields)} }}"


def sampled(samples: dict[str, Any], names: Any) -> Iterator[str]:
    """The names that have a sample."""
    return (name for name in names if name in samples)


_CHANGING = [
    (re.compile(r"\b([a-z]{2,8})_[0-9a-z]{26}"), r"\1_"),
    (re.compile(r"\b(sk_live|rt|sos|inv_token|reset)_[0-9A-Za-z_-]{30,}"), r"\1_"),
    (re.compile(r"\b(sk_live)_[0-9A-Za-z]{4}\b"), r"\1_"),
    (re.compile(r"\b[A-Z2-7]{32}\b"), "<secret>"),
    (re.compile(r"\b[0-9a-f]{6}-[0-9a-f]{6}\b"), "<code>"),
    (re.compile(r"\beyJ[0-9A-Za-z_.-]+"), "<jwt>"),
    (re.compile(r"\b(owner|admin|member|viewer|guest)\d+@example\.com"), r"\1@example.com"),
    (re.compile(r"\b(Organization|owner) ?\d+"), r"\1"),
    (re.compile(r"private-(agent|policy)-\d+"), r"private-\1"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<hash>"),
    (re.compile(r"(cred|sk_live)_[0-9A-Za-z]{6,36}"), r"\1_"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)"), "<time>"),
    (re.compile(r"127\.0\.0\.1:\d+"), "<address>"),
    (re.compile(r"eyJ[\w.-]+"), "<token>"),
    (re.compile(r'("(?:port|pid|uptimeSeconds|remaining|tookMicroseconds|took_microseconds)": ?)\d+'), r"\1 0"),
    (re.compile(r"soundstage-verification=\w+"), "<record>"),
    (re.compile(r"private-\w+\.example"), "private.example"),
    (re.compile(r'("(?:uptimeSeconds|answeredRequests|databaseBytes)": ?)[\d.]+'), r"\1 0"),
]


def steady(text: str) -> str:
    """An answer without what differs from call to call: ids, times, ports."""
    for pattern, instead in _CHANGING:
        text = pattern.sub(instead, text)
    return text
