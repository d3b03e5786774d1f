"""Who signs checkpoints: two signatures, one classical, one that a quantum computer does not forge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

#: A public key as RFC 7517 writes it; ML-DSA as RFC 9964 does (`"kty": "AKP"`).
Jwk = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Signatures:
    """Two signatures over the same message, and the ids of their keys."""

    classical_kid: str
    #: ES256: r and s, 32 bytes each, over SHA-256 of the message.
    classical: bytes
    post_quantum_kid: str
    #: ML-DSA-65 over the message, with an empty context.
    post_quantum: bytes


class Signer(Protocol):
    """Holds the keys. Signing happens in a thread: ML-DSA takes up to some milliseconds."""

    async def sign(self, message: bytes) -> Signatures:
        """Signs with the keys that are in use now."""

    async def public_keys(self) -> Sequence[Jwk]:
        """All public keys, each with its `kid`, retired ones included: old checkpoints are verified with them."""
