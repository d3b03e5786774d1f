"""Chats, models, skills and tasks."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from typing import Any

from tests.support.models import SET, models
from tests.support.samples import workspaces
from tests.support.sampling import Facts, RouteSample, Sample
from tests.support.serving import Client
from tests.support.waiting import until

_numbers = itertools.count(1)
SKILL = {"name": "private-skill", "description": "private words", "instructions": "private steps"}
FILE = {"name": "private.txt", "mediaType": "text/plain", "data": "cHJpdmF0ZS1ieXRlcw=="}


def said(text: str, number: int = 1) -> dict[str, Any]:
    """A person's message."""
    return {"id": f"said-{number}", "role": "user", "parts": [{"type": "text", "text": text}]}


def _chat(facts: Facts) -> dict[str, Any]:
    return {"id": facts["chat"]}


def _answer(facts: Facts) -> dict[str, Any]:
    return {"id": facts["answer"]}


def _attachment(facts: Facts) -> dict[str, Any]:
    return {"id": facts["attachment"]}


def _skill(facts: Facts) -> dict[str, Any]:
    return {"id": facts["skill"]}


def _task(facts: Facts) -> dict[str, Any]:
    return {"id": facts["task"]}


def _of_workspace(facts: Facts) -> dict[str, Any]:
    return {"workspaceId": facts["workspace"]}


def _of_session(facts: Facts) -> dict[str, Any]:
    return {"sessionId": facts["work_session"]}


def _managed(facts: Facts) -> dict[str, Any]:
    return {"taskId": facts["task"], "action": "COMPLETE"}


ASKED = {"chatId": "sample-chat", "messages": [said("Hello?")]}
SAVED = {"chatId": "saved-chat", "title": "Saved", "messages": [said("Hello?")]}
CODE = {"prefix": "def add(a, b):\n    return ", "suffix": "\n", "language": "python"}
#: Whose chats are told to nobody else, whatever their role.
OWN = {"given": "", "needs": ("chat",), "otherwise": "NOT_FOUND"}

SAMPLES: dict[str, Sample] = {
    "Query.models": Sample(given="", needs=("model",)),
    "Query.chat": Sample(_chat, given="", needs=("chat",)),
    "Query.chats": Sample(
        lambda facts: {"workspaceId": facts["workspace"], "sessionId": facts["work_session"]},
        given="",
        needs=("chat", "work_session"),
    ),
    "Query.chatAttachment": Sample(_attachment, given="", needs=("attachment",)),
    "Query.llmUsage": Sample(lambda _: {"groupBy": ["MODEL"]}, given="", needs=("chat",)),
    "Query.skill": Sample(_skill, given="", needs=("skill",)),
    "Query.skills": Sample(_of_workspace, given="", needs=("skill",)),
    "Query.task": Sample(_task, given="", needs=("task",)),
    "Query.tasks": Sample(_of_session, given="", needs=("task",)),
    "Mutation.sendChatMessage": Sample(lambda _: {"input": ASKED}, given="", needs=("model",)),
    "Mutation.stopChat": Sample(_chat, **OWN),
    "Mutation.saveChat": Sample(lambda _: {"input": SAVED}, given=""),
    "Mutation.deleteChat": Sample(_chat, **OWN),
    "Mutation.addChatAttachment": Sample(lambda _: {"input": {"chatId": "sample-chat", **FILE}}, given=""),
    "Mutation.completeCode": Sample(lambda _: {"input": CODE}, given="", needs=("model",)),
    "Mutation.suggestPrompts": Sample(given="", needs=("model",)),
    "Mutation.createSkill": Sample(
        lambda facts: {**_of_workspace(facts), "input": {**SKILL, "name": "made"}}, given="", needs=("workspace",)
    ),
    "Mutation.updateSkill": Sample(
        lambda facts: {**_skill(facts), "input": {"description": "changed"}}, given="", needs=("skill",)
    ),
    "Mutation.deleteSkill": Sample(_skill, given="", needs=("skill",)),
    "Mutation.createTask": Sample(
        lambda facts: {**_of_session(facts), "input": {"title": "Made"}}, given="", needs=("work_session",)
    ),
    "Mutation.manageTask": Sample(lambda facts: {"input": _managed(facts)}, given="", needs=("task",)),
    "Subscription.chatAnswer": Sample(_answer, **OWN),
}

