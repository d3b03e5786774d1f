"""Checkpoints as text: C2SP tlog-checkpoint in a C2SP signed-note (https://c2sp.org/signed-note).

```
soundstage/org_01k9…
1042
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— soundstage/org_01k9… <ES256>
— soundstage/org_01k9… <ML-DSA-65>
```
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.audit.signing import Jwk, Signatures

CLASSICAL, POST_QUANTUM = "ES256", "ML-DSA-65"
#: A signature type without a byte of its own: 0xff and a name.
_ML_DSA_TYPE = b"\xff" + b"soundstage/ML-DSA-65"
_DASH = "\u2014 "


class NoteInvalid(ValueError):
    """The text is no checkpoint."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree's size and root, as they are signed."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The note's text: what is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint and the signatures below it, by their 4-byte key ids."""

    checkpoint: Checkpoint
    signatures: tuple[tuple[bytes, bytes], ...]


def origin_of(organization_id: str) -> str:
    """The name of an organization's log."""
    return f"soundstage/{organization_id}"


class PublicKey:
    """A key of either kind, from its JWK. Raises `ValueError` for what is none."""

    def __init__(self, jwk: Jwk) -> None:
        self.kid = str(jwk.get("kid", ""))
        self._ec, self._ml_dsa = None, None
        if jwk.get("kty") == "EC" and jwk.get("crv") == "P-256":
            x, y = (int.from_bytes(_decode(str(jwk[name]))) for name in ("x", "y"))
            self._ec = EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()
            self.algorithm = CLASSICAL
        elif jwk.get("kty") == "AKP" and jwk.get("alg") == POST_QUANTUM:
            self._ml_dsa = MLDSA65PublicKey.from_public_bytes(_decode(str(jwk["pub"])))
            self.algorithm = POST_QUANTUM
        else:
            raise ValueError(f"a checkpoint is signed with ES256 and ML-DSA-65, not with a key of kty {jwk.get('kty')}")

    def id(self, name: str) -> bytes:
        """The four bytes that stand before this key's signatures in a note."""
        if self._ec is not None:
            return hashlib.sha256(self._ec.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()[:4]
        assert self._ml_dsa is not None
        key = self._ml_dsa.public_bytes_raw()
        return hashlib.sha256(name.encode() + b"\n" + _ML_DSA_TYPE + key).digest()[:4]

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether this key signed the message."""
        try:
            if self._ec is not None:
                self._ec.verify(signature, message, ECDSA(SHA256()))
            else:
                assert self._ml_dsa is not None
                self._ml_dsa.verify(signature, message)
        except InvalidSignature:
            return False
        return True


def usable(keys: Iterable[Jwk]) -> Iterator[PublicKey]:
    """The keys that can have signed a checkpoint; a set of keys may hold others."""
    for jwk in keys:
        with suppress(ValueError, KeyError):
            yield PublicKey(jwk)


def signed_note(checkpoint: Checkpoint, signatures: Signatures, keys: Iterable[Jwk]) -> str:
    """The checkpoint with both signature lines. Raises `KeyError` where a signing key is not among `keys`."""
    known = {jwk["kid"]: jwk for jwk in keys}
    half = len(signatures.classical) // 2
    r, s = (int.from_bytes(part) for part in (signatures.classical[:half], signatures.classical[half:]))
    lines = [
        (PublicKey(known[signatures.classical_kid]), encode_dss_signature(r, s)),
        (PublicKey(known[signatures.post_quantum_kid]), signatures.post_quantum),
    ]
    return "".join([checkpoint.text(), "\n", *(_line(checkpoint.origin, key, signature) for key, signature in lines)])


def _line(name: str, key: PublicKey, signature: bytes) -> str:
    return f"{_DASH}{name} {base64.b64encode(key.id(name) + signature).decode()}\n"


def parse_note(text: str) -> SignedCheckpoint:
    """Reads a signed checkpoint; raises `NoteInvalid`."""
    body, blank, below = text.rpartition("\n\n")
    lines = body.split("\n")
    if not blank or len(lines) != 3 or not below.endswith("\n"):
        raise NoteInvalid("a checkpoint has three lines, an empty line, and signatures")
    origin, size, root = lines
    if not size.isascii() or not size.isdigit() or len(size) > 18 or str(int(size)) != size:
        raise NoteInvalid(f"the size {size!r} is no whole number")
    checkpoint = Checkpoint(origin, int(size), _base64(root))
    if len(checkpoint.root) != 32:
        raise NoteInvalid("the root is not 32 bytes")
    signatures = []
    for line in below.splitlines():
        name, _, encoded = line.removeprefix(_DASH).partition(" ")
        if not line.startswith(_DASH) or not encoded:
            raise NoteInvalid("a signature line begins with a dash, a name and a space")
        if name == origin:
            signature = _base64(encoded)
            signatures.append((signature[:4], signature[4:]))
    return SignedCheckpoint(checkpoint, tuple(signatures))


def unsigned(signed: SignedCheckpoint, keys: Iterable[PublicKey]) -> list[str]:
    """The algorithms that no signature of a known key vouches for: empty when both did."""
    message = signed.checkpoint.text().encode()
    missing = {CLASSICAL, POST_QUANTUM}
    for key in keys:
        key_id = key.id(signed.checkpoint.origin)
        if key.algorithm in missing and any(
            found == key_id and key.verifies(message, signature) for found, signature in signed.signatures
        ):
            missing.discard(key.algorithm)
    return sorted(missing)


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteInvalid(f"{text[:40]!r} is not base64") from error


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
