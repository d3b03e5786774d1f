"""npm `ai` is the client: text, reasoning, tools, errors, abort, resume, against a server on a real port."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings
from tests.support.live import LiveServer
from tests.support.models import KEY, SCRIPTS, SET, STATUSES, TOKENS_IN, TOKENS_OUT, model_server, models
from tests.support.node import run_client
from tests.support.waiting import soon

CHAT = "query ($id: ID!) { chat(id: $id) { answering title messages { id role parts model } } }"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    data_dir = tmp_path_factory.mktemp("assistant") / "data"
    with LiveServer(Settings(data_dir=data_dir, database_url="", allow_private_models=True)) as started:
        _ask(started, SET, {"models": models(*SCRIPTS, *STATUSES)})
        yield started


def _ask(server: LiveServer, query: str, variables: dict[str, Any] | None = None) -> Any:
    answer = server.http.post("/graphql", json={"query": query, "variables": variables or {}}).json()
    assert "errors" not in answer, answer
    return answer["data"]


def _chat(server: LiveServer, chat_id: str, *, path: str = "chat", **order: Any) -> tuple[list[Any], dict[str, Any]]:
    """The parts that the client read, and what it made of them."""
    model = order.pop("model", None)
    body = {**order.pop("body", {}), **({"model": model} if model else {})}
    order = {"url": f"{server.url}/api/v1/{path}", "token": server.key, "id": chat_id, "body": body, **order}
    *chunks, last = run_client("chat.mjs", order)
    assert last["done"] != "timeout", chunks
    return [line["chunk"] for line in chunks], last["done"]


def _text(message: dict[str, Any]) -> str:
    return "".join(part["text"] for part in message["parts"] if part["type"] == "text")


def _stored(server: LiveServer, chat_id: str) -> dict[str, Any]:
    found: dict[str, Any] = _ask(server, CHAT, {"id": chat_id})["chat"]
    return found


def _plain(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Parts as they are stored: the client adds what is undefined or only its own."""
    kept = ("type", "text", "state", "toolCallId", "input", "output", "errorText", "data")
    return [{name: part[name] for name in kept if name in part} for part in parts]


def test_text_is_streamed_and_stored_as_the_client_made_it(server: LiveServer) -> None:
    chunks, done = _chat(server, "text", text="Who is there?", model="plain")

    kinds = [chunk["type"] for chunk in chunks]
    assert kinds[:3] == ["start", "start-step", "text-start"]
    assert kinds[-3:] == ["text-end", "finish-step", "finish"]
    assert chunks[-1]["finishReason"] == "stop"
    assert chunks[-1]["messageMetadata"]["usage"] == {"inputTokens": TOKENS_IN, "outputTokens": TOKENS_OUT}
    assert (done["status"], _text(done["messages"][-1])) == ("ready", "Hello, world.")
    stored = _stored(server, "text")
    assert (stored["answering"], stored["title"]) == (False, "Who is there?")
    assert [message["id"] for message in stored["messages"]] == [message["id"] for message in done["messages"]]
    assert stored["messages"][-1]["parts"] == _plain(done["messages"][-1]["parts"])
    assert model_server().keys[-1] == f"Bearer {KEY}"


def test_reasoning_is_told_apart_from_text(server: LiveServer) -> None:
    _, done = _chat(server, "thinking", text="A number?", model="thinker")

    parts = done["messages"][-1]["parts"]
    assert [part["type"] for part in parts] == ["step-start", "reasoning", "text"]
    assert (parts[1]["text"], parts[2]["text"]) == ("They ask for a number.", "It is 42.")
    assert _stored(server, "thinking")["messages"][-1]["parts"] == _plain(parts)


