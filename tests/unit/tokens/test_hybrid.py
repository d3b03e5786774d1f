"""The token: what is accepted, what is refused, and that no bit of it can be changed."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.tokens import hybrid
from app.tokens.encoding import decode, encode, read_object
from app.tokens.errors import ClaimsRefused, TokenExpired, TokenRefused, UnknownKey
from app.tokens.hybrid import Issuer, Mode, Verified, verify
from app.tokens.jwk import Algorithm, Family, PublicKey, read_key
from app.tokens.private_keys import new_key
from tests.support.clock import MockClock
from tests.support.tokens import AUDIENCE, ISSUER, Pair, claims

PAIR, OTHER = Pair(), Pair()
_BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def _accept(token: str, clock: MockClock, issuer: Issuer | None = None, audience: str = AUDIENCE) -> Verified:
    return verify(token, issuer=issuer or PAIR.issuer(), audience=audience, now=clock())


def _refused(token: str, clock: MockClock, issuer: Issuer | None = None, audience: str = AUDIENCE) -> bool:
    try:
        _accept(token, clock, issuer, audience)
    except TokenRefused:
        return True
    return False


def test_a_token_gives_its_claims_and_both_keys(clock: MockClock) -> None:
    given_claims = claims(clock, roles=["a", "b"], nested={"deep": [1, True]})

    verified = _accept(PAIR.token(given_claims), clock)

    assert verified.claims == given_claims
    assert verified.classical_kid == PAIR.classical_jwk["kid"]
    assert verified.post_quantum_kid == PAIR.post_quantum_jwk["kid"]
    assert verified.signature_verified


def _no_proof(clock: MockClock) -> str:
    return PAIR.sign(claims(clock))


def _right_proof(clock: MockClock) -> str:
    return PAIR.token(claims(clock))


def _foreign_proof(clock: MockClock) -> str:
    return PAIR.sign({**claims(clock), "pqs": PAIR.proof(claims(clock, jti="jti_2"))})


def _proof_of_an_unknown_key(clock: MockClock) -> str:
    proof = OTHER.proof(claims(clock), ckid=PAIR.classical_jwk["kid"])
    return PAIR.sign({**claims(clock), "pqs": proof})


def _proof_for_another_pair(clock: MockClock) -> str:
    return PAIR.sign({**claims(clock), "pqs": PAIR.proof(claims(clock), ckid=OTHER.classical_jwk["kid"])})


def _proof_that_is_no_text(clock: MockClock) -> str:
    return PAIR.sign({**claims(clock), "pqs": 7})


#: What `signatureVerified` is for a token, by the mode of its issuer; None: the token is refused.
SIGNATURE_VERIFIED = [
    # the token's second proof    off    prefer  require
    (_no_proof, False, False, None),
    (_right_proof, False, True, True),
    (_foreign_proof, False, None, None),
    (_proof_of_an_unknown_key, False, None, None),
    (_proof_for_another_pair, False, None, None),
    (_proof_that_is_no_text, False, None, None),
]
TABLE = [
    (make, mode, expected)
    for make, *row in SIGNATURE_VERIFIED
    for mode, expected in zip((Mode.OFF, Mode.PREFER, Mode.REQUIRE), row, strict=True)
]


@pytest.mark.parametrize(("make", "mode", "expected"), TABLE)
def test_signature_verified_is_what_the_table_says(
    clock: MockClock, make: Any, mode: Mode, expected: bool | None
) -> None:
    token = make(clock)

    if expected is None:
        assert _refused(token, clock, PAIR.issuer(mode))
    else:
        assert _accept(token, clock, PAIR.issuer(mode)).signature_verified is expected


@pytest.mark.parametrize("mode", Mode)
def test_a_wrong_classical_signature_is_refused_in_every_mode(clock: MockClock, mode: Mode) -> None:
    token = OTHER.token(claims(clock), kid=PAIR.classical_jwk["kid"])

    assert _refused(token, clock, PAIR.issuer(mode))


# Every bit.


def _flips(text: str) -> Iterator[str]:
    """The text with one bit of one character turned, each in turn."""
    for place, character in enumerate(text):
        for bit in range(8):
            yield f"{text[:place]}{chr(ord(character) ^ (1 << bit))}{text[place + 1 :]}"


@pytest.mark.timeout(300)
def test_no_bit_of_a_token_can_be_turned(clock: MockClock) -> None:
    token, issuer = PAIR.token(claims(clock)), PAIR.issuer()

    accepted = [changed for changed in _flips(token) if not _refused(changed, clock, issuer)]

    assert accepted == []


@pytest.mark.timeout(300)
def test_no_bit_of_the_second_proof_can_be_turned_by_who_can_forge_the_first(clock: MockClock) -> None:
    """To whom every classical signature is right: only the second proof stands in the way."""
    whole, kid = claims(clock), PAIR.classical_jwk["kid"]
    forged = PublicKey(kid, Algorithm.ES256, lambda signature, message: True)
    issuer, proof = PAIR.issuer(**{kid: forged}), PAIR.proof(whole)
    header = encode(hybrid.canonical({"alg": "ES256", "kid": PAIR.classical_jwk["kid"], "typ": "at+jwt"}))

    accepted = []
    for changed in _flips(proof):
        payload = encode(json.dumps({**whole, "pqs": changed}).encode())
        if not _refused(f"{header}.{payload}.AAAA", clock, issuer):
            accepted.append(changed)

    assert accepted == []
    assert _accept(f"{header}.{encode(json.dumps({**whole, 'pqs': proof}).encode())}.AAAA", clock, issuer)


def test_no_claim_can_be_changed_by_who_can_forge_the_first(clock: MockClock) -> None:
    whole = claims(clock)
    proof = PAIR.proof(whole)

    for name in whole:
        without = {key: value for key, value in whole.items() if key != name}
        assert _refused(PAIR.sign({**without, "pqs": proof}), clock), name
    for name, value in {"sub": "usr_2", "scope": "*", "jti": "jti_2", "exp": whole["exp"] + 1, "new": 1}.items():
        assert _refused(PAIR.sign({**whole, name: value, "pqs": proof}), clock), name


@pytest.mark.parametrize("part", range(3))
def test_bits_beyond_the_last_byte_are_refused(clock: MockClock, part: int) -> None:
    tried = 0
    for pad in range(3):
        parts = PAIR.token(claims(clock, sub="u" * (5 + pad))).split(".")
        raw = decode(parts[part])
        for character in _BASE64URL:
            changed = parts[part][:-1] + character
            if changed != parts[part] and _lenient(changed) == raw:
                tried += 1
                assert _refused(".".join([*parts[:part], changed, *parts[part + 1 :]]), clock)
        assert _refused(".".join([*parts[:part], parts[part] + "=", *parts[part + 1 :]]), clock)

    assert tried >= (0 if part == 0 else 15)


def _lenient(text: str) -> bytes:
    """As most decoders read it: bits beyond the last byte do not matter."""
    import base64

    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# Attacks by name.


def test_none_is_no_algorithm(clock: MockClock) -> None:
    parts = PAIR.token(claims(clock)).split(".")

    for name in ("none", "None", "NONE", "nOnE", ""):
        header = encode(json.dumps({"alg": name, "kid": PAIR.classical_jwk["kid"], "typ": "at+jwt"}).encode())
        assert _refused(f"{header}.{parts[1]}.", clock)
        assert _refused(f"{header}.{parts[1]}.{parts[2]}", clock)


def test_the_public_key_is_no_secret_for_hs256(clock: MockClock) -> None:
    whole, kid = claims(clock), PAIR.classical_jwk["kid"]
    payload = encode(hybrid.canonical({**whole, "pqs": PAIR.proof(whole)}))
    header = encode(json.dumps({"alg": "HS256", "kid": kid, "typ": "at+jwt"}).encode())
    secrets = [
        json.dumps(PAIR.classical_jwk).encode(),
        decode(PAIR.classical_jwk["x"]) + decode(PAIR.classical_jwk["y"]),
        b"\x04" + decode(PAIR.classical_jwk["x"]) + decode(PAIR.classical_jwk["y"]),
        kid.encode(),
    ]

    for secret in secrets:
        signature = hmac.new(secret, f"{header}.{payload}".encode(), hashlib.sha256).digest()
        assert _refused(f"{header}.{payload}.{encode(signature)}", clock)


def test_another_tokens_proof_is_refused(clock: MockClock) -> None:
    assert _refused(_foreign_proof(clock), clock)


def test_a_token_without_its_proof_is_refused_and_its_signature_is_broken(clock: MockClock) -> None:
    header, payload, signature = PAIR.token(claims(clock)).split(".")
    stripped = {name: value for name, value in read_object(decode(payload)).items() if name != "pqs"}

    assert _refused(f"{header}.{encode(hybrid.canonical(stripped))}.{signature}", clock, PAIR.issuer(Mode.OFF))
    assert _refused(PAIR.sign(stripped), clock, PAIR.issuer(Mode.REQUIRE))


def test_a_swapped_kid_is_refused(clock: MockClock) -> None:
    both = PAIR.issuer(**OTHER.keys)

    assert _refused(PAIR.token(claims(clock), kid=OTHER.classical_jwk["kid"]), clock, both)
    assert _refused(PAIR.token(claims(clock), kid=PAIR.post_quantum_jwk["kid"]), clock, both)
    swapped = PAIR.proof(claims(clock), kid=OTHER.post_quantum_jwk["kid"])
    assert _refused(PAIR.sign({**claims(clock), "pqs": swapped}), clock, both)
    mixed = OTHER.proof(claims(clock))
    assert _refused(PAIR.sign({**claims(clock), "pqs": mixed}), clock, both), "its ckid is the other pair's"


def test_a_key_that_is_gone_accepts_nothing(clock: MockClock) -> None:
    token = PAIR.token(claims(clock))

    with pytest.raises(UnknownKey):
        _accept(token, clock, OTHER.issuer())


def test_a_proof_is_no_bearer(clock: MockClock) -> None:
    assert _refused(PAIR.token(claims(clock), typ="pq-proof+jwt"), clock)
    assert _refused(PAIR.proof(claims(clock)), clock)
    header, _, signature = PAIR.proof(claims(clock)).split(".")
    assert _refused(f"{header}.{encode(hybrid.canonical(claims(clock)))}.{signature}", clock)


@pytest.mark.parametrize("typ", ["JWT", "AT+JWT", "application/at+jwt", "", None, "at+jwt "])
def test_another_type_is_refused(clock: MockClock, typ: str | None) -> None:
    header = {"alg": "ES256", "kid": PAIR.classical_jwk["kid"], **({} if typ is None else {"typ": typ})}
    whole = claims(clock)
    payload = encode(hybrid.canonical({**whole, "pqs": PAIR.proof(whole)}))

    assert _refused(PAIR.sign_raw(encode(json.dumps(header).encode()), payload), clock)


@pytest.mark.parametrize("member", [{"crit": ["exp"]}, {"b64": False}])
def test_extensions_in_the_header_are_refused(clock: MockClock, member: dict[str, Any]) -> None:
    assert _refused(PAIR.token(claims(clock), **member), clock)


def test_the_issuer_and_the_audience_have_to_be_right(clock: MockClock) -> None:
    assert _refused(PAIR.token(claims(clock, iss="https://issuer.example.evil")), clock)
    assert _refused(PAIR.token(claims(clock, iss=None)), clock)
    assert _refused(PAIR.token(claims(clock)), clock, audience="https://audience.example/other")
    assert _refused(PAIR.token(claims(clock, aud=None)), clock)
    assert _refused(PAIR.token(claims(clock, aud=["https://other.example"])), clock)
    assert _accept(PAIR.token(claims(clock, aud=["https://other.example", AUDIENCE])), clock)


@pytest.mark.parametrize(
    ("seconds", "accepted"), [(-31, False), (-30, True), (0, True), (299, True), (329, True), (330, False)]
)
def test_a_token_is_valid_from_issue_to_end_and_half_a_minute_around(
    clock: MockClock, seconds: int, accepted: bool
) -> None:
    token = PAIR.token(claims(clock))
    clock.forward(seconds)

    assert _refused(token, clock) is not accepted


def test_only_an_end_is_told(clock: MockClock) -> None:
    token = PAIR.token(claims(clock))
    clock.forward(400)

    with pytest.raises(TokenExpired, match="has expired"):
        _accept(token, clock)


def test_who_cannot_sign_is_not_told_that_a_token_has_expired(clock: MockClock) -> None:
    token = OTHER.token(claims(clock), kid=PAIR.classical_jwk["kid"])
    clock.forward(400)

    with pytest.raises(TokenRefused) as refused:
        _accept(token, clock)

    assert not isinstance(refused.value, TokenExpired)
    assert refused.value.message == "This token is not valid here. Ask its issuer for a new one."
    assert refused.value.extensions == {"code": "UNAUTHORIZED"}


@pytest.mark.parametrize("name", ["exp", "iat"])
@pytest.mark.parametrize("value", [None, "1", True, -1])
def test_a_token_says_when_it_begins_and_ends_in_whole_seconds(clock: MockClock, name: str, value: Any) -> None:
    assert _refused(PAIR.token(claims(clock, **{name: value})), clock)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"exp": 1.5}',
        b'{"a": 1, "a": 2}',
        b'{"a": NaN}',
        b"[]",
        b'"text"',
        b"",
        b"\xff",
        b"[" * 9_000,
        b'{"a": ' * 1_500 + b"1" + b"}" * 1_500,
        b'{"a": ' + b"9" * 5_000 + b"}",
        b'{"a": "\\ud800"}',
        b'{"a": 9007199254740993}',
        "{}".encode("utf-16"),
    ],
)
@pytest.mark.parametrize("mode", Mode)
def test_claims_that_can_be_read_in_two_ways_are_refused(clock: MockClock, payload: bytes, mode: Mode) -> None:
    header = encode(hybrid.canonical({"alg": "ES256", "kid": PAIR.classical_jwk["kid"], "typ": "at+jwt"}))

    assert _refused(PAIR.sign_raw(header, encode(payload)), clock, PAIR.issuer(mode))


@given(st.text(max_size=60) | st.text(alphabet=_BASE64URL + ".", max_size=60))
def test_any_text_is_refused_and_nothing_else_happens(text: str) -> None:
    assert _refused(text, MockClock())
    hybrid.issuer_of(text)


@given(
    st.dictionaries(
        st.text(alphabet="abcxyz_", min_size=1, max_size=8),
        st.recursive(
            st.text(max_size=20) | st.integers(-(2**53) + 1, 2**53 - 1) | st.booleans(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3),
            max_leaves=6,
        ),
        max_size=5,
    )
)
def test_every_claim_comes_back_as_it_was(extra: dict[str, Any]) -> None:
    clock = MockClock()
    whole = {**extra, **claims(clock)}

    assert _accept(PAIR.token(whole), clock).claims == whole


@pytest.mark.parametrize("value", [1.5, None, 2**53, {"ü": 1}, {1: 1}, b"x", "\ud800"])
def test_claims_that_cannot_be_signed_are_refused(value: Any) -> None:
    with pytest.raises(ClaimsRefused):
        hybrid.canonical({"claim": value})


def test_the_issuer_of_a_token_is_read_without_trust(clock: MockClock) -> None:
    assert hybrid.issuer_of(PAIR.token(claims(clock))) == ISSUER
    assert hybrid.issuer_of(PAIR.sign(claims(clock, iss=7))) == ""
    assert hybrid.issuer_of("eyJ") == ""
    assert hybrid.issuer_of("e" * 20_000) == ""


def test_both_keys_of_one_kid_do_not_stand_in_for_each_other(clock: MockClock) -> None:
    """A set that names an ML-DSA key by the classical key's kid does not make it one."""
    confused: dict[str, PublicKey] = {PAIR.classical_jwk["kid"]: read_key(PAIR.post_quantum_jwk)}

    assert _refused(PAIR.token(claims(clock)), clock, Issuer(ISSUER, confused))


def test_a_new_key_of_each_family_is_another() -> None:
    assert all(new_key(family) != new_key(family) for family in Family)
