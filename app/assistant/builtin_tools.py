"""The tools that need no more than what every installation has: environments, tasks and skills."""

from __future__ import annotations

from typing import Any

from app.assistant.session_tools import session_tools
from app.assistant.tools import Registry, Tool, ToolContext, ToolInputInvalid, object_schema
from app.core.actor import Kind, Scope
from app.core.clock import rfc3339
from app.environments.models import Environment, EnvironmentStatus
from app.environments.service import Environments
from app.skills.service import Skills
from app.tasks.models import Task, TaskState
from app.tasks.service import Tasks

MOST_ITEMS = 50
MOST_LINES = 500
_TEXT = {"type": "string", "minLength": 1}


def builtin_tools() -> Registry:
    """A registry with the tools of this module; other domains add theirs."""
    registry = Registry()
    registry.add(_environments())
    registry.add(_tasks())
    registry.add([_use_skill()])
    registry.add(session_tools())
    return registry


def _environments() -> list[Tool]:
    reading: dict[str, Any] = {"scope": Scope.ENVIRONMENTS, "kind": Kind.READ, "action": "environments.read"}
    status = {"type": "string", "enum": [str(status) for status in EnvironmentStatus]}
    lines = {"type": "integer", "minimum": 1, "maximum": MOST_LINES}
    return [
        Tool(
            name="list_environments",
            description="The newest environments of the organization with their status; of one status, where given.",
            schema=object_schema({"status": status}),
            run=_list_environments,
            **reading,
        ),
        Tool(
            name="read_environment",
            description="One environment: its Blueprint, its services with the state of each replica, what failed.",
            schema=object_schema({"id": _TEXT}, ["id"]),
            run=_read_environment,
            resources=("id",),
            **reading,
        ),
        Tool(
            name="read_environment_logs",
            description="The last lines that an environment's services wrote; of one service, where given.",
            schema=object_schema({"id": _TEXT, "service": _TEXT, "lines": lines}, ["id"]),
            run=_read_logs,
            resources=("id",),
            **reading,
        ),
    ]


async def _list_environments(context: ToolContext, given: dict[str, Any]) -> Any:
    status = EnvironmentStatus(given["status"]) if "status" in given else None
    page = await _of(context).page(MOST_ITEMS, None, status)
    return {"environments": [_environment(found) for found in page.items], "more": page.has_more}


async def _read_environment(context: ToolContext, given: dict[str, Any]) -> Any:
    environments = _of(context)
    found = await environments.get(given["id"])
    [units] = await environments.units([found.id])
    instances = [
        {
            "service": unit.service,
            "replica": unit.replica,
            "status": str(unit.status),
            "restarts": unit.restarts,
            "cause": unit.cause,
        }
        for unit in units
    ]
    return {**_environment(found), "blueprint": found.blueprint, "instances": instances}


async def _read_logs(context: ToolContext, given: dict[str, Any]) -> Any:
    batches = await _of(context).recent_logs(given["id"], given.get("service", ""), given.get("lines", 100), None)
    return {"lines": [f"{batch.service}.{batch.replica} {line}" for batch in batches for line in batch.lines]}


def _of(context: ToolContext) -> Environments:
    return Environments(context.work, context.actor, context.environments)


def _environment(found: Environment) -> dict[str, Any]:
    return {
        "id": found.id,
        "name": found.name,
        "status": str(found.status),
        "reason": found.reason,
        "message": found.message,
        "createdAt": rfc3339(found.created_at),
    }


def _tasks() -> list[Tool]:
    state = {"type": "string", "enum": [str(state) for state in TaskState]}
    session = {"type": "string", "description": "The session; this chat's own where it is left out."}
    new = {"sessionId": session, "title": _TEXT, "description": {"type": "string"}, "assignee": {"type": "string"}}
    return [
        Tool(
            name="list_tasks",
            description="The newest tasks of a session with their states and assignees; of one state, where given.",
            schema=object_schema({"sessionId": session, "state": state}),
            scope=Scope.WORKSPACES,
            kind=Kind.READ,
            action="workspaces.read",
            run=_list_tasks,
            resources=("sessionId",),
        ),
        Tool(
            name="create_task",
            description="Adds a task to a session; the assignee is the id of a member or an agent.",
            schema=object_schema(new, ["title"]),
            scope=Scope.WORKSPACES,
            kind=Kind.WRITE,
            action="task.create",
            run=_create_task,
            resources=("sessionId",),
        ),
    ]


async def _list_tasks(context: ToolContext, given: dict[str, Any]) -> Any:
    state = TaskState(given["state"]) if "state" in given else None
    page = await Tasks(context.work, context.actor).page(context.session(given), MOST_ITEMS, None, state)
    return {"tasks": [_task(found) for found in page.items], "more": page.has_more}


async def _create_task(context: ToolContext, given: dict[str, Any]) -> Any:
    made = await Tasks(context.work, context.actor).create(
        context.session(given),
        given["title"],
        description=given.get("description", ""),
        assignee_id=given.get("assignee", ""),
    )
    return _task(made)


def _task(found: Task) -> dict[str, Any]:
    return {
        "id": found.id,
        "title": found.title,
        "state": str(found.state),
        "assignee": found.assignee_id or None,
        "description": found.description,
    }


def _use_skill() -> Tool:
    return Tool(
        name="use_skill",
        description="Reads a skill of the workspace: its instructions and its files. Do it before you do what the "
        "skill is about.",
        schema=object_schema({"name": _TEXT}, ["name"]),
        scope=Scope.ASSISTANT,
        kind=Kind.READ,
        action="assistant.read",
        run=_read_skill,
    )


async def _read_skill(context: ToolContext, given: dict[str, Any]) -> Any:
    if not context.workspace_id:
        raise ToolInputInvalid("This chat is about no workspace, which is what has skills.")
    found = await Skills(context.work, context.actor).named(context.workspace_id, given["name"])
    return {"name": found.name, "instructions": found.instructions, "files": found.files}
