"""Environments, Blueprints and the state of the server."""

from __future__ import annotations

from typing import Any

from tests.support.sampling import Facts, RouteSample, Sample
from tests.support.serving import BLUEPRINT


def _id(facts: Facts) -> dict[str, Any]:
    return {"id": facts.environment}


SAMPLES: dict[str, Sample] = {
    "Query.environment": Sample(_id),
    "Query.environments": Sample(),
    "Query.environmentRecentLogs": Sample(_id),
    "Query.blueprintTemplates": Sample(),
    "Query.blueprintTemplate": Sample(lambda _: {"id": "hello"}),
    "Query.liveness": Sample(),
    "Query.health": Sample(),
    "Query.readiness": Sample(),
    "Query.statusSummary": Sample(),
    "Query.node": Sample(_id),
    "Mutation.createEnvironment": Sample(lambda _: {"input": {"blueprint": BLUEPRINT}}),
    "Mutation.updateEnvironment": Sample(lambda facts: {**_id(facts), "input": {"name": "renamed"}}),
    "Mutation.changeEnvironmentBlueprint": Sample(
        lambda facts: {**_id(facts), "input": {"blueprint": {"services": {"other": {"run": "serve"}}}}}
    ),
    "Mutation.stopEnvironment": Sample(_id),
    "Mutation.resumeEnvironment": Sample(_id, given="stopped"),
    "Mutation.retryEnvironment": Sample(_id, given="failed"),
    "Mutation.deleteEnvironment": Sample(_id),
    "Mutation.scaleEnvironmentService": Sample(
        lambda facts: {**_id(facts), "input": {"service": "web", "replicas": 2}}
    ),
    "Mutation.validateBlueprint": Sample(lambda _: {"input": {"blueprint": BLUEPRINT}}),
    "Subscription.environmentProgress": Sample(_id, given="terminated"),
    "Subscription.environmentLogs": Sample(_id, given="terminated"),
}

ROUTE_SAMPLES: dict[str, RouteSample] = {
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
    "GetHealth": RouteSample(),
    "GetLiveness": RouteSample(),
    "GetReadiness": RouteSample(),
    "GetHealthDetails": RouteSample(),
    "GetReady": RouteSample(),
    "GetStatusSummary": RouteSample(),
    "ListTemplates": RouteSample(),
    "GetTemplate": RouteSample(lambda _: {"id": "hello"}),
}
