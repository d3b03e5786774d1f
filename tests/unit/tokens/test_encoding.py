"""Base64url with one encoding for each value."""

from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.tokens.encoding import decode, encode


@given(st.binary(max_size=200))
def test_what_is_encoded_comes_back(data: bytes) -> None:
    assert decode(encode(data)) == data
    assert encode(data) == base64.urlsafe_b64encode(data).decode().rstrip("=")


@given(st.text(alphabet="AQgwBC-_+/= \n0Zé", max_size=12))
def test_what_is_decoded_has_no_other_encoding(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert encode(decode(text)) == text


@pytest.mark.parametrize(
    "text", ["A", "AB", "AAB", "AA==", "AA=", "+A", "/A", "A A", "AA\n", "é", "AAAAA", "=", "\x00\x00"]
)
def test_other_encodings_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="base64url"):
        decode(text)
