"""Organizations are apart: every operation and every route, asked for what belongs to somebody else.

The answer has to be the same as for an id that nobody has, and nothing of the other organization may be in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLField, GraphQLInputObjectType, get_nullable_type, is_required_input_field

from tests.support.samples import (
    MISSING,
    OPERATIONS,
    ROUTE_SAMPLES,
    ROUTES,
    SAMPLES,
    STREAMS,
    Facts,
    Kept,
    Sample,
    document,
    of_operators,
    root_fields,
    route_of_operators,
    steady,
)
from tests.support.serving import Client, Served
from tests.support.sockets import Refused, connected

pytestmark = pytest.mark.anyio


FIELDS = sorted(set(root_fields()) & set(SAMPLES))
#: Asks for something by its id that belongs to an organization.
NAMING = [
    name
    for name in FIELDS
    if SAMPLES[name].arguments(Facts(every_id="mine")) != SAMPLES[name].arguments(Facts(every_id="yours"))
]
#: Takes the organization's own id.
OWN = {"Query.node", "Query.organization", "Mutation.updateOrganization"}
ROUTES_NAMING = [
    name
    for name, sample in sorted(ROUTE_SAMPLES.items())
    if sample.path(Facts(every_id="mine")) != sample.path(Facts(every_id="yours"))
]


KEPT = Kept()
#: What arguments are called that name something by its id.
_IDS = {"id", "userId", "eventId", "organizationId", "workspaceId", "sessionId", "taskId"}
#: One of each kind that can be told by a list.
EVERYTHING = Sample(
    needs=(
        "member",
        "invitation",
        "role",
        "provider",
        "governed",
        "connection",
        "work_session",
        "terminal",
        "webhook",
        "code_host",
        "automation",
    )
)


def test_every_operation_that_takes_an_id_is_asked() -> None:
    by_id = {name for name, field in root_fields().items() if _IDS & set(_asked(field))}
    by_id -= {"Query.blueprintTemplate", "Mutation.eraseAuditPersonalData"}  # of nobody who is still known

    assert by_id == set(NAMING)


def _asked(field: GraphQLField) -> Iterator[str]:
    """The names of a field's arguments, and of what its input object has to hold."""
    for name, argument in field.args.items():
        yield name
        type_ = get_nullable_type(argument.type)
        if isinstance(type_, GraphQLInputObjectType):
            yield from (each for each, part in type_.fields.items() if is_required_input_field(part))


@pytest.mark.parametrize("name", NAMING)
async def test_what_is_somebody_elses_looks_like_what_nobody_has(shared: Served, name: str) -> None:
    (owner, theirs), stranger = await KEPT.owner(shared, SAMPLES[name]), await shared.newcomer()
    before = await _state(owner, theirs)

    foreign = await _ask(stranger, name, theirs)
    missing = await _ask(stranger, name, Facts())

    assert steady(foreign) == steady(missing)
    assert "private" not in foreign
    assert await _state(owner, theirs) == before, "a stranger changed it"


@pytest.mark.parametrize("name", NAMING)
async def test_an_id_in_a_list_of_another_kind_finds_nothing(shared: Served, name: str) -> None:
    """An organization's own id, or nonsense, in the place of an environment's."""
    client = await shared.newcomer(operator=of_operators(name))

    for wrong in (client.tenant.id, "env_", "", "' OR 1=1 --", "x" * 5_000, "env_" + "0" * 25 + "\u0000"):
        answer = json.loads(await _ask(client, name, Facts(every_id=wrong)))
        if wrong == client.tenant.id and (name in OWN or "organizationId" in root_fields()[name].args):
            continue
        errors = answer.get("errors")
        assert errors or set(answer["data"].values()) == {None}, f"{name} finds {wrong!r}"
        assert not errors or errors[0]["extensions"]["code"] in ("NOT_FOUND", "INVALID_REQUEST"), answer


@pytest.mark.parametrize("name", [name for name in FIELDS if name not in NAMING])
async def test_what_lists_or_tells_holds_nothing_of_others(shared: Served, name: str) -> None:
    (owner, known), stranger = await KEPT.owner(shared, EVERYTHING), await shared.newcomer()
    theirs = known.public()

    answer = await _ask(stranger, name, theirs)

    for secret in (*theirs.ids, owner.tenant.user_id, owner.tenant.email, "private-"):
        assert secret not in answer


@pytest.mark.parametrize("name", ROUTES_NAMING)
async def test_a_route_to_somebody_elses_looks_like_one_to_nothing(shared: Served, name: str) -> None:
    (owner, theirs), stranger = await KEPT.owner(shared, ROUTE_SAMPLES[name]), await shared.newcomer()
    before = await _state(owner, theirs)

    foreign = await _request(shared, stranger, name, theirs)
    missing = await _request(shared, stranger, name, Facts())

    assert foreign[0] == (403 if route_of_operators(name) else 404)
    assert (foreign[0], steady(foreign[1])) == (missing[0], steady(missing[1]))
    assert "private" not in foreign[1]
    assert await _state(owner, theirs) == before, "a stranger changed it"


