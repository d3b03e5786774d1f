"""What a server is told of documents that several viewers have open."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import InvalidRequest
from app.language_servers import documents as module
from app.language_servers.documents import Documents, TooMuchOpen, changed


def at(line: int, character: int) -> dict[str, int]:
    return {"line": line, "character": character}


def edit(start: dict[str, int], end: dict[str, int], text: str) -> dict[str, Any]:
    return {"range": {"start": start, "end": end}, "text": text}


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        ("one\ntwo\n", edit(at(1, 0), at(1, 3), "2"), "one\n2\n"),
        ("one\r\ntwo\r\n", edit(at(1, 0), at(1, 1), ""), "one\r\nwo\r\n"),
        ("one\rtwo", edit(at(1, 3), at(1, 3), "!"), "one\rtwo!"),
        ("a😀b\n", edit(at(0, 3), at(0, 4), "c"), "a😀c\n"),
        ("äöü\n", edit(at(0, 1), at(0, 2), "o"), "äoü\n"),
        ("short\nnext", edit(at(0, 99), at(0, 99), "er"), "shorter\nnext"),
        ("end", edit(at(7, 0), at(9, 0), "!"), "end!"),
        ("one\ntwo", edit(at(0, 3), at(1, 0), " "), "one two"),
        ("x", {"text": "whole"}, "whole"),
    ],
)
def test_a_change_is_made_where_the_protocol_says(before: str, change: dict[str, Any], after: str) -> None:
    assert changed(before, [change]) == after


def reference(text: str, change: dict[str, Any]) -> str:
    """The same in UTF-16 code units, on lines that end with a line feed."""
    lines = [line.encode("utf-16-le") for line in text.split("\n")]

    def unit(position: dict[str, int]) -> int:
        before = sum(len(line) // 2 + 1 for line in lines[: position["line"]])
        return before + min(position["character"], len(lines[position["line"]]) // 2)

    whole = text.encode("utf-16-le")
    start, end = unit(change["range"]["start"]), unit(change["range"]["end"])
    return (whole[: 2 * start] + change["text"].encode("utf-16-le") + whole[2 * end :]).decode("utf-16-le", "replace")


@given(st.data())
def test_any_change_is_what_utf_16_makes_of_it(data: st.DataObject) -> None:
    text = data.draw(st.text("aä\n", max_size=30))
    lines = text.split("\n")
    places = sorted(
        data.draw(st.tuples(st.integers(0, len(lines) - 1), st.integers(0, 8)), label=name) for name in ("one", "two")
    )
    change = edit(at(*places[0]), at(*places[1]), data.draw(st.text("xy😀\n", max_size=5)))

    assert changed(text, [change]) == reference(text, change)


def test_viewers_with_the_same_text_share_a_document() -> None:
    documents = Documents()

    first = documents.open("one", "u", "python", 7, "text")
    second = documents.open("two", "u", "python", 3, "text")
    typed = documents.change("one", "u", 8, [edit(at(0, 0), at(0, 0), "more ")])

    assert [message["method"] for message in first] == ["textDocument/didOpen"]
    assert second == []
    assert typed[0]["params"]["contentChanges"] == [edit(at(0, 0), at(0, 0), "more ")]
    assert typed[0]["params"]["textDocument"]["version"] == 2


def test_a_viewer_with_another_text_gets_its_own_told_before_it_asks() -> None:
    documents = Documents()
    documents.open("one", "u", "python", 1, "text")
    opened = documents.open("two", "u", "python", 1, "other")
    typed = documents.change("one", "u", 2, [edit(at(0, 4), at(0, 4), "!")])
    asked = documents.focus("two", "u")
    again = documents.focus("two", "u")
    closed = documents.close("two", "u")

    assert [message["params"]["contentChanges"] for message in (*opened, *typed, *asked, *closed)] == [
        [{"text": "other"}],
        [{"text": "text!"}],
        [{"text": "other"}],
        [{"text": "text!"}],
    ]
    assert again == []


def test_a_document_is_closed_with_its_last_viewer() -> None:
    documents = Documents()
    documents.open("one", "u", "python", 1, "text")
    documents.open("two", "u", "python", 1, "text")
    documents.open("two", "v", "python", 1, "text")

    assert documents.leave("one") == []
    assert [message["params"]["textDocument"]["uri"] for message in documents.leave("two")] == ["u", "v"]
    assert documents.opened() == []


def test_what_is_open_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = Documents()
    monkeypatch.setattr(module, "MOST_OPEN", 2)
    monkeypatch.setattr(module, "LONGEST", 10)
    documents.open("one", "u", "python", 1, "text")
    documents.open("one", "v", "python", 1, "text")

    with pytest.raises(TooMuchOpen):
        documents.open("one", "w", "python", 1, "text")
    with pytest.raises(TooMuchOpen):
        documents.open("two", "w", "python", 1, "x" * 11)
    with pytest.raises(TooMuchOpen):
        documents.change("one", "u", 2, [{"text": "x" * 11}])
    with pytest.raises(InvalidRequest):
        documents.change("two", "u", 2, [{"text": "x"}])
    documents.change("one", "u", 2, [{"text": "x" * 10}])
