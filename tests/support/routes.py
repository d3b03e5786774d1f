"""Asks REST routes by the names of their operations."""

from __future__ import annotations

import re
from typing import Any

import httpx

from tests.support.samples import OPERATIONS, ROUTE_SAMPLES, Facts, caller, facts
from tests.support.serving import Client

#: The APIs whose bodies stand in an envelope.
ENVELOPED = ("surestage", "microstax")


def path_of(name: str, known: Facts, documented: str | None = None) -> str:
    """The path of a route with the sample's values in it; another of its paths when given."""
    values = ROUTE_SAMPLES[name].path(known)
    return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], documented or OPERATIONS[name].path)


async def request(client: Client, name: str, known: Facts, path: str | None = None, **options: Any) -> httpx.Response:
    """The answer of a route to its sample."""
    sample = ROUTE_SAMPLES[name]
    options.setdefault("json", sample.json(known))
    client = await caller(client, sample) if client.key == client.tenant.api_key else client
    return await client.request(OPERATIONS[name].method, path or path_of(name, known), params=sample.query, **options)


def payload(name: str, body: Any) -> Any:
    """What an answer is about, out of the envelope of its API."""
    operation = OPERATIONS[name]
    return body["data"] if operation.api in ENVELOPED and not operation.raw else body


async def facts_for(client: Client, name: str) -> Facts:
    """What a route's sample needs to be there."""
    return await facts(client, ROUTE_SAMPLES[name])
