"""Compact JWS (RFC 7515), read strictly: one algorithm, keys by `kid` alone, one encoding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.tokens.encoding import decode, encode, read_object
from app.tokens.errors import TokenRefused, UnknownKey
from app.tokens.jwk import Algorithm, PublicKey


@dataclass(frozen=True, slots=True)
class Opened:
    """A JWS whose signature is right."""

    header: dict[str, Any]
    payload: bytes
    kid: str


def open_jws(token: str, keys: Mapping[str, PublicKey], algorithm: Algorithm) -> Opened:
    """The header and payload of a JWS; raises `TokenRefused`, `UnknownKey` where the key of its `kid` is missing."""
    parts = token.split(".")
    if len(parts) != 3:
        raise TokenRefused("it has not three parts")
    try:
        header, payload, signature = read_object(decode(parts[0])), decode(parts[1]), decode(parts[2])
    except ValueError as error:
        raise TokenRefused(f"it cannot be read: {error}") from error
    kid = header.get("kid")
    if header.get("alg") != algorithm or not isinstance(kid, str):
        raise TokenRefused("its algorithm is another one, or it names no key")
    if "crit" in header or "b64" in header:
        raise TokenRefused("its header asks for extensions")
    key = keys.get(kid)
    if key is None:
        raise UnknownKey(f"there is no key {kid[:64]!r}")
    if key.algorithm != algorithm or not key.verifies(signature, f"{parts[0]}.{parts[1]}".encode()):
        raise TokenRefused("its signature is wrong")
    return Opened(header, payload, kid)


def attached(detached: str, payload: bytes) -> str:
    """A JWS with its payload in its place again (RFC 7515 appendix F); raises `TokenRefused`."""
    header, _, rest = detached.partition(".")
    if not rest.startswith(".") or "." in rest[1:]:
        raise TokenRefused("its second proof is not a detached JWS")
    return f"{header}.{encode(payload)}{rest}"
