"""Keys and tokens for tests, made without a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.tokens import hybrid
from app.tokens.encoding import encode
from app.tokens.hybrid import Issuer, Mode
from app.tokens.jwk import Family, Jwk, PublicKey, read_key
from app.tokens.private_keys import PrivateKey, new_key, public_of
from tests.support.clock import MockClock

ISSUER = "https://issuer.example"
AUDIENCE = "https://audience.example"


@dataclass
class Pair:
    """A classical and a post-quantum key, and the tokens that they sign."""

    classical: PrivateKey = field(default_factory=lambda: new_key(Family.CLASSICAL))
    post_quantum: PrivateKey = field(default_factory=lambda: new_key(Family.POST_QUANTUM))

    def __post_init__(self) -> None:
        self.classical_jwk: Jwk = public_of(self.classical)
        self.post_quantum_jwk: Jwk = public_of(self.post_quantum)

    @property
    def keys(self) -> dict[str, PublicKey]:
        """Both public keys by kid."""
        return {jwk["kid"]: read_key(jwk) for jwk in (self.classical_jwk, self.post_quantum_jwk)}

    def issuer(self, mode: Mode = Mode.REQUIRE, **keys: PublicKey) -> Issuer:
        """The issuer with this pair of keys."""
        return Issuer(ISSUER, {**self.keys, **keys}, mode)

    def proof(self, claims: Mapping[str, Any], **header: str) -> str:
        """The second proof over these claims; members of its header may be others."""
        whole = {
            "alg": "ML-DSA-65",
            "kid": self.post_quantum_jwk["kid"],
            "typ": "pq-proof+jwt",
            "ckid": self.classical_jwk["kid"],
            **header,
        }
        protected = encode(hybrid.canonical(whole))
        signed = self.post_quantum.sign(f"{protected}.{encode(hybrid.canonical(claims))}".encode())
        return f"{protected}..{encode(signed)}"

    def sign(self, payload: Mapping[str, Any], **header: Any) -> str:
        """A token with this payload as it is; members of its header may be others."""
        whole = {"alg": "ES256", "kid": self.classical_jwk["kid"], "typ": "at+jwt", **header}
        return self.sign_raw(encode(hybrid.canonical(whole)), encode(hybrid.canonical(payload)))

    def sign_raw(self, header: str, payload: str) -> str:
        """The same with encoded parts."""
        return f"{header}.{payload}.{encode(self.classical.sign(f'{header}.{payload}'.encode()))}"

    def token(self, claims: Mapping[str, Any], **header: Any) -> str:
        """A hybrid token."""
        return self.sign({**claims, "pqs": self.proof(claims)}, **header)


def claims(clock: MockClock, **others: Any) -> dict[str, Any]:
    """The claims of a token that is valid for five minutes; None leaves one out."""
    issued = int(clock().timestamp())
    whole = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "usr_1",
        "org_id": "org_1",
        "scope": "environments:read",
        "iat": issued,
        "nbf": issued,
        "exp": issued + 300,
        "jti": "jti_1",
        **others,
    }
    return {name: value for name, value in whole.items() if value is not None}
