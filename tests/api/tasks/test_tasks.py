"""Tasks of a session, asked as clients do."""

from __future__ import annotations

from typing import Any

import pytest

from app.tasks.models import CLOSED, STEPS, TaskAction, TaskState
from tests.support.preparations import PREPARATIONS as GOVERNED
from tests.support.samples.assistant import PREPARATIONS
from tests.support.serving import Client, Served

pytestmark = pytest.mark.anyio
#: How a task gets into a state.
WAYS: dict[TaskState, list[str]] = {
    TaskState.OPEN: [],
    TaskState.IN_PROGRESS: ["start"],
    TaskState.BLOCKED: ["block"],
    TaskState.DONE: ["complete"],
    TaskState.CANCELLED: ["cancel"],
}


async def _manage(client: Client, task_id: str, action: str, **fields: Any) -> Any:
    return await client.post("/api/v1/task-management", json={"taskId": task_id, "action": action, **fields})


@pytest.mark.parametrize("state", TaskState)
@pytest.mark.parametrize("action", STEPS)
async def test_each_action_takes_the_states_that_it_begins_at(
    shared: Served, state: TaskState, action: TaskAction
) -> None:
    client = await shared.newcomer()
    task = (await PREPARATIONS["task"](client))["task"]
    for step in WAYS[state]:
        await _manage(client, task, step)

    answer = await _manage(client, task, str(action), reason="because")

    begins, ends = STEPS[action]
    if state not in begins:
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "task_state_conflict")
        return
    assert (answer.json()["state"], answer.json()["reason"]) == (str(ends), "because")
    assert (answer.json()["closedAt"] is not None) == (ends in CLOSED)


async def test_a_task_is_assigned_to_a_member_or_an_agent(shared: Served) -> None:
    client, other = await shared.newcomer(), await shared.newcomer()
    task = (await PREPARATIONS["task"](client))["task"]
    agent = (await GOVERNED["governed"](client))["agent"]

    to_agent = (await _manage(client, task, "assign", assigneeId=agent)).json()
    to_member = (await _manage(client, task, "assign", assigneeId=client.tenant.user_id)).json()
    to_stranger = await _manage(client, task, "assign", assigneeId=other.tenant.user_id)
    to_nobody = await _manage(client, task, "assign")
    nobodys = (await _manage(client, task, "unassign")).json()

    assert (to_agent["assigneeId"], to_member["assigneeId"]) == (agent, client.tenant.user_id)
    assert (to_stranger.status_code, to_stranger.json()["error"]["code"]) == (422, "unknown_assignee")
    assert to_nobody.status_code == 422
    assert nobodys["assigneeId"] is None


async def test_a_retired_agent_is_assigned_nothing(shared: Served) -> None:
    client = await shared.newcomer()
    task = (await PREPARATIONS["task"](client))["task"]
    agent = (await GOVERNED["governed"](client))["agent"]
    await client.data("mutation ($id: ID!) { retireAgent(id: $id) { id } }", {"id": agent})

    assert (await _manage(client, task, "assign", assigneeId=agent)).status_code == 422


async def test_a_task_is_changed_at_its_version_only(shared: Served) -> None:
    client = await shared.newcomer()
    task = (await PREPARATIONS["task"](client))["task"]

    changed = await _manage(client, task, "update", title="Renamed", description="More.")
    body = {"taskId": task, "action": "update", "title": "Late"}
    late = await client.post("/api/v1/task-management", json=body, headers={"If-Match": '"1"'})

    assert (changed.json()["title"], changed.json()["version"]) == ("Renamed", 2)
    assert late.status_code == 412


async def test_tasks_are_listed_by_state_and_deleted(shared: Served) -> None:
    client = await shared.newcomer()
    known = await PREPARATIONS["task"](client)
    path = f"/api/v1/workspace/{known['work_session']}/tasks"
    await client.post(path, json={"title": "Second"})
    await _manage(client, known["task"], "complete")

    open_ = (await client.get(path, params={"state": "open"})).json()
    deleted = await _manage(client, known["task"], "delete")

    assert [task["title"] for task in open_] == ["Second"]
    assert deleted.json()["id"] == known["task"]
    assert [task["title"] for task in (await client.get(path)).json()] == ["Second"]
    assert (await _manage(client, known["task"], "reopen")).status_code == 404


async def test_tasks_end_with_their_session(shared: Served) -> None:
    client = await shared.newcomer()
    known = await PREPARATIONS["task"](client)

    await client.delete(f"/api/v1/sessions/{known['work_session']}")

    found = await client.data("query ($id: ID!) { task(id: $id) { id } }", {"id": known["task"]})
    assert found == {"task": None}