ROUTE_SAMPLES: dict[str, RouteSample] = {
    "ListModels": RouteSample(given="", needs=("model",)),
    "ListChats": RouteSample(query={"limit": "10"}, given="", needs=("chat",)),
    "GetChat": RouteSample(_chat, given="", needs=("chat",)),
    "SaveChat": RouteSample(body=SAVED, given=""),
    "DeleteChat": RouteSample(_chat, given="", needs=("chat",)),
    "StopChat": RouteSample(_chat, given="", needs=("chat",)),
    "AddChatAttachment": RouteSample(body={"chatId": "sample-chat", **FILE}, given=""),
    "CompleteCode": RouteSample(body=CODE, given="", needs=("model",)),
    "SuggestPrompts": RouteSample(body={}, given="", needs=("model",)),
    "GetLlmUsage": RouteSample(query={"groupBy": "model"}, given="", needs=("chat",)),
    "ListSkills": RouteSample(
        lambda facts: {"workspace_id": facts["workspace"]}, query={"limit": "10"}, given="", needs=("skill",)
    ),
    "CreateSkill": RouteSample(
        lambda facts: {"workspace_id": facts["workspace"]},
        body={**SKILL, "name": "made", "files": [{"path": "a.sh", "content": "ls"}]},
        given="",
        needs=("workspace",),
    ),
    "ListTasks": RouteSample(
        lambda facts: {"session_id": facts["work_session"]}, query={"state": "open"}, given="", needs=("task",)
    ),
    "CreateTask": RouteSample(
        lambda facts: {"session_id": facts["work_session"]}, body={"title": "Made"}, given="", needs=("work_session",)
    ),
    "ManageTask": RouteSample(
        body=lambda facts: {"taskId": facts["task"], "action": "complete"}, given="", needs=("task",)
    ),
}


async def _make_model(client: Client) -> dict[str, str]:
    await client.data(SET, {"models": models("plain")})
    return {}


async def _make_chat(client: Client) -> dict[str, str]:
    """A chat with an answer that has ended."""
    await _make_model(client)
    asked = "mutation ($input: SendChatMessageInput!) { sendChatMessage(input: $input) { id chatId } }"
    given = {"chatId": "private-chat", "messages": [said("private-question")]}
    made = (await client.data(asked, {"input": given}))["sendChatMessage"]

    async def ended() -> bool:
        found = await client.data("query ($id: ID!) { chat(id: $id) { answering } }", {"id": made["chatId"]})
        return not found["chat"]["answering"]

    await until(ended)
    return {"chat": made["chatId"], "answer": made["id"]}


async def _make_attachment(client: Client) -> dict[str, str]:
    asked = "mutation ($input: AddChatAttachmentInput!) { addChatAttachment(input: $input) { id chatId } }"
    made = (await client.data(asked, {"input": {"chatId": "private-files", **FILE}}))["addChatAttachment"]
    return {"chat": made["chatId"], "attachment": made["id"]}


async def _make_skill(client: Client) -> dict[str, str]:
    known = await workspaces.PREPARATIONS["workspace"](client)
    asked = "mutation ($id: ID!, $input: CreateSkillInput!) { createSkill(workspaceId: $id, input: $input) { id } }"
    made = await client.data(asked, {"id": known["workspace"], "input": SKILL})
    return {**known, "skill": made["createSkill"]["id"]}


async def _make_task(client: Client) -> dict[str, str]:
    known = await workspaces.PREPARATIONS["work_session"](client)
    asked = 'mutation ($id: ID!) { createTask(sessionId: $id, input: {title: "private-task"}) { id } }'
    return {**known, "task": (await client.data(asked, {"id": known["work_session"]}))["createTask"]["id"]}


PREPARATIONS: dict[str, Callable[[Client], Awaitable[dict[str, str]]]] = {
    "model": _make_model,
    "chat": _make_chat,
    "attachment": _make_attachment,
    "skill": _make_skill,
    "task": _make_task,
}
