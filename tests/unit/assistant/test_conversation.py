"""Messages as a model is sent them, and as they come out of a stream."""

from __future__ import annotations

from typing import Any

from app.assistant import conversation
from app.assistant.conversation import Composer, bounded, for_model, storable, title_of
from app.assistant.models import ChatMessage, MessageRole
from app.core.clock import now


def _message(role: MessageRole, *parts: dict[str, Any], number: int = 0) -> ChatMessage:
    return ChatMessage(
        chat_id="cht_1",
        position=number,
        organization_id="org_1",
        id=f"m{number}",
        role=role,
        parts=list(parts),
        created_at=now(),
    )


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def test_the_steps_of_an_answer_are_told_with_their_calls_and_results() -> None:
    call = {"type": "tool-look", "toolCallId": "c1", "state": "output-available", "input": {"a": 1}, "output": [2]}
    failed = {"type": "tool-look", "toolCallId": "c2", "state": "output-error", "input": {}, "errorText": "no"}
    step = {"type": "step-start"}
    answer = _message(MessageRole.ASSISTANT, step, _text("One."), call, failed, step, _text("Two."))

    sent = for_model("rules", [_message(MessageRole.USER, _text("Go.")), answer], {})

    assert [message["role"] for message in sent] == ["system", "user", "assistant", "tool", "tool", "assistant"]
    assert [each["function"]["arguments"] for each in sent[2]["tool_calls"]] == ['{"a":1}', "{}"]
    assert (sent[3]["content"], sent[4]["content"]) == ("[2]", '{"error":"no"}')


def test_a_call_without_a_result_is_left_out() -> None:
    open_ = {"type": "tool-look", "toolCallId": "c1", "state": "input-available", "input": {}}

    sent = for_model("rules", [_message(MessageRole.ASSISTANT, _text("One."), open_)], {})

    assert sent[1:] == [{"role": "assistant", "content": "One."}]


def test_the_oldest_messages_are_left_out_of_what_is_too_long() -> None:
    long = [_message(MessageRole.USER, _text(f"{number} " + "x" * 150_000), number=number) for number in range(4)]

    sent = for_model("rules", long, {})

    assert [message["content"][:1] for message in sent[1:]] == ["2", "3"]


def test_the_last_message_is_sent_however_long_it_is() -> None:
    assert len(for_model("rules", [_message(MessageRole.USER, _text("x" * 500_000))], {})) == 2


def test_what_a_tool_gives_is_cut_off_where_it_is_too_long() -> None:
    cut = bounded({"text": "x" * 100_000})

    assert len(cut["cutOff"]) == conversation.LONGEST_OUTPUT
    assert bounded({"text": "short"}) == {"text": "short"}


def test_a_message_is_made_of_its_stream() -> None:
    composer = Composer()
    for part in (
        {"type": "start", "messageId": "m"},
        {"type": "start-step"},
        {"type": "text-start", "id": "1"},
        {"type": "text-delta", "id": "1", "delta": "He"},
        {"type": "text-delta", "id": "1", "delta": "llo"},
        {"type": "text-end", "id": "1"},
        {"type": "tool-input-start", "toolCallId": "c", "toolName": "look"},
        {"type": "tool-input-error", "toolCallId": "c", "toolName": "look", "input": "{", "errorText": "no JSON"},
        {"type": "data-draft", "id": "d", "data": {"kind": "blueprint"}},
        {"type": "finish-step"},
    ):
        composer.take(part)

    assert composer.parts == [
        {"type": "step-start"},
        {"type": "text", "text": "Hello", "state": "done"},
        {
            "type": "tool-look",
            "toolCallId": "c",
            "input": "{",
            "state": "output-error",
            "errorText": "no JSON",
        },
        {"type": "data-draft", "id": "d", "data": {"kind": "blueprint"}},
    ]


def test_titles_are_the_beginning_of_the_first_question() -> None:
    said = [{"role": MessageRole.USER, "parts": [_text("  What \n is  this? " + "x" * 100)]}]

    assert title_of(said).startswith("What is this? xxx")
    assert len(title_of(said)) == 80
    assert title_of([]) == "New chat"


def test_what_no_json_holds_is_replaced_at_any_depth() -> None:
    assert storable({"a\0": ["b\0", {"c": "\ud83d"}], "n": 1}) == {"a\ufffd": ["b\ufffd", {"c": "?"}], "n": 1}
    assert storable("ünï 😀") == "ünï 😀"