@pytest.mark.parametrize("name", sorted(set(ROUTES) - set(ROUTES_NAMING)))
async def test_a_route_that_lists_holds_nothing_of_others(shared: Served, name: str) -> None:
    (owner, known), stranger = await KEPT.owner(shared, EVERYTHING), await shared.newcomer()
    theirs = known.public()

    _, answer = await _request(shared, stranger, name, theirs)

    for secret in (*theirs.ids, owner.tenant.user_id, owner.tenant.email, "private-"):
        assert secret not in answer


@pytest.mark.parametrize("name", [*sorted(ROUTES), *sorted(STREAMS)])
async def test_a_route_needs_a_key_unless_it_is_public(shared: Served, name: str) -> None:
    client, known = await KEPT.owner(shared, ROUTE_SAMPLES[name])

    status, _ = await _request(shared, client.with_key(None), name, known)

    public = OPERATIONS[name].access is None
    assert status == (OPERATIONS[name].status if public else 401)


async def test_cursors_and_pages_of_others_show_nothing(shared: Served) -> None:
    owner, stranger = await shared.newcomer(), await shared.newcomer()
    for number in range(3):
        await owner.create(name=f"private-{number}")
    page = (await owner.get("/v1/environments", params={"limit": 1})).json()

    answer = await stranger.get("/v1/environments", params={"cursor": page["meta"]["nextCursor"]})

    assert answer.json()["data"] == []


async def test_an_idempotency_key_of_another_organization_is_free(shared: Served) -> None:
    owner, stranger = await shared.newcomer(), await shared.newcomer()
    body = {"blueprint": {"services": {"web": {"run": "serve"}}}, "name": "private-name"}
    headers = {"Idempotency-Key": "the-same-key"}

    first = await owner.post("/v1/environments", json=body, headers=headers)
    second = await stranger.post("/v1/environments", json={**body, "name": "other"}, headers=headers)

    assert first.status_code == second.status_code == 202
    assert second.json()["data"]["name"] == "other"
    assert first.json()["data"]["id"] != second.json()["data"]["id"]


async def test_the_header_of_another_organization_is_refused(shared: Served) -> None:
    owner, stranger = await shared.newcomer(), await shared.newcomer()

    refused = await stranger.get("/v1/environments", headers={"X-Organization-ID": owner.tenant.id})
    own = await stranger.get("/v1/environments", headers={"X-Organization-ID": stranger.tenant.id})

    assert refused.status_code == 403
    assert owner.tenant.id not in refused.text
    assert own.status_code == 200


async def _ask(client: Client, name: str, known: Facts) -> str:
    arguments = SAMPLES[name].arguments(known)
    query = document(name, arguments)
    streams = name.startswith("Subscription.")
    answer = (await client.stream(query, arguments))[0] if streams else await client.ask(query, arguments)
    answer.get("extensions", {}).get("cost", {}).pop("remaining", None)  # one's own budget, which each question lessens
    return json.dumps(answer)


async def _request(served: Served, client: Client, name: str, known: Facts) -> tuple[int, str]:
    operation, sample = OPERATIONS[name], ROUTE_SAMPLES[name]
    path = re.sub(r"\{(\w+)\}", lambda found: sample.path(known)[found[1]], operation.path)
    if operation.is_stream:
        try:
            async with connected(served.product.app, path, key=client.key) as socket:
                return 101, json.dumps(await socket.all())
        except Refused as refused:
            return refused.status, json.dumps(refused.body)
    response = await client.request(operation.method, path, params=sample.query, json=sample.json(known))
    return response.status_code, response.text


async def _state(owner: Client, known: Facts) -> Any:
    environment = "environment(id: $id) { name status desiredStatus generation autoShutdown services { replicas } }"
    people = "members { nodes { id role } } invitations { nodes { id status } } roles { id version }"
    keys = "organizations { name } apiKeys { nodes { id expiresAt revokedAt } } federationProviders { nodes { id } }"
    sso = "ssoConnections { id version domains { id verifiedAt } }"
    workspaces = "workspaces { nodes { id version } } sessions { nodes { id version } }"
    governed = "agents { nodes { id status version } } policies { nodes { id version } }"
    hooks = "webhookIntegrations { nodes { id version } } codeHostConnections { id version }"
    query = f"query ($id: ID!) {{ {environment} {people} {keys} {governed} {sso} {workspaces} {hooks} }}"
    if "environment" not in known.known:
        query = query.replace("($id: ID!)", "").replace(environment, "")
    return await owner.data(query, {"id": known.environment} if "environment" in known.known else {})


def test_the_missing_ids_are_well_formed() -> None:
    assert all(re.fullmatch(r"[a-z]+_[0-9a-z]{26}", missing) for missing in MISSING.values())
