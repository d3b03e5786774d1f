"""Private keys: made, sealed, opened, and signing."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from app.core.vault import Vault
from app.tokens.encoding import decode, encode
from app.tokens.jwk import P256_BYTES, Family, Jwk, public_jwk

_PEM, _SEED = "pem", "seed"


@dataclass(frozen=True, slots=True)
class ClassicalKey:
    """Signs with ES256."""

    key: EllipticCurvePrivateKey

    def sign(self, message: bytes) -> bytes:
        """r and s, 32 bytes each (RFC 7518 §3.4), over SHA-256 of the message."""
        r, s = decode_dss_signature(self.key.sign(message, ECDSA(SHA256())))
        return r.to_bytes(P256_BYTES, "big") + s.to_bytes(P256_BYTES, "big")


@dataclass(frozen=True, slots=True)
class PostQuantumKey:
    """Signs with ML-DSA-65 (FIPS 204), with an empty context. Takes about a millisecond: call it in a thread."""

    key: MLDSA65PrivateKey

    def sign(self, message: bytes) -> bytes:
        """3,309 bytes."""
        return self.key.sign(message)


PrivateKey = ClassicalKey | PostQuantumKey


def new_key(family: Family) -> PrivateKey:
    """A new random key."""
    if family is Family.CLASSICAL:
        return ClassicalKey(generate_private_key(SECP256R1()))
    return PostQuantumKey(MLDSA65PrivateKey.generate())


def public_of(key: PrivateKey) -> Jwk:
    """The public part as it is published."""
    return public_jwk(key.key.public_key())


def seal(key: PrivateKey, vault: Vault) -> str:
    """The private part, encrypted: PKCS 8 in PEM, or the 32-byte seed."""
    if isinstance(key, ClassicalKey):
        pem = key.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return vault.seal({_PEM: pem.decode()})
    return vault.seal({_SEED: encode(key.key.private_bytes_raw())})


def unseal(sealed: str, vault: Vault) -> PrivateKey:
    """The private key again; raises `VaultKeyMissing` when it was sealed with another key."""
    secrets = vault.open(sealed)
    if _PEM in secrets:
        key = load_pem_private_key(secrets[_PEM].encode(), password=None)
        assert isinstance(key, EllipticCurvePrivateKey)
        return ClassicalKey(key)
    return PostQuantumKey(MLDSA65PrivateKey.from_seed_bytes(decode(secrets[_SEED])))