def test_a_tool_is_called_and_its_result_goes_back_to_the_model(server: LiveServer) -> None:
    environment = server.running(name="shop-under-test")

    chunks, done = _chat(server, "looking", text="What runs?", model="looks")

    kinds = [chunk["type"] for chunk in chunks]
    for kind in ("tool-input-start", "tool-input-delta", "tool-input-available", "tool-output-available"):
        assert kind in kinds
    parts = done["messages"][-1]["parts"]
    [call] = [part for part in parts if part["type"] == "tool-list_environments"]
    assert call["state"] == "output-available"
    assert environment in [each["id"] for each in call["output"]["environments"]]
    assert _text(done["messages"][-1]) == "Let me look.Done."
    sent = model_server().asked("looks")[-1]["messages"]
    assert [message["role"] for message in sent[-2:]] == ["assistant", "tool"]
    assert environment in sent[-1]["content"]
    assert _stored(server, "looking")["messages"][-1]["parts"] == _plain(parts)


@pytest.mark.parametrize(
    ("model", "told"),
    [("wrong-input", "identity"), ("unknown-tool", "launch_rockets"), ("bad-json", "not valid JSON")],
)
def test_a_call_that_fails_is_told_to_the_client_and_to_the_model(server: LiveServer, model: str, told: str) -> None:
    _, done = _chat(server, model, text="Try it.", model=model)

    [call] = [part for part in done["messages"][-1]["parts"] if part["type"].startswith("tool-")]
    assert call["state"] == "output-error"
    assert told in call["errorText"]
    assert told in model_server().asked(model)[-1]["messages"][-1]["content"]
    assert done["status"] == "ready"


def test_steps_are_bounded(server: LiveServer) -> None:
    before = len(model_server().asked("endless"))

    _, done = _chat(server, "endless", text="Go on.", model="endless")

    assert len(model_server().asked("endless")) - before == 12
    assert _text(done["messages"][-1]) == "Enough."


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("denied", "refused the API key"),
        ("busy", "no more requests"),
        ("broken", "status 500"),
        ("cut", "cut off"),
        ("flood", "longer than"),
    ],
)
def test_what_goes_wrong_at_the_endpoint_is_an_error_of_the_stream(server: LiveServer, model: str, told: str) -> None:
    chunks, done = _chat(server, model, text="Hello?", model=model)

    assert (chunks[-1]["type"], done["status"]) == ("error", "error")
    assert told in done["error"]
    assert KEY not in str(chunks)
    assert _stored(server, model)["answering"] is False


def test_an_answer_goes_on_when_its_reader_leaves_and_is_resumed_from_its_beginning(server: LiveServer) -> None:
    _, left = _chat(server, "resumed", text="Count.", model="slow", abortAfter=8)
    assert left["stopped"]

    chunks, done = _chat(server, "resumed", resume=True, messages=left["messages"][:1])

    text = _text(done["messages"][-1])
    assert chunks[0]["type"] == "start"
    assert text == "".join(f"{number} " for number in range(200))
    assert _text(_stored(server, "resumed")["messages"][-1]) == text


def test_an_answer_stops_with_its_reader_where_the_client_asks_for_that(server: LiveServer) -> None:
    _chat(server, "left", text="Count.", model="slow", abortAfter=8, body={"stopOnDisconnect": True})

    soon(lambda: not _stored(server, "left")["answering"])
    text = _text(_stored(server, "left")["messages"][-1])
    assert text.startswith("0 1 ")
    assert "199" not in text


def test_nothing_to_resume_is_204(server: LiveServer) -> None:
    _chat(server, "ended", text="Hello?", model="plain")

    chunks, done = _chat(server, "ended", resume=True)

    assert chunks == []
    assert done["status"] == "ready"
    assert server.http.get("/api/v1/chat/ended/stream").status_code == 204
    assert server.http.get("/api/v1/chat/nobodys/stream").status_code == 204


def test_a_stopped_answer_is_an_abort_to_those_who_watch(server: LiveServer) -> None:
    with server.http.stream("POST", "/api/v1/chat", json=_body("stopped", "slow")) as response:
        assert response.headers["x-vercel-ai-ui-message-stream"] == "v1"
        lines = response.iter_lines()
        while "text-delta" not in next(lines):
            pass
        assert server.http.post("/api/v1/chat/stopped/stop").json()["clientId"] == "stopped"
        rest = [line for line in lines if line]

    assert [part in rest[-2] for part in ('"abort"', "stopped")] == [True, True]
    assert rest[-1] == "data: [DONE]"
    assert _stored(server, "stopped")["answering"] is False


