"""The organization, its usage and its billing; the installation."""

from __future__ import annotations

from typing import Any

from tests.support.sampling import Facts, RouteSample, Sample


def _organization(facts: Facts) -> dict[str, Any]:
    return {"organizationId": facts["organization"]}


MODEL = {"id": "small-1", "name": "Small", "provider": "Example", "baseUrl": "https://models.example/v1"}
CHECKOUT = {"plan": "pro", "successUrl": "https://shop.example/done", "cancelUrl": "https://shop.example/"}
SAMPLES: dict[str, Sample] = {
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
}

ROUTE_SAMPLES: dict[str, RouteSample] = {
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
