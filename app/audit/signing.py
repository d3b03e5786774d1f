"""Who signs checkpoints: two signatures, one classical, one that a quantum computer does not forge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from app.tokens.signatures import Signatures

__all__ = ["Jwk", "Signatures", "Signer"]

#: A public key as RFC 7517 writes it; ML-DSA as RFC 9964 does (`"kty": "AKP"`).
Jwk = Mapping[str, Any]


class Signer(Protocol):
    """Holds the keys. Signing happens in a thread: ML-DSA takes up to some milliseconds."""

    async def sign(self, message: bytes) -> Signatures:
        """Signs with the keys that are in use now."""

    async def public_keys(self) -> Sequence[Jwk]:
        """All public keys, each with its `kid`, retired ones included: old checkpoints are verified with them."""