def test_one_answer_at_a_time(server: LiveServer) -> None:
    with server.http.stream("POST", "/api/v1/chat", json=_body("busy-chat", "slow")) as response:
        next(response.iter_lines())
        second = server.http.post("/api/v1/chat", json=_body("busy-chat", "plain", 2))
        server.http.post("/api/v1/chat/busy-chat/stop")

    assert (second.status_code, second.json()["error"]["code"]) == (409, "answer_running")


def test_a_chat_goes_on_and_the_model_is_sent_all_of_it(server: LiveServer) -> None:
    _, first = _chat(server, "longer", text="One.", model="looks")

    _, second = _chat(server, "longer", text="Two.", model="echo", messages=first["messages"])

    sent = _text(second["messages"][-1])
    assert [word in sent for word in ("One.", "list_environments", "Done.", "Two.")] == [True] * 4
    stored = _stored(server, "longer")["messages"]
    assert [message["id"] for message in stored] == [message["id"] for message in second["messages"]]


def test_an_answer_is_made_anew_in_the_place_of_the_one_before(server: LiveServer) -> None:
    _, first = _chat(server, "anew", text="One.", model="plain")

    _, second = _chat(server, "anew", regenerate=True, model="thinker", messages=first["messages"])

    assert _text(second["messages"][-1]) == "It is 42."
    stored = _stored(server, "anew")["messages"]
    assert [message["id"] for message in stored] == [message["id"] for message in second["messages"]]
    assert len(stored) == 2


def test_a_draft_is_validated_repaired_and_ends_the_answer(server: LiveServer) -> None:
    _, done = _chat(server, "drafted", path="workflow-chat", text="A web service, please.", model="repairs")

    parts = done["messages"][-1]["parts"]
    calls = [part for part in parts if part["type"] == "tool-propose_blueprint"]
    [draft] = [part for part in parts if part["type"] == "data-draft"]
    assert [call["state"] for call in calls] == ["output-error", "output-available"]
    assert "does not validate" in calls[0]["errorText"]
    assert draft["data"] == {"kind": "blueprint", "document": "services: {web: {run: serve}}"}
    offered = {tool["function"]["name"] for tool in model_server().asked("repairs")[-1]["tools"]}
    assert offered == {"propose_blueprint"}


def test_an_answer_whose_server_stops_tells_so(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", database_url="", allow_private_models=True)
    with LiveServer(settings) as server:
        _ask(server, SET, {"models": models("slow")})
        with server.http.stream("POST", "/api/v1/chat", json=_body("closing", "slow")) as response:
            lines = response.iter_lines()
            while "text-delta" not in next(lines):
                pass
            answers = server.product.product.assistant.answers
            server.run(answers.close())
            rest = [line for line in lines if line]
        assert len(answers) == 0

    assert "The server was stopped" in rest[-2]
    assert rest[-1] == "data: [DONE]"


def test_nobody_waits_for_those_who_watch(server: LiveServer) -> None:
    """Twenty answers at once, each read to its end."""

    async def all_at_once() -> list[str]:
        import httpx

        async with httpx.AsyncClient(base_url=server.url, headers={"Authorization": f"Bearer {server.key}"}) as http:
            asked = [http.post("/api/v1/chat", json=_body(f"many-{number}", "plain")) for number in range(10)]
            return [answer.text for answer in await asyncio.gather(*asked)]

    for text in asyncio.run(all_at_once()):
        assert text.endswith("data: [DONE]\n\n")
        assert '"finish"' in text


def _body(chat_id: str, model: str, number: int = 1) -> dict[str, Any]:
    message = {"id": f"said-{number}", "role": "user", "parts": [{"type": "text", "text": "Count."}]}
    return {"id": chat_id, "model": model, "trigger": "submit-message", "messages": [message]}
