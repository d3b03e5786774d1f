"""An organization's settings, usage, bills and evidence, asked as clients do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from graphql import parse, validate

from app.administration.service import Administration
from app.core.clock import now
from app.identity.models import Plan
from resolvers.schema import build_schema
from tests.support.preparations import PREPARATIONS
from tests.support.serving import Served
from tests.support.waiting import until

pytestmark = pytest.mark.anyio
POLICY = "/v1/organization/drift-policy"
URLS = {"successUrl": "https://shop.example/done", "cancelUrl": "https://shop.example/"}


async def test_a_drift_policy_is_changed_at_its_version_only(shared: Served) -> None:
    client = await shared.newcomer()
    first = await client.get(POLICY)

    changed = await client.patch(POLICY, json={"action": "remediate"}, headers={"If-Match": first.headers["etag"]})
    again = await client.patch(POLICY, json={"schedule": 30}, headers={"If-Match": first.headers["etag"]})
    more = await client.patch(POLICY, json={"schedule": 30, "autoRemediate": True})

    assert (first.json()["data"]["action"], first.headers["etag"]) == ("alert", '"1"')
    assert (changed.json()["data"]["action"], changed.headers["etag"]) == ("remediate", '"2"')
    assert again.status_code == 412
    assert (await client.get(POLICY)).json()["data"] == more.json()["data"]
    assert (more.json()["data"]["schedule"], more.json()["data"]["action"]) == (30, "remediate")


@pytest.mark.parametrize("body", [{"schedule": 4}, {"autoRemediate": True}, {"exemptions": [""]}])
async def test_a_drift_policy_that_makes_no_sense_is_refused(shared: Served, body: dict[str, object]) -> None:
    client = await shared.newcomer()

    answer = await client.patch(POLICY, json=body)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"].lower() == "drift_policy_invalid"


async def test_usage_is_told_as_suradar_documents_it(shared: Served) -> None:
    client = await shared.newcomer()
    await PREPARATIONS["governed"](client)

    usage = (await client.get("/v1/usage")).json()

    assert list(usage) == ["period", "total_requests", "agents_active", "policy_evaluations", "actions_denied"]
    assert (usage["period"], usage["agents_active"], usage["actions_denied"]) == (f"{now():%Y-%m}", 1, 0)
    assert usage["policy_evaluations"] >= 1


async def test_every_figure_of_the_report_has_a_query_that_can_be_asked(shared: Served) -> None:
    client = await shared.newcomer(operator=True)
    await PREPARATIONS["governed"](client)
    await PREPARATIONS["confirmed_factor"](client)

    report = (await client.get("/v1/organization/compliance-report")).json()["data"]

    figures = {figure["name"]: figure for figure in report["figures"]}
    values = {name: figure["value"] for name, figure in figures.items()}
    assert values["agentsUnderEnforcedPolicy"] == 100
    assert values["membersWithSecondFactor"] == 100
    assert (values["unreviewedApprovals"], values["keysWithoutExpiry"], values["auditLogVerified"]) == (1, 1, 1)
    for figure in figures.values():
        assert validate(build_schema()._schema, parse(figure["query"])) == []
        await client.data(figure["query"])


async def test_a_simulated_payment_changes_the_plan_once(shared: Served) -> None:
    client = await shared.newcomer(Plan.FREE)
    started = await client.post("/v1/billing/checkout", json={"plan": "pro", **URLS})

    paid = await client.post("/v1/billing/simulate-success", json={})
    again = await client.post("/v1/billing/simulate-success", json={})

    assert (started.status_code, started.json()["data"]["status"]) == (201, "open")
    assert (paid.json()["data"]["id"], paid.json()["data"]["status"]) == (started.json()["data"]["id"], "completed")
    assert (await client.get("/v1/organization")).json()["data"]["plan"] == "pro"
    assert again.status_code == 409


async def test_without_a_provider_there_is_no_webhook(shared: Served) -> None:
    answer = await shared.with_key(None).post("/v1/billing/webhook", content=b"{}")

    assert answer.status_code == 404
    assert "SOUNDSTAGE_BILLING_PROVIDER" in answer.json()["error"]["message"]


async def test_cost_records_are_paged_without_gaps(shared: Served) -> None:
    client = await shared.newcomer()

    first = (await client.get("/v1/billing/usage", params={"limit": 3})).json()
    rest = (await client.get("/v1/billing/usage", params={"cursor": first["meta"]["nextCursor"]})).json()

    metrics = [record["metric"] for record in first["data"] + rest["data"]]
    assert metrics == ["plan", "requests", "policy_evaluations", "environment_hours"]
    assert rest["meta"]["hasMore"] is False


async def test_another_organizations_billing_looks_like_none(shared: Served) -> None:
    client, other = await shared.newcomer(), await shared.newcomer()

    for leaf in ("billing", "api-keys", "models"):
        assert (await client.get(f"/api/v1/organizations/{other.tenant.id}/{leaf}")).status_code == 404
        assert (await client.get(f"/api/v1/organizations/{client.tenant.id}/{leaf}")).status_code == 200


async def test_operators_see_the_installation_and_its_history(shared: Served) -> None:
    operator = await shared.newcomer(operator=True)
    environment = await operator.environment("failed")

    summary = (await operator.get("/v1/admin/metrics/summary")).json()["data"]
    health = (await operator.get("/v1/admin/orgs/health", params={"limit": 1})).json()["data"]
    await Administration(shared.product.database, lambda: now() + timedelta(minutes=2)).sample()
    soon = (now() + timedelta(minutes=5)).isoformat()
    history = (await operator.get("/v1/admin/metrics/history", params={"to": soon})).json()["data"]

    assert environment
    assert summary["organizations"] >= 2
    assert summary["answeredRequests"] >= 1
    assert summary["databaseBytes"] > 0
    assert (health[0]["id"], health[0]["failingEnvironments"]) == (operator.tenant.id, 1)
    assert history[-1]["organizations"] == summary["organizations"]


async def test_the_server_keeps_samples_by_itself(shared: Served) -> None:
    async def kept() -> bool:
        return bool(await Administration(shared.product.database).history(None, now() + timedelta(minutes=1), None))

    await until(kept)


@pytest.mark.parametrize("path", ["/v1/admin/metrics/history", "/v1/organization/compliance-report"])
@pytest.mark.parametrize(
    "query",
    [{"to": "0001-01-01T00:00:00"}, {"from": "9999-12-31T23:59:59-12:00"}, {"from": "2026-02-01", "to": "2026-01-01"}],
)
async def test_a_span_that_is_none_is_refused(shared: Served, path: str, query: dict[str, str]) -> None:
    operator = await shared.newcomer(operator=True)

    assert (await operator.get(path, params=query)).status_code == 400
