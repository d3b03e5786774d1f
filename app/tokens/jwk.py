"""Public keys as JSON Web Keys: `EC` for ES256 (RFC 7518), `AKP` for ML-DSA-65 (RFC 9964)."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from app.tokens.encoding import decode, encode
from app.tokens.errors import KeyRefused

Jwk = dict[str, str]

#: Bytes of r and of s in an ES256 signature, and of a coordinate.
P256_BYTES = 32
#: What a thumbprint is made over, by key type (RFC 7638; RFC 9964 for AKP).
_THUMBPRINT = {"EC": ("crv", "kty", "x", "y"), "AKP": ("alg", "kty", "pub")}


class Family(enum.StrEnum):
    """Which mathematics a signature rests on. A hybrid token carries one of each."""

    CLASSICAL = "classical"
    POST_QUANTUM = "post_quantum"


class Algorithm(enum.StrEnum):
    """The one algorithm of each family, as JOSE names it."""

    ES256 = "ES256"
    ML_DSA_65 = "ML-DSA-65"


ALGORITHMS = {Family.CLASSICAL: Algorithm.ES256, Family.POST_QUANTUM: Algorithm.ML_DSA_65}
KEY_TYPES = {Family.CLASSICAL: "EC", Family.POST_QUANTUM: "AKP"}


class _Verifier(Protocol):
    def __call__(self, signature: bytes, message: bytes) -> bool: ...


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that verifies signatures of one algorithm."""

    kid: str
    algorithm: Algorithm
    verifies: _Verifier


def read_key(jwk: Mapping[str, Any]) -> PublicKey:
    """The key in a JWK; raises `KeyRefused` for one of another kind, for another use, or that is no key."""
    try:
        return _read(jwk)
    except KeyRefused:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise KeyRefused(f"the key cannot be read: {error}") from error


def read_set(keys: Iterable[Mapping[str, Any]]) -> dict[str, PublicKey]:
    """The keys of a set by `kid`. Those of other kinds are left out; raises `KeyRefused` for one `kid` twice."""
    found: dict[str, PublicKey] = {}
    for jwk in keys:
        try:
            key = read_key(jwk)
        except KeyRefused:
            continue
        if key.kid in found:
            raise KeyRefused(f"two keys have the kid {key.kid}")
        found[key.kid] = key
    return found


def thumbprint(jwk: Mapping[str, str]) -> str:
    """The RFC 7638 thumbprint with SHA-256, in base64url."""
    members = {name: jwk[name] for name in _THUMBPRINT[jwk["kty"]]}
    return encode(hashlib.sha256(rfc8785.dumps(members)).digest())


def public_jwk(key: EllipticCurvePublicKey | MLDSA65PublicKey) -> Jwk:
    """The key as it is published; its `kid` is its thumbprint."""
    jwk: Jwk
    if isinstance(key, MLDSA65PublicKey):
        jwk = {"kty": "AKP", "alg": Algorithm.ML_DSA_65.value, "pub": encode(key.public_bytes_raw())}
    else:
        point = key.public_numbers()
        x, y = (encode(number.to_bytes(P256_BYTES, "big")) for number in (point.x, point.y))
        jwk = {"kty": "EC", "alg": Algorithm.ES256.value, "crv": "P-256", "x": x, "y": y}
    return {**jwk, "kid": thumbprint(jwk), "use": "sig"}


def _read(jwk: Mapping[str, Any]) -> PublicKey:
    kid = jwk["kid"]
    if not isinstance(kid, str) or not kid:
        raise KeyRefused("the key has no kid")
    if jwk.get("use", "sig") != "sig" or "verify" not in jwk.get("key_ops", ["verify"]):
        raise KeyRefused("the key is not for signatures")
    if jwk["kty"] == "EC":
        if jwk["crv"] != "P-256" or jwk.get("alg", Algorithm.ES256) != Algorithm.ES256:
            raise KeyRefused("the curve or algorithm is not that of ES256")
        return PublicKey(kid, Algorithm.ES256, _es256(jwk))
    if jwk["kty"] == "AKP":
        if jwk["alg"] != Algorithm.ML_DSA_65:
            raise KeyRefused("the algorithm is not ML-DSA-65")
        return PublicKey(kid, Algorithm.ML_DSA_65, _ml_dsa(decode(jwk["pub"])))
    raise KeyRefused("the key is of another type")


def _es256(jwk: Mapping[str, Any]) -> _Verifier:
    x, y = (decode(jwk[name]) for name in ("x", "y"))
    if len(x) != P256_BYTES or len(y) != P256_BYTES:
        raise KeyRefused("a coordinate has not 32 bytes")
    key = EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), SECP256R1()).public_key()

    def verifies(signature: bytes, message: bytes) -> bool:
        if len(signature) != 2 * P256_BYTES:
            return False
        r, s = (int.from_bytes(half, "big") for half in (signature[:P256_BYTES], signature[P256_BYTES:]))
        try:
            key.verify(encode_dss_signature(r, s), message, ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True

    return verifies


def _ml_dsa(public: bytes) -> _Verifier:
    key = MLDSA65PublicKey.from_public_bytes(public)

    def verifies(signature: bytes, message: bytes) -> bool:
        try:
            key.verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    return verifies
