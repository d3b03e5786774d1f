"""Several operations at one path: a field of the body chooses, and what chooses none is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.samples.workspaces import PREPARATIONS
from tests.support.serving import Served

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", params=["sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which operation is meant is no matter of the database."""
    name: str = request.param
    return name


async def _path(shared: Served) -> str:
    return f"/api/v1/workspace/{(await PREPARATIONS['work_session'](shared))['work_session']}/filesystem"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"path": "x"}, "'operation' field is required"),
        ({}, "'operation' field is required"),
        ({"operation": "eat"}, "'operation' is not known here"),
        ({"operation": ["read"]}, "'operation' is not known here"),
        ({"operation": "read", "path": "README.md", "text": "x"}, "Unknown field 'text'"),
        ({"operation": "read"}, "'path' field is required"),
        ([], "'operation' field is required"),
    ],
)
async def test_what_chooses_nothing_is_told(shared: Served, body: Any, told: str) -> None:
    answer = await shared.post(await _path(shared), json=body)

    assert answer.status_code == 400
    assert told in answer.json()["error"]["message"]


async def test_each_is_its_own_operation(shared: Served) -> None:
    path = await _path(shared)

    written = await shared.post(path, json={"operation": "write", "path": "file", "text": "1\n"})
    read = await shared.post(path, json={"operation": "read", "path": "file"})
    deleted = await shared.post(path, json={"operation": "delete", "path": "file"})

    assert [answer.status_code for answer in (written, read, deleted)] == [200, 200, 200]
    assert (read.json()["text"], read.json()["version"]) == ("1\n", written.json()["version"])


async def test_who_has_no_key_is_told_that_first(shared: Served) -> None:
    path = await _path(shared)

    assert (await shared.with_key(None).post(path, json={"operation": "read", "path": "x"})).status_code == 401
    assert (await shared.with_key(None).post(path, json={})).status_code == 401


async def test_no_json_is_told(shared: Served) -> None:
    path = await _path(shared)

    broken = await shared.post(path, content=b"{", headers={"Content-Type": "application/json"})
    plain = await shared.post(path, content=b"operation=read", headers={"Content-Type": "text/plain"})

    assert (broken.status_code, plain.status_code) == (400, 415)
