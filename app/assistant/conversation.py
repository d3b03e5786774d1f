"""Messages in their two forms: the AI SDK's UI messages, which are stored, and what a model is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from app.assistant.errors import MessagesInvalid
from app.assistant.models import Chat, ChatMessage, MessageRole

MOST_MESSAGES = 500
LARGEST_MESSAGE = 512 * 1024
MOST_PARTS = 500
LONGEST_ID = 100
#: Characters of a conversation that a model is sent at most; the oldest messages are left out.
LONGEST_HISTORY = 400_000
LONGEST_OUTPUT = 64_000
ATTACHMENT_PATH = "/api/v1/chat/attachments/"

Given = Mapping[str, Any]
#: The bytes of an attachment as a part of a message to a model, by its id.
Attached = Mapping[str, dict[str, Any]]


def checked(given: Any) -> list[dict[str, Any]]:
    """The messages a client gave, each with id, role and parts alone; raises `MessagesInvalid`."""
    if not isinstance(given, list) or not 0 < len(given) <= MOST_MESSAGES:
        raise MessagesInvalid(f"'messages' is a list of 1 to {MOST_MESSAGES} messages.")
    made = [_message(each, position) for position, each in enumerate(given)]
    if len({message["id"] for message in made}) < len(made):
        raise MessagesInvalid("Two messages have the same id.")
    return made


def _message(given: Any, position: int) -> dict[str, Any]:
    where = f"messages.{position}"
    if not isinstance(given, dict):
        raise MessagesInvalid(f"'{where}' is no message: {{id, role, parts}}.")
    message_id, role, parts = given.get("id"), given.get("role"), given.get("parts")
    if not isinstance(message_id, str) or not 0 < len(message_id) <= LONGEST_ID:
        raise MessagesInvalid(f"'{where}.id' is a text of 1 to {LONGEST_ID} characters.")
    if not isinstance(role, str) or role not in list(MessageRole):
        raise MessagesInvalid(f"'{where}.role' is system, user or assistant.")
    if not isinstance(parts, list) or len(parts) > MOST_PARTS or not all(map(_is_part, parts)):
        raise MessagesInvalid(f"'{where}.parts' is a list of at most {MOST_PARTS} objects, each with a type.")
    if len(orjson.dumps(parts)) > LARGEST_MESSAGE:
        raise MessagesInvalid(f"'{where}' is larger than {LARGEST_MESSAGE // 1024} KiB. Attach files instead.")
    return {"id": message_id, "role": MessageRole(role), "parts": parts}


def _is_part(part: Any) -> bool:
    return isinstance(part, dict) and isinstance(part.get("type"), str)


def merge(
    chat: Chat, stored: Sequence[ChatMessage], given: Sequence[dict[str, Any]], moment: datetime, *, whole: bool = False
) -> list[ChatMessage]:
    """The conversation with what was given: what the assistant said stays as it was said."""
    known = {message.id: message for message in stored}
    begins = known.get(given[0]["id"]) if given else None
    first = 0 if whole else len(stored) if begins is None else begins.position
    made = list(stored[:first])
    if {message.id for message in made} & {message["id"] for message in given}:
        raise MessagesInvalid("A message that follows has the id of one before.")
    for message in given:
        found = known.get(message["id"])
        if found is None or found.role is not MessageRole.ASSISTANT:
            found = ChatMessage(
                chat_id=chat.id,
                position=0,
                organization_id=chat.organization_id,
                created_at=found.created_at if found else moment,
                **message,
            )
        made.append(found.changed(position=len(made)))
    if len(made) >= MOST_MESSAGES:
        raise MessagesInvalid(f"A chat has at most {MOST_MESSAGES} messages. Begin another one.")
    return made


def attachment_ids(messages: Iterable[ChatMessage]) -> list[str]:
    """The attachments that messages refer to by their address."""
    urls = [str(part.get("url", "")) for message in messages for part in message.parts if part.get("type") == "file"]
    return list(dict.fromkeys(url.rpartition("/")[2] for url in urls if ATTACHMENT_PATH in url))


def for_model(system: str, messages: Sequence[ChatMessage], attached: Attached) -> list[dict[str, Any]]:
    """The conversation as a model is sent it; the oldest messages are left out of one that is too long."""
    kept: list[list[dict[str, Any]]] = []
    room = LONGEST_HISTORY
    for message in reversed(messages):
        said = _from_user(message, attached) if message.role is not MessageRole.ASSISTANT else _from_model(message)
        room -= sum(len(str(part)) for part in said if not _holds_image(part))
        if room < 0 and kept:
            break
        kept.append(said)
    flat = [part for said in reversed(kept) for part in said]
    return [{"role": "system", "content": system}, *flat]


def _holds_image(said: Mapping[str, Any]) -> bool:
    content = said.get("content")
    return isinstance(content, list) and any(part.get("type") == "image_url" for part in content)


def _from_user(message: ChatMessage, attached: Attached) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = []
    for part in message.parts:
        if part["type"] == "text":
            content.append({"type": "text", "text": str(part.get("text", ""))})
        elif part["type"] == "file":
            name = str(part.get("filename") or part.get("mediaType") or "file")
            found = attached.get(str(part.get("url", "")).rpartition("/")[2])
            content.append(found or {"type": "text", "text": f"[attached: {name}, which is no text and no image]"})
    if all(part["type"] == "text" for part in content):
        return [{"role": str(message.role), "content": "\n\n".join(part["text"] for part in content)}]
    return [{"role": "user", "content": content}]


def _from_model(message: ChatMessage) -> list[dict[str, Any]]:
    """What the model said before, step by step: its text, its tool calls, and what they gave."""
    said: list[dict[str, Any]] = []
    text = ""
    calls: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []

    def close() -> None:
        nonlocal text, calls, results
        if text or calls:
            said.append({"role": "assistant", "content": text or None, **({"tool_calls": calls} if calls else {})})
            said.extend(results)
        text, calls, results = "", [], []

    for part in message.parts:
        if part["type"] == "step-start":
            close()
        elif part["type"] == "text":
            text += str(part.get("text", ""))
        elif part["type"].startswith("tool-") and part.get("state") in ("output-available", "output-error"):
            name, call_id = part["type"].removeprefix("tool-"), str(part.get("toolCallId", ""))
            calls.append(tool_call(call_id, name, orjson.dumps(part.get("input") or {}).decode()))
            failed = part["state"] == "output-error"
            results.append(tool_result(call_id, {"error": part.get("errorText")} if failed else part.get("output")))
    close()
    return said


def tool_call(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    """A tool call as a model is told that it made it."""
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def storable(value: Any) -> Any:
    """The same without what no database and no JSON holds: NUL, and halves of surrogate pairs. Models write both."""
    if isinstance(value, str):
        plain = value.replace("\0", "\ufffd")
        return plain if plain.isascii() else plain.encode(errors="replace").decode()
    if isinstance(value, Mapping):
        return {storable(key): storable(item) for key, item in value.items()}
    return [storable(item) for item in value] if isinstance(value, list) else value


def bounded(output: Any) -> Any:
    """What a tool gave, cut off where it is too long to be told."""
    text = orjson.dumps(output).decode()
    return output if len(text) <= LONGEST_OUTPUT else {"cutOff": text[:LONGEST_OUTPUT], "characters": len(text)}


def tool_result(call_id: str, output: Any) -> dict[str, Any]:
    """What a tool gave, as a model is told it."""
    text = output if isinstance(output, str) else orjson.dumps(output).decode()
    return {"role": "tool", "tool_call_id": call_id, "content": text}


def title_of(messages: Iterable[Mapping[str, Any]]) -> str:
    """What a chat is called after its first question."""
    for message in messages:
        for part in message["parts"] if message["role"] is MessageRole.USER else ():
            text = " ".join(str(part.get("text", "")).split()) if part["type"] == "text" else ""
            if text:
                return text if len(text) <= 80 else text[:79].rstrip() + "…"
    return "New chat"


class Composer:
    """Makes the message of the parts of its stream, as the AI SDK does in the browser."""

    def __init__(self) -> None:
        self.parts: list[dict[str, Any]] = []
        self._open: dict[tuple[str, str], dict[str, Any]] = {}

    def take(self, part: Mapping[str, Any]) -> None:
        """Takes the next part of the stream."""
        kind = str(part["type"])
        name, _, step = kind.rpartition("-")
        if kind == "start-step":
            self.parts.append({"type": "step-start"})
        elif name in ("text", "reasoning"):
            self._say(name, step, part)
        elif kind.startswith("tool-"):
            self._call(kind, part)
        elif kind.startswith("data-"):
            self.parts.append({name: part[name] for name in ("type", "id", "data") if name in part})

    def _say(self, kind: str, step: str, part: Mapping[str, Any]) -> None:
        key = (kind, str(part["id"]))
        if step == "start":
            self._open[key] = {"type": kind, "text": "", "state": "done"}
            self.parts.append(self._open[key])
        elif step == "delta":
            self._open[key]["text"] += part["delta"]
        else:
            self._open.pop(key, None)

    def _call(self, kind: str, part: Mapping[str, Any]) -> None:
        key = ("tool", str(part["toolCallId"]))
        if kind in ("tool-input-available", "tool-input-error"):
            made = {"type": f"tool-{part['toolName']}", "toolCallId": key[1], "input": part["input"]}
            self._open[key] = {**made, "state": "input-available"}
            self.parts.append(self._open[key])
        if kind in ("tool-input-error", "tool-output-error"):
            self._open[key] |= {"state": "output-error", "errorText": part["errorText"]}
        elif kind == "tool-output-available":
            self._open[key] |= {"state": "output-available", "output": part["output"]}
