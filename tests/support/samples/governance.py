"""Agents, policies, approvals and the audit log."""

from __future__ import annotations

from typing import Any

from tests.support.sampling import MISSING, Facts, RouteSample, Sample


def _agent(facts: Facts) -> dict[str, Any]:
    return {"id": facts["agent"]}


def _policy(facts: Facts) -> dict[str, Any]:
    return {"id": facts["policy"]}


def _approval(facts: Facts) -> dict[str, Any]:
    return {"id": facts["approval"]}


RULES = [{"type": "rate_limit", "max_requests_per_minute": 1000}]
DRAFT = {"name": "draft", "rules": RULES}
SPAN = {"from": "2026-01-01T00:00:00Z", "to": "2027-01-01T00:00:00Z"}
SAMPLES: dict[str, Sample] = {
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
}

ROUTE_SAMPLES: dict[str, RouteSample] = {
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
}
