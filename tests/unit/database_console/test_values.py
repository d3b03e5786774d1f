"""Values of a database as JSON."""

from __future__ import annotations

import math
from typing import Any

import pytest

from app.database_console.values import LONGEST_VALUE, Values


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        (True, True),
        (2**53 - 1, 2**53 - 1),
        (2**53, "9007199254740992"),
        (-(2**63), "-9223372036854775808"),
        (1.5, 1.5),
        (math.nan, "NaN"),
        (-math.inf, "-Infinity"),
        (b"\x00\xff", {"base64": "AP8="}),
        ([1, None, [2**60]], [1, None, ["1152921504606846976"]]),
        ({"a": {"b": b"x"}}, {"a": {"b": {"base64": "eA=="}}}),
    ],
)
def test_values_become_what_every_client_reads_alike(value: Any, plain: Any) -> None:
    assert Values().plain(value) == plain


def test_long_values_are_cut_and_counted() -> None:
    values = Values()

    cut = values.plain(["x" * (LONGEST_VALUE + 1), "short", b"y" * (LONGEST_VALUE + 1)])

    assert len(cut[0]) == LONGEST_VALUE
    assert cut[1] == "short"
    assert values.cut == 2


def test_documents_are_told_as_what_they_hold() -> None:
    assert Values().document('{"big": 12345678901234567890, "list": [1.5, null]}') == {
        "big": "12345678901234567890",
        "list": [1.5, None],
    }
    assert Values().document("[" * 100_000) == "[" * 100_000
