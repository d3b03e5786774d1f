"""Skills of a workspace, asked as clients do."""

from __future__ import annotations

from typing import Any

import pytest

from app.skills import service
from tests.support.samples.assistant import PREPARATIONS, SKILL
from tests.support.samples.workspaces import PREPARATIONS as WORKSPACES
from tests.support.serving import Served

pytestmark = pytest.mark.anyio
UPDATE = (
    "mutation ($id: ID!, $input: UpdateSkillInput!, $at: Int)"
    " { updateSkill(id: $id, input: $input, ifVersion: $at) { version name } }"
)


async def test_a_skill_is_made_changed_and_removed(shared: Served) -> None:
    client = await shared.newcomer()
    workspace = (await WORKSPACES["workspace"](client))["workspace"]
    path = f"/api/v1/workspace/{workspace}/skills"
    files = [{"path": "scripts/release.sh", "content": "git tag"}]

    made = await client.post(path, json={**SKILL, "name": "release", "files": files})
    changed = await client.data(UPDATE, {"id": made.json()["id"], "input": {"name": "release-it"}, "at": 1})
    late = await client.code(UPDATE, {"id": made.json()["id"], "input": {"name": "late"}, "at": 1})
    listed = (await client.get(path)).json()
    await client.data("mutation ($id: ID!) { deleteSkill(id: $id) { id } }", {"id": made.json()["id"]})

    assert (made.status_code, made.json()["files"]) == (201, files)
    assert changed["updateSkill"] == {"version": 2, "name": "release-it"}
    assert late == "PRECONDITION_FAILED"
    assert [skill["name"] for skill in listed] == ["release-it"]
    assert (await client.get(path)).json() == []


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "Release Notes"},
        {"name": "x" * 65},
        {"description": " "},
        {"instructions": "x" * (64 * 1024 + 1)},
        {"files": [{"path": "../up", "content": ""}]},
        {"files": [{"path": "/etc/passwd", "content": ""}]},
        {"files": [{"path": "a", "content": ""}, {"path": "a", "content": ""}]},
        {"files": [{"path": "a", "content": "x" * (256 * 1024 + 1)}]},
        {"files": [{"path": f"f{number}", "content": ""} for number in range(21)]},
    ],
)
async def test_a_skill_that_is_not_valid_is_refused(shared: Served, changed: dict[str, Any]) -> None:
    client = await shared.newcomer()
    workspace = (await WORKSPACES["workspace"](client))["workspace"]

    answer = await client.post(f"/api/v1/workspace/{workspace}/skills", json={**SKILL, **changed})

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_skill")


async def test_a_name_is_taken_once_in_a_workspace(shared: Served) -> None:
    client = await shared.newcomer()
    known = await PREPARATIONS["skill"](client)
    other = (await WORKSPACES["workspace"](client))["workspace"]

    again = await client.post(f"/api/v1/workspace/{known['workspace']}/skills", json=SKILL)
    elsewhere = await client.post(f"/api/v1/workspace/{other}/skills", json=SKILL)

    assert (again.status_code, again.json()["error"]["code"]) == (409, "skill_name_taken")
    assert elsewhere.status_code == 201


async def test_skills_are_bounded_and_end_with_their_workspace(shared: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_SKILLS", 1)
    client = await shared.newcomer()
    known = await PREPARATIONS["skill"](client)
    path = f"/api/v1/workspace/{known['workspace']}/skills"

    full = await client.post(path, json={**SKILL, "name": "more"})
    await client.delete(f"/api/v1/workspace/{known['workspace']}")

    assert (full.status_code, full.json()["error"]["code"]) == (409, "too_many_skills")
    assert (await client.get(path)).status_code == 404
    found = await client.data("query ($id: ID!) { skill(id: $id) { id } }", {"id": known["skill"]})
    assert found == {"skill": None}
