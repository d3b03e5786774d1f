"""`ETag`, `If-Match` and `If-None-Match`."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.serving import Client, Served

pytestmark = pytest.mark.anyio


async def _tag(client: Client, environment: str) -> str:
    return (await client.get(f"/v1/environments/{environment}")).headers["etag"]


async def test_a_resource_has_its_version_as_etag(shared: Served) -> None:
    known = await shared.running()

    answer = await shared.get(f"/v1/environments/{known}")

    assert answer.headers["etag"] == f'"{answer.json()["data"]["version"]}"'
    assert "etag" not in (await shared.get("/v1/environments")).headers


async def test_an_unchanged_resource_is_304_without_a_body(shared: Served) -> None:
    known = await shared.running()
    tag = await _tag(shared, known)

    for header in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = await shared.get(f"/v1/environments/{known}", headers={"If-None-Match": header})
        assert (answer.status_code, answer.content) == (304, b""), header
        assert answer.headers["etag"] == tag


async def test_a_changed_resource_is_read_again(shared: Served) -> None:
    known = await shared.running()
    tag = await _tag(shared, known)

    changed = await shared.patch(f"/v1/environments/{known}", json={"name": "other"})
    answer = await shared.get(f"/v1/environments/{known}", headers={"If-None-Match": tag})

    assert answer.status_code == 200
    assert changed.headers["etag"] != tag


@pytest.mark.parametrize("verb", ["rename", "scale", "delete"])
async def test_a_change_of_the_present_version_is_made(shared: Served, verb: str) -> None:
    known = await shared.running()
    tag = await _tag(shared, known)

    assert (await _change(shared, known, verb, tag)).status_code == 200


@pytest.mark.parametrize("verb", ["rename", "scale", "delete"])
@pytest.mark.parametrize("stale", ['"1"', '"999999"', '"9999999999"', '"abc"', "nonsense", '"1", "2"', '""', '"-1"'])
async def test_a_change_of_another_version_is_412_and_changes_nothing(shared: Served, verb: str, stale: str) -> None:
    known = await shared.running()
    before = await _tag(shared, known)

    answer = await _change(shared, known, verb, stale)

    assert answer.status_code == 412
    assert answer.json()["error"]["code"] == "precondition_failed"
    assert await _tag(shared, known) == before


async def test_any_version_matches_a_star(shared: Served) -> None:
    known = await shared.running()

    assert (await _change(shared, known, "rename", "*")).status_code == 200


async def test_of_many_who_change_the_same_version_one_succeeds(shared: Served) -> None:
    known = await shared.running()
    tag = await _tag(shared, known)
    headers = {"If-Match": tag}

    answers = await asyncio.gather(
        *(shared.patch(f"/v1/environments/{known}", json={"name": f"n{n}"}, headers=headers) for n in range(20))
    )

    statuses = sorted(answer.status_code for answer in answers)
    winner = next(answer for answer in answers if answer.status_code == 200).json()["data"]["name"]
    assert statuses.count(200) == 1
    assert set(statuses[1:]) <= {409, 412}
    assert (await shared.get(f"/v1/environments/{known}")).json()["data"]["name"] == winner


async def _change(client: Client, environment: str, verb: str, tag: str):  # type: ignore[no-untyped-def]
    headers = {"If-Match": tag}
    path = f"/v1/environments/{environment}"
    if verb == "rename":
        return await client.patch(path, json={"name": "other"}, headers=headers)
    if verb == "scale":
        return await client.patch(f"{path}/scale", json={"service": "web", "replicas": 2}, headers=headers)
    return await client.delete(path, headers=headers)
