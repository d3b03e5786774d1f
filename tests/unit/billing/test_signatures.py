"""A webhook is believed by its signature alone."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from app.billing.errors import SignatureInvalid
from app.billing.signatures import TOLERANCE, verify

SECRET, BODY, AT = "whsec_test", b'{"id": "evt_1"}', 1_790_000_000
RIGHT = hmac.new(SECRET.encode(), f"{AT}.".encode() + BODY, hashlib.sha256).hexdigest()


@pytest.mark.parametrize("header", [f"t={AT},v1={RIGHT}", f"t={AT}, v1={'0' * 64}, v1={RIGHT},v0=x"])
@pytest.mark.parametrize("late", [-TOLERANCE, 0, TOLERANCE])
def test_one_right_signature_within_five_minutes_is_enough(header: str, late: int) -> None:
    verify(SECRET, BODY, header, AT + late)


@pytest.mark.parametrize(
    "header",
    [
        "",
        f"v1={RIGHT}",
        f"t={AT}",
        f"t={AT},v1={'0' * 64}",
        f"t={AT},v0={RIGHT}",
        f"t={AT + 1},v1={RIGHT}",
        f"t=x,v1={RIGHT}",
        f"t={AT},t={AT},v1={RIGHT}",
        f"t={AT},v1=\u00e9",
        f"t={AT},{','.join(f'v1={number}' for number in range(20))},v1={RIGHT}",
    ],
)
def test_any_other_header_is_refused(header: str) -> None:
    with pytest.raises(SignatureInvalid):
        verify(SECRET, BODY, header, AT)


@pytest.mark.parametrize("late", [-TOLERANCE - 1, TOLERANCE + 1])
def test_an_old_signature_is_refused(late: int) -> None:
    with pytest.raises(SignatureInvalid):
        verify(SECRET, BODY, f"t={AT},v1={RIGHT}", AT + late)


def test_another_body_is_refused() -> None:
    with pytest.raises(SignatureInvalid):
        verify(SECRET, BODY + b" ", f"t={AT},v1={RIGHT}", AT)
