"""The token: an ES256 JWT whose claim `pqs` is a detached ML-DSA-65 JWS over all its other claims.

The outer signature covers `pqs` too, so neither can be taken away. See DESIGN.md.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import rfc8785

from app.tokens.encoding import decode, encode, read_object
from app.tokens.errors import ClaimsRefused, TokenExpired, TokenRefused, TokenTooLong
from app.tokens.jwk import Algorithm, PublicKey
from app.tokens.jws import attached, open_jws

#: nginx takes 8 KB for a header line.
LONGEST_TOKEN = 7_800
#: Of another issuer, whose limits are its own.
LONGEST_READ = 16_384
#: Seconds that two clocks may differ.
SKEW_SECONDS = 30
#: Beyond it a moment is no date.
LAST_MOMENT = 1 << 37
BEARER_TYPE = "at+jwt"
PROOF_TYPE = "pq-proof+jwt"
PROOF = "pqs"


class Mode(enum.StrEnum):
    """What an issuer's tokens have to carry beside the classical signature."""

    #: The second proof is not looked at.
    OFF = "off"
    #: A second proof has to be right where there is one.
    PREFER = "prefer"
    #: Without a right second proof the token is refused.
    REQUIRE = "require"


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whose tokens are accepted, and by which keys."""

    name: str
    keys: Mapping[str, PublicKey]
    mode: Mode = Mode.REQUIRE


@dataclass(frozen=True, slots=True)
class Verified:
    """A token that was accepted: its claims without the proof, and what was verified."""

    claims: dict[str, Any]
    classical_kid: str
    #: The key of the second proof; None where none was verified.
    post_quantum_kid: str | None = None
    post_quantum_valid: bool = False

    @property
    def signature_verified(self) -> bool:
        """Whether both signatures were verified."""
        return self.post_quantum_valid

    @property
    def expires_at(self) -> datetime:
        """When the token ends."""
        return datetime.fromtimestamp(self.claims["exp"], UTC)

    def text(self, name: str) -> str:
        """A claim that is a text; empty for none."""
        value = self.claims.get(name, "")
        return value if isinstance(value, str) else ""


def canonical(claims: Mapping[str, Any]) -> bytes:
    """RFC 8785; raises `ClaimsRefused` for what claims cannot hold."""
    try:
        return rfc8785.dumps(_plain(claims))
    except (rfc8785.CanonicalizationError, ValueError, RecursionError) as error:
        raise ClaimsRefused() from error


def proof_input(claims: bytes, *, kid: str, classical_kid: str) -> tuple[str, bytes]:
    """The protected header of the second proof, and what is signed."""
    header = encode(
        rfc8785.dumps({"alg": Algorithm.ML_DSA_65.value, "kid": kid, "typ": PROOF_TYPE, "ckid": classical_kid})
    )
    return header, f"{header}.{encode(claims)}".encode()


def token_input(claims: Mapping[str, Any], proof: str, *, kid: str, typ: str) -> str:
    """What the classical key signs."""
    header = rfc8785.dumps({"alg": Algorithm.ES256.value, "kid": kid, "typ": typ})
    return f"{encode(header)}.{encode(canonical({**claims, PROOF: proof}))}"


def checked_length(token: str) -> str:
    """The token; raises `TokenTooLong`."""
    if len(token) > LONGEST_TOKEN:
        raise TokenTooLong(
            f"The token would have {len(token):,} characters; a header takes {LONGEST_TOKEN:,}. Ask for fewer scopes."
        )
    return token


def issuer_of(token: str) -> str:
    """Whom a token says that it is from: not verified. Empty where it does not say."""
    parts = token.split(".")
    if len(token) > LONGEST_READ or len(parts) != 3:
        return ""
    try:
        issuer = read_object(decode(parts[1])).get("iss")
    except ValueError:
        return ""
    return issuer if isinstance(issuer, str) else ""


def verify(token: str, *, issuer: Issuer, audience: str, now: datetime) -> Verified:
    """Accepts a token of this issuer for this audience, or raises `TokenRefused` or `TokenExpired`."""
    if len(token) > LONGEST_READ:
        raise TokenRefused("it is too long")
    opened = open_jws(token, issuer.keys, Algorithm.ES256)
    if opened.header.get("typ") != BEARER_TYPE:
        raise TokenRefused(f"its type is not {BEARER_TYPE}")
    try:
        claims = read_object(opened.payload)
    except ValueError as error:
        raise TokenRefused(f"its claims cannot be read: {error}") from error
    proof = claims.pop(PROOF, None)
    kid = _verified_proof(proof, claims, opened.kid, issuer)
    _check_claims(claims, issuer.name, audience)
    _check_times(claims, now.timestamp())
    return Verified(claims, opened.kid, kid, kid is not None)


def _verified_proof(proof: Any, claims: dict[str, Any], classical_kid: str, issuer: Issuer) -> str | None:
    """The key of the second proof; None where the mode does without one."""
    if issuer.mode is Mode.OFF or (issuer.mode is Mode.PREFER and proof is None):
        return None
    if not isinstance(proof, str):
        raise TokenRefused("it has no second proof")
    try:
        payload = canonical(claims)
    except ClaimsRefused as error:
        raise TokenRefused("its claims have no canonical form") from error
    opened = open_jws(attached(proof, payload), issuer.keys, Algorithm.ML_DSA_65)
    if opened.header.get("typ") != PROOF_TYPE or opened.header.get("ckid") != classical_kid:
        raise TokenRefused("its second proof belongs to another key or purpose")
    return opened.kid


def _check_claims(claims: dict[str, Any], issuer: str, audience: str) -> None:
    if claims.get("iss") != issuer:
        raise TokenRefused("it is from another issuer")
    named = claims.get("aud")
    if audience not in (named if isinstance(named, list) else [named]):
        raise TokenRefused("it is for another audience")


def _check_times(claims: dict[str, Any], now: float) -> None:
    moments = [claims.get("exp"), claims.get("iat"), claims.get("nbf", 0)]
    expires, issued, begins = (moment if type(moment) is int else -1 for moment in moments)
    if min(expires, issued, begins) < 0:
        raise TokenRefused("it does not say when it was issued and ends")
    if max(issued, begins) > now + SKEW_SECONDS:
        raise TokenRefused("it is not valid yet")
    if now >= expires + SKEW_SECONDS:
        raise TokenExpired("it has expired")
    if expires >= LAST_MOMENT:
        raise TokenRefused("its end is no moment")


def _plain(value: Any) -> Any:
    """The value where it is one that claims hold: every reader has to see the same; raises `ClaimsRefused`."""
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) and name.isascii() for name in value):
            raise ClaimsRefused()
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, str | int):
        return value
    raise ClaimsRefused()
