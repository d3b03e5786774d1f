"""Chats as clients ask for them: who may, what policies say, what is kept, what is counted."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from graphql import parse, validate

from app.assistant import repository
from app.assistant.jobs import STREAMS_KEPT, forget_old
from app.assistant.models import Answer, AnswerStatus
from app.audit.repository import ALL_EVENTS
from app.contract import contract
from app.core.actor import Role
from app.core.clock import now
from app.identity.models import Plan
from resolvers.schema import build_schema
from tests.support.models import KEY, SET, TOKENS_IN, TOKENS_OUT, model_server, models
from tests.support.preparations import PREPARATIONS as GOVERNED
from tests.support.samples.assistant import PREPARATIONS, said
from tests.support.samples.version_control import PREPARATIONS as OF_CODE
from tests.support.serving import Client, Served
from tests.support.waiting import until

pytestmark = pytest.mark.anyio
CHAT = "query ($id: ID!) { chat(id: $id) { id answering messages { role parts } } }"


async def _with_models(served: Served, *ids: str) -> Client:
    client = await served.newcomer()
    await client.data(SET, {"models": models(*ids)})
    return client


async def _chat(client: Client, text: str, chat_id: str = "one", number: int = 1, **fields: Any) -> list[Any]:
    """The parts of an answer, read to its end."""
    body = {"id": chat_id, "messages": [said(text, number)], **fields}
    answer = await client.post("/api/v1/chat", json=body)
    assert answer.status_code == 200, answer.text
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


def _kinds(parts: list[Any]) -> list[str]:
    return [part["type"] for part in parts]


def test_the_documents_of_the_streams_validate() -> None:
    for path in contract("graphql/streams").glob("*.graphql"):
        assert validate(build_schema()._schema, parse(path.read_text())) == []


async def test_without_a_model_it_says_what_to_set_and_the_rest_works(shared: Served) -> None:
    client = await shared.newcomer()

    refused = await client.post("/api/v1/chat", json={"id": "one", "messages": [said("Hello?")]})
    completed = await client.post("/api/v1/workspace/ai/auto-complete", json={"prefix": "a"})

    for answer in (refused, completed):
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_model")
        assert "setOrganizationModels" in answer.json()["error"]["message"]
    assert (await client.get("/api/v1/models")).json() == []
    assert (
        await client.post("/api/v1/chats/history", json={"chatId": "kept", "messages": [said("x")]})
    ).status_code == 200
    suggested = (await client.post("/api/v1/workspace/suggestions", json={})).json()
    assert suggested["model"] is None
    assert suggested["prompts"]


async def test_models_are_told_the_default_first_and_keys_never(shared: Served) -> None:
    client = await _with_models(shared, "thinker", "plain")

    told = await client.get("/api/v1/models")
    kept = await client.get(f"/api/v1/organizations/{client.tenant.id}/models")

    assert [(each["id"], each["default"]) for each in told.json()] == [("thinker", True), ("plain", False)]
    assert [each["hasApiKey"] for each in kept.json()["models"]] == [True, True]
    assert KEY not in told.text + kept.text
    await _chat(client, "Hello?")
    assert model_server().requests[-1]["model"] == "thinker"


async def test_a_key_stays_with_its_model_at_its_address_only(shared: Served) -> None:
    client = await _with_models(shared, "plain")
    [given] = models("plain")
    del given["apiKey"]

    kept = await client.data(SET, {"models": [given]})
    moved = await client.data(SET, {"models": [{**given, "baseUrl": "https://elsewhere.example/v1"}]})

    assert kept["setOrganizationModels"]["models"][0]["hasApiKey"] is True
    assert moved["setOrganizationModels"]["models"][0]["hasApiKey"] is False


async def test_a_model_at_a_private_address_is_asked_only_where_that_is_allowed(
    serve: Callable[..., Awaitable[Served]],
) -> None:
    server = await serve(allow_private_models=False)
    asked = len(model_server().requests)
    await server.data(SET, {"models": models("plain")})

    parts = await _chat(server, "Hello?")

    assert parts[-1]["type"] == "error"
    assert "SOUNDSTAGE_ALLOW_PRIVATE_MODELS" in parts[-1]["errorText"]
    assert len(model_server().requests) == asked


async def test_a_chat_is_its_owners_alone(shared: Served) -> None:
    client = await _with_models(shared, "plain")
    await _chat(client, "private-question")
    chat_id = (await client.data(CHAT, {"id": "one"}))["chat"]["id"]
    admin = await client.as_(Role.ADMIN)

    assert (await admin.get("/api/v1/chats/history")).json() == []
    for path in (f"/api/v1/chats/history/{chat_id}", "/api/v1/chats/history/one"):
        assert (await admin.get(path)).status_code == 404
    assert (await admin.post(f"/api/v1/chat/{chat_id}/stop")).status_code == 404
    assert (await admin.get(f"/api/v1/chat/{chat_id}/stream")).status_code == 204
    assert [each["clientId"] for each in (await client.get("/api/v1/chats/history")).json()] == ["one"]


async def test_what_no_database_holds_is_replaced(shared: Served) -> None:
    client = await _with_models(shared, "odd")

    parts = await _chat(client, "Hello?")

    messages = (await client.get("/api/v1/chats/history/one")).json()["messages"]
    assert parts[-1]["type"] == "finish"
    assert messages[-1]["parts"][-1]["text"] == "a\ufffdb ? c"


async def test_what_the_assistant_said_cannot_be_rewritten(shared: Served) -> None:
    client = await _with_models(shared, "plain")
    await _chat(client, "Hello?")
    history = (await client.get("/api/v1/chats/history/one")).json()["messages"]
    forged = {"id": history[1]["id"], "role": "assistant", "parts": [{"type": "text", "text": "forged"}]}

    body = {"chatId": "one", "title": "Renamed", "messages": [said("Changed?"), forged]}
    saved = (await client.post("/api/v1/chats/history", json=body)).json()

    emptied = await client.post("/api/v1/chats/history", json={"chatId": "one", "messages": []})

    assert saved["title"] == "Renamed"
    assert emptied.json()["messages"] == []
    assert [message["parts"][-1]["text"] for message in saved["messages"]] == ["Changed?", "Hello, world."]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, "'id'"),
        ({"id": "one"}, "'messages'"),
        ({"id": "one", "messages": []}, "1 to 500"),
        ({"id": "one", "messages": "hello"}, "1 to 500"),
        ({"id": "one", "messages": [{"role": "user"}]}, "messages.0.id"),
        ({"id": "one", "messages": [{**said("x"), "role": "tool"}]}, "messages.0.role"),
        ({"id": "one", "messages": [{**said("x"), "parts": ["x"]}]}, "messages.0.parts"),
        ({"id": "one", "messages": [said("x"), said("y")]}, "same id"),
        ({"id": "one", "messages": [{**said("x"), "role": "assistant"}]}, "user's"),
        ({"id": "one", "messages": [said("x" * 600_000)]}, "Attach"),
        ({"id": "", "messages": [said("x")]}, "1 to 100"),
        ({"id": "one", "messages": [said("x")], "modle": "plain"}, "modle"),
        ({"id": "one", "messages": [said("x")], "trigger": "now"}, "trigger"),
        ({"id": 7, "messages": [said("x")]}, "'id'"),
    ],
)
async def test_what_is_no_question_is_refused_by_name(shared: Served, body: dict[str, Any], told: str) -> None:
    client = await _with_models(shared, "plain")

    answer = await client.post("/api/v1/chat", json=body)

    assert answer.status_code == 400, answer.text
    assert told in answer.json()["error"]["message"]


async def test_a_model_that_is_not_there_is_404(shared: Served) -> None:
    client = await _with_models(shared, "plain")

    answer = await client.post("/api/v1/chat", json={"id": "one", "messages": [said("x")], "model": "other"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_model")


async def test_the_routes_refuse_as_all_others_do(shared: Served) -> None:
    client = await _with_models(shared, "plain")
    body = {"id": "one", "messages": [said("x")]}
    viewer, reader = await client.as_(Role.VIEWER), await client.as_(Role.OWNER, "assistant:read")

    anonymous = await client.with_key(None).post("/api/v1/chat", json=body)
    wrong = await client.post("/api/v1/chat", content=b"{}", headers={"Content-Type": "text/plain"})

    assert (anonymous.status_code, anonymous.headers["www-authenticate"]) == (401, "Bearer")
    assert [(await each.post("/api/v1/chat", json=body)).status_code for each in (viewer, reader)] == [403, 403]
    assert wrong.status_code == 415
    assert (await client.get("/api/v1/chat")).status_code == 405
    assert (await client.post("/v1/workflow-chat", json=body)).headers["x-ratelimit-limit"]
    assert anonymous.json()["error"].keys() == {"code", "message", "status"}


async def test_the_same_question_under_one_key_is_asked_once(shared: Served) -> None:
    client = await _with_models(shared, "plain")
    body, key = {"id": "one", "messages": [said("Hello?")]}, {"Idempotency-Key": "the-question"}
    before = len(model_server().requests)

    first = await client.post("/api/v1/chat", json=body, headers=key)
    again = await client.post("/api/v1/chat", json=body, headers=key)
    other = await client.post("/api/v1/chat", json={**body, "messages": [said("Bye.", 2)]}, headers=key)

    assert first.text.endswith("[DONE]\n\n")
    assert again.text == first.text
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert len(model_server().requests) - before == 1


async def test_requests_are_limited_by_plan(shared: Served) -> None:
    client = await shared.newcomer(Plan.FREE)

    statuses = {(await client.get("/api/v1/chat/none/stream")).status_code for _ in range(101)}
    refused = await client.get("/api/v1/chat/none/stream")

    assert statuses == {204, 429}
    assert int(refused.headers["retry-after"]) > 0


async def test_an_agents_question_is_judged_and_recorded(shared: Served) -> None:
    client = await _with_models(shared, "plain")
    known = await GOVERNED["governed"](client)
    agent = client.with_key(known["credential"])
    assert _kinds(await _chat(agent, "Hello?"))[-1] == "finish"

    rules = [{"type": "action_denylist", "actions": ["chat.send"]}]
    asked = 'mutation ($rules: [PolicyRule!]!) { createPolicy(input: {name: "no chats", rules: $rules}) { id } }'
    await client.data(asked, {"rules": rules})
    refused = await agent.post("/api/v1/chat", json={"id": "two", "messages": [said("Hello?")]})

    events = await client.tenant.work().all(ALL_EVENTS)
    told = [(event.action, str(event.result)) for event in events if event.action == "chat.send"]
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "policy_denied")
    assert told == [("chat.send", "allowed"), ("chat.send", "denied")]
    assert all(event.agent_id == known["agent"] for event in events if event.action == "chat.send")


async def test_a_tool_is_judged_as_the_same_call_over_the_api(shared: Served) -> None:
    client = await _with_models(shared, "looks")
    known = await GOVERNED["governed"](client)
    rules = [{"type": "action_denylist", "actions": ["environments.*"]}]
    asked = 'mutation ($rules: [PolicyRule!]!) { createPolicy(input: {name: "no looking", rules: $rules}) { id } }'
    await client.data(asked, {"rules": rules})

    parts = await _chat(client.with_key(known["credential"]), "What runs?")

    [refused] = [part for part in parts if part["type"] == "tool-output-error"]
    events = await client.tenant.work().all(ALL_EVENTS)
    [event] = [event for event in events if event.details.get("tool")]
    assert "polic" in refused["errorText"].lower()
    assert (event.action, str(event.result), event.agent_id) == ("environments.read", "denied", known["agent"])


async def test_an_agents_models_are_judged_and_its_budget_is_charged_by_what_it_used(shared: Served) -> None:
    client = await _with_models(shared, "plain", "thinker")
    known = await GOVERNED["governed"](client)
    agent = client.with_key(known["credential"])
    rules = [
        {"type": "resource_deny", "resources": ["thinker"]},
        {"type": "budget", "metric": "tokens", "limit": 2_500, "period": "day", "actions": ["model.use"]},
    ]
    asked = 'mutation ($rules: [PolicyRule!]!) { createPolicy(input: {name: "models", rules: $rules}) { id } }'
    await client.data(asked, {"rules": rules})

    answers = [await _chat(agent, "Hello?", f"chat-{number}") for number in range(3)]
    refused = await _chat(agent, "Hello?", "other", model="thinker")

    events = [event for event in await client.tenant.work().all(ALL_EVENTS) if event.action == "model.use"]
    assert [parts[-1]["type"] for parts in answers] == ["finish"] * 3, answers
    assert refused[-1]["type"] == "error"
    assert [(event.resource, str(event.result)) for event in events] == [
        *[("plain", "allowed")] * 3,
        ("thinker", "denied"),
    ]


async def test_a_persons_tool_call_is_recorded_and_limited_by_its_credential(shared: Served) -> None:
    client = await _with_models(shared, "looks")
    narrow = await client.as_(Role.OWNER, "assistant:write")

    allowed = await _chat(client, "What runs?")
    refused = await _chat(narrow, "What runs?", "two")

    events = await client.tenant.work().all(ALL_EVENTS)
    assert [event.details["tool"] for event in events if event.details.get("tool")] == ["list_environments"]
    assert "tool-output-available" in _kinds(allowed)
    assert "tool-output-error" in _kinds(refused), refused
    [error] = [part for part in refused if part["type"] == "tool-output-error"]
    assert "environments:read" in error["errorText"]
    assert "list_environments" not in {
        tool["function"]["name"] for tool in model_server().asked("looks")[-1].get("tools", [])
    }


async def test_tasks_and_skills_are_tools_of_a_session(shared: Served) -> None:
    client = await _with_models(shared, "makes-task", "uses-skill")
    known = await PREPARATIONS["task"](client)
    made = {"name": "release", "description": "How to release.", "instructions": "Tag it, then push."}
    await client.post(f"/api/v1/workspace/{known['workspace']}/skills", json=made)

    await _chat(client, "Make a task.", sessionId=known["work_session"])
    parts = await _chat(client, "Release.", "two", model="uses-skill", workspaceId=known["workspace"])

    tasks = (await client.get(f"/api/v1/workspace/{known['work_session']}/tasks")).json()
    [output] = [part["output"] for part in parts if part["type"] == "tool-output-available"]
    assert [task["title"] for task in tasks] == ["private-task", "private-task"]
    assert output["instructions"] == "Tag it, then push."
    assert "release: How to release." in model_server().asked("uses-skill")[-1]["messages"][0]["content"]


FILE_TOOLS = ("writes", "edits", "reads", "searches", "lists", "shows", "moves", "deletes", "escapes")


async def test_the_files_of_a_session_are_read_and_changed_by_tools(shared: Served) -> None:
    client = await _with_models(shared, *FILE_TOOLS)
    session = (await PREPARATIONS["task"](client))["work_session"]

    outputs = {}
    for number, model in enumerate(FILE_TOOLS):
        parts = await _chat(client, "Do it.", f"chat-{number}", model=model, sessionId=session)
        [outputs[model]] = [part for part in parts if part["type"].startswith("tool-output")]

    given = {model: part.get("output") for model, part in outputs.items()}
    assert given["edits"]["line"] == 2
    assert given["reads"]["text"] == "1\tone\n2\tthree"
    assert given["searches"]["matches"] == [{"path": "private/notes.txt", "line": 2, "text": "three"}]
    assert "private/notes.txt" in [file["path"] for file in given["lists"]["files"]]
    assert "+three" in given["shows"]["files"][0]["patch"]
    assert (given["moves"], given["deletes"]) == ({"path": "moved.txt"}, {"deleted": "moved.txt"})
    assert outputs["escapes"]["type"] == "tool-output-error"
    told = [event for event in await client.tenant.work().all(ALL_EVENTS) if event.details.get("tool")]
    actions = [(event.action, event.resource) for event in told]
    assert actions.count(("file.write", session)) == 2
    assert ("file.move", session) in actions


async def test_open_changes_are_suggested_first(shared: Served) -> None:
    client = await _with_models(shared, "writes")
    session = (await PREPARATIONS["task"](client))["work_session"]
    await _chat(client, "Write.", sessionId=session)
    await client.data(SET, {"models": []})

    suggested = (await client.post("/api/v1/workspace/suggestions", json={"sessionId": session})).json()

    assert suggested["prompts"][0] == "Review my changes in 1 file, and commit them."


async def test_a_policy_over_files_holds_for_tools(shared: Served) -> None:
    client = await _with_models(shared, "writes")
    known = await GOVERNED["governed"](client)
    session = (await PREPARATIONS["task"](client))["work_session"]
    rules = [{"type": "action_denylist", "actions": ["file.*"]}]
    asked = 'mutation ($rules: [PolicyRule!]!) { createPolicy(input: {name: "no files", rules: $rules}) { id } }'
    await client.data(asked, {"rules": rules})

    parts = await _chat(client.with_key(known["credential"]), "Write.", sessionId=session)

    assert "tool-output-error" in _kinds(parts)
    changes = await client.get(f"/api/v1/workspace/{session}/version-controls/diff/working-copy")
    assert (changes.status_code, "private/notes.txt" in changes.text) == (200, False)


async def test_a_chat_about_somebody_elses_session_is_refused(shared: Served) -> None:
    client, other = await _with_models(shared, "plain"), await shared.newcomer()
    theirs = await PREPARATIONS["task"](other)
    body = {"id": "one", "messages": [said("x")]}

    for place in ({"sessionId": theirs["work_session"]}, {"workspaceId": theirs["workspace"]}):
        assert (await client.post("/api/v1/chat", json={**body, **place})).status_code == 404


async def test_an_attachment_is_sent_to_the_model_and_read_by_its_owner(shared: Served) -> None:
    client = await _with_models(shared, "echo")
    text = {"chatId": "one", "name": "notes.txt", "mediaType": "text/plain", "data": _base64(b"the notes")}
    image = {"chatId": "one", "name": "a.png", "mediaType": "image/png", "data": _base64(b"\x89PNG")}
    made = [(await client.post("/api/v1/chat/attachments", json=file)).json() for file in (text, image)]
    files = [{"type": "file", "mediaType": each["mediaType"], "url": each["url"]} for each in made]
    message = {"id": "m", "role": "user", "parts": [{"type": "text", "text": "Read."}, *files]}

    await client.post("/api/v1/chat", json={"id": "one", "messages": [message]})

    content = model_server().asked("echo")[-1]["messages"][-1]["content"]
    assert "the notes" in content[1]["text"]
    assert content[2]["image_url"]["url"] == "data:image/png;base64," + _base64(b"\x89PNG")
    read = await client.get(made[0]["url"])
    assert (read.content, read.headers["content-type"]) == (b"the notes", "text/plain; charset=utf-8")
    assert read.headers["content-disposition"] == "attachment; filename*=UTF-8''notes.txt"
    assert read.headers["x-content-type-options"] == "nosniff"
    for stranger in (await client.as_(Role.ADMIN), await shared.newcomer()):
        assert (await stranger.get(made[0]["url"])).status_code == 404


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"name": "../../etc/passwd"}, 400),
        ({"name": ""}, 400),
        ({"mediaType": "text/html; charset=x\r\nX: y"}, 400),
        ({"data": "no base64!"}, 400),
        ({"data": _base64(b"x" * (2 * 1024 * 1024 + 10))}, 413),
    ],
)
async def test_an_attachment_that_is_none_is_refused(shared: Served, changed: dict[str, str], status: int) -> None:
    client = await shared.newcomer()
    file = {"chatId": "one", "name": "a.txt", "mediaType": "text/plain", "data": "YQ==", **changed}

    assert (await client.post("/api/v1/chat/attachments", json=file)).status_code == status


async def test_the_files_of_a_chat_that_is_gone_are_swept(shared: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    client, files = await shared.newcomer(), shared.product.product.assistant.files
    file = {"chatId": "one", "name": "a.txt", "mediaType": "text/plain", "data": _base64(b"swept")}
    made = (await client.post("/api/v1/chat/attachments", json=file)).json()
    monkeypatch.setattr("app.assistant.files.UNNAMED_SECONDS", -1.0)

    kept = await files.sweep(shared.product.database)
    still = (await client.get(made["url"])).status_code
    await client.delete("/api/v1/chats/history/one")
    swept = await files.sweep(shared.product.database)

    assert (kept, still, swept) == (0, 200, 1)
    assert (await client.get(made["url"])).status_code == 404


async def test_use_is_counted_by_model_member_and_day(shared: Served) -> None:
    client = await _with_models(shared, "plain", "looks")
    member = await client.as_(Role.MEMBER)
    await _chat(client, "One.")
    await _chat(client, "Two.", "two", model="looks")
    await _chat(member, "Three.", "three")
    await shared.product.limits.usage.flush()

    by_model = (await client.get("/api/v1/llm-usage", params={"groupBy": "model"})).json()
    by_actor = (await client.get("/api/v1/llm-usage", params={"groupBy": "actor"})).json()
    by_day = (await client.get("/api/v1/llm-usage")).json()
    usage = (await client.get("/v1/organization/usage")).json()["data"]["usage"]

    assert {row["model"]: (row["requests"], row["tokensIn"], row["tokensOut"]) for row in by_model} == {
        "looks": (2, 2 * TOKENS_IN, 2 * TOKENS_OUT),
        "plain": (2, 2 * TOKENS_IN, 2 * TOKENS_OUT),
    }
    assert sorted(row["requests"] for row in by_actor) == [1, 3]
    assert {row["day"] for row in by_day} == {now().date().isoformat()}
    assert usage["modelTokens"] == 4 * (TOKENS_IN + TOKENS_OUT)
    assert (await client.get("/api/v1/llm-usage", params={"from": "2026-02-01", "to": "2026-01-01"})).status_code == 400
    assert (await client.get("/api/v1/llm-usage", params={"to": "2020-01-01"})).json() == []


async def test_code_is_completed_without_fences(shared: Served) -> None:
    client = await _with_models(shared, "plain")

    body = {"prefix": "return ", "suffix": "\n", "language": "python", "path": "add.py"}
    answer = await client.post("/api/v1/workspace/ai/auto-complete", json=body)

    assert answer.json() == {"text": "a + b", "model": "plain"}
    assert "add.py" in model_server().requests[-1]["messages"][-1]["content"]


async def test_a_completion_that_takes_too_long_is_an_error(shared: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.assistant.completing.COMPLETE_SECONDS", 0.5)
    client = await _with_models(shared, "slow")

    answer = await client.post("/api/v1/workspace/ai/auto-complete", json={"prefix": "a"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "model_failed")


async def test_suggestions_come_from_the_model_or_from_what_is_known(shared: Served) -> None:
    client = await _with_models(shared, "plain")
    known = await PREPARATIONS["task"](client)
    await client.environment("failed", name="broken-shop")
    body = {"sessionId": known["work_session"]}

    by_model = (await client.post("/api/v1/workspace/suggestions", json=body)).json()
    await client.data(SET, {"models": models("denied")})
    by_facts = (await client.post("/api/v1/workspace/suggestions", json=body)).json()

    assert by_model == {"prompts": ["Run the tests", "Open a pull request"], "model": "plain"}
    assert by_facts["model"] is None
    assert "broken-shop" in by_facts["prompts"][0]
    assert "private-task" in by_facts["prompts"][1]


async def test_a_commit_message_comes_from_the_model_or_from_what_changed(shared: Served) -> None:
    client = await _with_models(shared, "plain")
    known = await OF_CODE["changed"](client)
    path = f"/api/v1/workspace/{known['work_session']}/version-controls/commit/generate-message"
    limited = client.with_key(await client.tenant.key(Role.MEMBER, "workspaces:write"))

    by_model = (await client.post(path)).json()
    shown = model_server().requests[-1]["messages"][-1]["content"]
    by_who_may_not = (await limited.post(path)).json()
    await client.data(SET, {"models": models("denied")})
    by_change = (await client.post(path)).json()
    usage = (await client.get("/api/v1/llm-usage")).json()

    assert by_model == {"message": "Add a cart\n\nIt holds nothing yet.", "model": "plain"}
    assert "+" in shown
    assert by_who_may_not == by_change
    assert by_change["model"] is None
    assert by_change["message"].startswith(("Add", "Update"))
    assert sum(row["requests"] for row in usage) >= 1


async def test_an_answer_that_lost_its_server_ends_and_its_chat_goes_on(shared: Served) -> None:
    client = await _with_models(shared, "plain")
    known = await PREPARATIONS["chat"](client)
    lost = await _lose(client, known["chat"])

    told = await client.stream("subscription ($id: ID!) { chatAnswer(id: $id) { end { reason } } }", {"id": lost.id})
    parts = await _chat(client, "Again?", "private-chat", 2)

    messages = (await client.data(CHAT, {"id": known["chat"]}))["chat"]["messages"]
    assert told[-1]["data"]["chatAnswer"]["end"]["reason"] == "lost"
    assert parts[-1]["type"] == "finish"
    assert [message["parts"][-1]["text"] for message in messages] == [
        "private-question",
        "Hello, world.",
        "half of",
        "Again?",
        "Hello, world.",
    ]


async def test_lost_answers_are_ended_and_old_streams_forgotten(shared: Served) -> None:
    client = await _with_models(shared, "plain")
    known = await PREPARATIONS["chat"](client)
    lost = await _lose(client, known["chat"])

    await forget_old(client.tenant.database)
    after = (await client.data(CHAT, {"id": known["chat"]}))["chat"]
    await forget_old(client.tenant.database, lambda: now() + STREAMS_KEPT + timedelta(minutes=1))

    watched = "subscription ($id: ID!) { chatAnswer(id: $id) { end { reason } } }"
    assert after["answering"] is False
    for answer_id in (lost.id, known["answer"]):
        [told] = await client.stream(watched, {"id": answer_id})
        assert told["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert len(after["messages"]) == 3


async def _lose(client: Client, chat_id: str) -> Answer:
    """An answer whose server has been killed."""
    work = client.tenant.work()
    chat = await work.one(repository.CHAT, id=chat_id, owner_id=client.tenant.user_id)
    assert chat is not None
    answer = Answer(
        id="ans_" + chat_id.removeprefix("cht_"),
        organization_id=chat.organization_id,
        chat_id=chat.id,
        owner_id=chat.owner_id,
        model="plain",
        status=AnswerStatus.RUNNING,
        lease_until=now() - timedelta(seconds=1),
        created_at=now(),
    )
    work.write(repository.ADD_ANSWER, **answer.__dict__)
    said_so_far = [
        {"type": "start", "messageId": "msg_half"},
        {"type": "text-start", "id": "t"},
        {"type": "text-delta", "id": "t", "delta": "half of"},
    ]
    for position, part in enumerate(said_so_far, start=1):
        work.write(repository.ADD_PART, answer_id=answer.id, position=position, part=part)
    changed = chat.changed(answer_id=answer.id, version=chat.version + 1)
    work.write(repository.CHANGE, expect=1, seen="", known=chat.version, **changed.__dict__)
    await work.commit()
    return answer


async def test_a_suspended_agent_stops_at_its_next_step(shared: Served) -> None:
    client = await _with_models(shared, "steady")
    known = await GOVERNED["governed"](client)
    agent = client.with_key(known["credential"])
    asked = "mutation ($input: SendChatMessageInput!) { sendChatMessage(input: $input) { id } }"
    given = {"chatId": "one", "messages": [said("Look.")], "model": "steady"}
    answer_id = (await agent.data(asked, {"input": given}))["sendChatMessage"]["id"]
    work = client.tenant.work()

    async def parts() -> list[dict[str, Any]]:
        found = await work.all(repository.PARTS_AFTER, answer_id=answer_id, after=0, limit=1_000)
        return [each.part for each in found]

    async def looked() -> bool:
        return "finish-step" in [part["type"] for part in await parts()]

    await until(looked)
    await client.data("mutation ($id: ID!) { suspendAgent(id: $id) { id } }", {"id": known["agent"]})

    async def ended() -> AnswerStatus | None:
        found = await work.one(repository.ANSWER, id=answer_id, owner_id=known["agent"])
        assert found is not None
        return None if found.status is AnswerStatus.RUNNING else found.status

    assert await until(ended) is AnswerStatus.FAILED
    assert (await parts())[-1]["type"] == "error"
    assert (await parts())[-1]["errorText"].startswith("This agent is suspended.")
    assert (await agent.get("/api/v1/chat/one/stream")).status_code == 403
