"""What two keys have signed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signatures:
    """Two signatures over the same message, and the ids of their keys."""

    classical_kid: str
    #: ES256: r and s, 32 bytes each, over SHA-256 of the message.
    classical: bytes
    post_quantum_kid: str
    #: ML-DSA-65 over the message, with an empty context.
    post_quantum: bytes
