"""An endpoint that speaks OpenAI's chat completions over HTTP, with scripted models: the model's id is its script."""

from __future__ import annotations

import functools
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-model-endpoint-key-0123456789"
TOKENS_IN, TOKENS_OUT = 11, 7
Request = dict[str, Any]
#: What a script gives: deltas of a choice, seconds to wait, or CUT.
Script = Callable[[Request], Iterator[Any]]
CUT = "cut off here"


def _plain(request: Request) -> Iterator[Any]:
    yield {"role": "assistant", "content": ""}
    for piece in ("Hello", ", ", "world", "."):
        yield {"content": piece}
    yield "stop"


def _echo(request: Request) -> Iterator[Any]:
    """What it was sent, as JSON."""
    yield {"content": json.dumps(request["messages"])}
    yield "stop"


def _thinker(request: Request) -> Iterator[Any]:
    yield {"reasoning_content": "They ask for "}
    yield {"reasoning_content": "a number."}
    yield {"content": "It is 42."}
    yield "stop"


def _calls(name: str, arguments: str, said: str = "Done.") -> Script:
    """Calls a tool once, its arguments in fragments, then says something."""

    def script(request: Request) -> Iterator[Any]:
        if request["messages"][-1]["role"] == "tool":
            yield {"content": said}
            yield "stop"
            return
        yield {"content": "Let me look."}
        head = {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": ""}}
        yield {"tool_calls": [head]}
        for begin in range(0, len(arguments), 5):
            yield {"tool_calls": [{"index": 0, "function": {"arguments": arguments[begin : begin + 5]}}]}
        yield "tool_calls"

    return script


def _repairs(request: Request) -> Iterator[Any]:
    """Proposes a wrong Blueprint first, and a right one when it is told."""
    wrong = request["messages"][-1]["role"] != "tool"
    blueprint = "services: {web: {ports: [1]}}" if wrong else "services: {web: {run: serve}}"
    given = json.dumps({"blueprint": blueprint})
    call = {"name": "propose_blueprint", "arguments": given}
    yield {"content": "A web service."}
    yield {"tool_calls": [{"index": 0, "id": f"call_{wrong}", "type": "function", "function": call}]}
    yield "tool_calls"


def _endless(request: Request) -> Iterator[Any]:
    """Calls tools for ever, unless it may not."""
    if request.get("tool_choice") == "none":
        yield {"content": "Enough."}
        yield "stop"
        return
    number = len(request["messages"])
    function = {"name": "list_environments", "arguments": "{}"}
    yield {"tool_calls": [{"index": 0, "id": f"call_{number}", "type": "function", "function": function}]}
    yield "tool_calls"


def _steady(request: Request) -> Iterator[Any]:
    """Calls tools for some seconds."""
    yield 0.5
    yield from _endless(request)


def _slow(request: Request) -> Iterator[Any]:
    for number in range(200):
        yield {"content": f"{number} "}
        yield 0.05
    yield "stop"


def _odd(request: Request) -> Iterator[Any]:
    """What no database holds."""
    yield {"content": "a\0b \ud83d c"}
    yield "stop"


def _cut(request: Request) -> Iterator[Any]:
    yield {"content": "This is not"}
    yield CUT


def _flood(request: Request) -> Iterator[Any]:
    for _ in range(300):
        yield {"content": "x" * 10_000}
    yield "stop"


SCRIPTS: dict[str, Script] = {
    "plain": _plain,
    "echo": _echo,
    "thinker": _thinker,
    "looks": _calls("list_environments", "{}"),
    "wrong-input": _calls("read_environment", '{"identity": 1}'),
    "bad-json": _calls("read_environment", '{"id": '),
    "unknown-tool": _calls("launch_rockets", "{}"),
    "makes-task": _calls("create_task", '{"title": "private-task"}'),
    "uses-skill": _calls("use_skill", '{"name": "release"}'),
    "writes": _calls("write_file", '{"path": "private/notes.txt", "text": "one\\ntwo\\n"}'),
    "edits": _calls("edit_file", '{"path": "private/notes.txt", "old": "two", "new": "three"}'),
    "reads": _calls("read_file", '{"path": "private/notes.txt"}'),
    "searches": _calls("search_files", '{"pattern": "three"}'),
    "lists": _calls("list_files", "{}"),
    "shows": _calls("show_changes", "{}"),
    "moves": _calls("move_file", '{"path": "private/notes.txt", "to": "moved.txt"}'),
    "deletes": _calls("delete_file", '{"path": "moved.txt"}'),
    "escapes": _calls("read_file", '{"path": "../../../secret.key"}'),
    "repairs": _repairs,
    "endless": _endless,
    "steady": _steady,
    "slow": _slow,
    "cut": _cut,
    "odd": _odd,
    "flood": _flood,
}
#: Refused before the first part.
STATUSES = {"denied": 401, "busy": 429, "broken": 500}


class ModelServer:
    """`server.url` is the base URL of all its models; `server.requests` is what it was asked."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.keys: list[str] = []
        handler = type("Handler", (_Handler,), {"owner": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, name="models", daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def asked(self, model: str) -> list[Request]:
        """What one model was asked."""
        return [request for request in self.requests if request["model"] == model]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: ModelServer

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.owner.requests.append(request)
        self.owner.keys.append(self.headers.get("Authorization", ""))
        model = request["model"]
        if self.path != "/v1/chat/completions":
            self._json(404, {"error": {"message": f"no {self.path}"}})
        elif model in STATUSES:
            message = f"refused with {self.headers.get('Authorization')}"
            self._json(STATUSES[model], {"error": {"message": message, "type": "refused"}})
        elif request.get("stream"):
            self._stream(request)
        else:
            self._json(200, self._whole(request))

    def _whole(self, request: Request) -> dict[str, Any]:
        system = request["messages"][0]["content"]
        text = '["Run the tests", "Open a pull request"]' if "JSON array" in system else "```python\na + b\n```"
        if "git commit" in system:
            text = "```\nAdd a cart\n\nIt holds nothing yet.\n```"
        if request["model"] == "slow":
            time.sleep(20)
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {**_head("chat.completion", request), "choices": [choice], "usage": _usage()}

    def _stream(self, request: Request) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for step in SCRIPTS[request["model"]](request):
                if step == CUT:
                    self.close_connection = True
                    self.connection.close()
                    return
                if isinstance(step, float):
                    time.sleep(step)
                    continue
                delta, reason = ({}, step) if isinstance(step, str) else (step, None)
                self._event(request, [{"index": 0, "delta": delta, "finish_reason": reason}], None)
            if request.get("stream_options", {}).get("include_usage"):
                self._event(request, [], _usage())
            self._chunk(b"data: [DONE]\n\n")
            self._chunk(b"")
        except OSError:  # whoever asked has left
            self.close_connection = True

    def _event(self, request: Request, choices: list[Any], usage: Any) -> None:
        body = {**_head("chat.completion.chunk", request), "choices": choices, "usage": usage}
        self._chunk(b"data: " + json.dumps(body).encode() + b"\n\n")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _json(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


def _head(kind: str, request: Request) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1_790_000_000, "model": request["model"]}


def _usage() -> dict[str, int]:
    return {
        "prompt_tokens": TOKENS_IN,
        "completion_tokens": TOKENS_OUT,
        "total_tokens": TOKENS_IN + TOKENS_OUT,
    }


@functools.cache
def model_server() -> ModelServer:
    """The one server of this process."""
    return ModelServer()


def models(*ids: str) -> list[dict[str, str]]:
    """The scripted models as `setOrganizationModels` takes them."""
    url = model_server().url
    return [{"id": each, "name": each, "provider": "Tests", "baseUrl": url, "apiKey": KEY} for each in ids]


SET = "mutation ($models: [EnabledModelInput!]!) { setOrganizationModels(models: $models) { models { id hasApiKey } } }"
