"""Documents that are named by their hashes, and a server that runs no others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any

import pytest

from app.cli.documents import document
from tests.support.serving import Served

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", params=["sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    """What is tested here ends before the database."""
    name: str = request.param
    return name


async def _listed(client: Served, name: str) -> tuple[str, str]:
    found = (await client.get("/documents.json")).json()[name]
    return found["documentId"].removeprefix("sha256:"), found["text"]


@pytest.mark.parametrize(
    "spelled",
    [
        lambda hashed: {"documentId": hashed},
        lambda hashed: {"documentId": f"sha256:{hashed}"},
        lambda hashed: {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hashed}}},
    ],
)
async def test_a_document_is_named_in_three_ways(shared: Served, spelled: Callable[[str], dict[str, Any]]) -> None:
    hashed, text = await _listed(shared, "ListEnvironments")

    for _ in range(2):  # by graphql-core or by its plan
        named = (await shared.post("/graphql", json={**spelled(hashed), "variables": {"limit": 5}})).json()
        sent = await shared.ask(text, {"limit": 5})

        assert named["data"] == sent["data"]


async def test_an_unknown_document_is_told_as_apollos_clients_expect_it(shared: Served) -> None:
    answer = await shared.post("/graphql", json={"documentId": "0" * 64})

    assert answer.status_code == 400
    [error] = answer.json()["errors"]
    assert error["message"].startswith("PersistedQueryNotFound")
    assert error["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"


async def test_a_text_may_come_with_its_hash(shared: Served) -> None:
    text = "{ viewer { role } }"
    hashed = sha256(text.encode()).hexdigest()
    persisted = {"persistedQuery": {"version": 1, "sha256Hash": hashed}}

    for _ in range(2):
        answer = await shared.post("/graphql", json={"query": text, "extensions": persisted})
        assert answer.json()["data"] == {"viewer": {"role": "OWNER"}}

    wrong = await shared.post("/graphql", json={"query": "{ viewer { plan } }", "extensions": persisted})
    assert wrong.json()["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_HASH_MISMATCH"


async def test_a_server_may_run_its_own_documents_alone(serve: Callable[..., Awaitable[Served]]) -> None:
    client = await serve(trusted_documents=True)
    hashed, text = await _listed(client, "ListEnvironments")
    own = "{ viewer { role } }"

    named = await client.post("/graphql", json={"documentId": hashed})
    sent = await client.ask(text)
    refused = await client.post("/graphql", json={"query": own})
    streamed = await client.stream("subscription ($id: ID!) { environmentProgress(id: $id) { cursor } }", {"id": "e"})

    assert named.json()["data"]["environments"]["nodes"] == []
    assert "errors" not in sent
    assert refused.json()["errors"][0]["extensions"]["code"] == "DOCUMENT_NOT_TRUSTED"
    assert streamed[0]["errors"][0]["extensions"]["code"] == "DOCUMENT_NOT_TRUSTED"
    assert (await client.get("/v1/environments")).status_code == 200


async def test_the_command_lines_documents_are_trusted(serve: Callable[..., Awaitable[Served]]) -> None:

    client = await serve(trusted_documents=True)

    answer = await client.post(
        "/graphql", json={"query": document("ListEnvironments"), "operationName": "ListEnvironments"}
    )

    assert "DOCUMENT_NOT_TRUSTED" not in answer.text
