"""A signer with real keys, made once."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from app.audit.signing import Jwk, Signatures


class KeyPair:
    """An ES256 key and an ML-DSA-65 key."""

    def __init__(self, name: str = "test") -> None:
        self.classical_kid, self.post_quantum_kid = f"{name}-classical", f"{name}-post-quantum"
        self.classical, self.post_quantum = ec.generate_private_key(ec.SECP256R1()), MLDSA65PrivateKey.generate()

    async def sign(self, message: bytes) -> Signatures:
        r, s = decode_dss_signature(self.classical.sign(message, ec.ECDSA(SHA256())))
        post_quantum = await asyncio.to_thread(self.post_quantum.sign, message)
        return Signatures(self.classical_kid, r.to_bytes(32) + s.to_bytes(32), self.post_quantum_kid, post_quantum)

    async def public_keys(self) -> Sequence[Jwk]:
        return self.jwks

    @property
    def jwks(self) -> list[dict[str, Any]]:
        numbers = self.classical.public_key().public_numbers()
        x, y = (_encode(number.to_bytes(32)) for number in (numbers.x, numbers.y))
        public = _encode(self.post_quantum.public_key().public_bytes_raw())
        return [
            {"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": self.classical_kid, "x": x, "y": y},
            {"kty": "AKP", "alg": "ML-DSA-65", "kid": self.post_quantum_kid, "pub": public},
        ]


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


SIGNER = KeyPair()
