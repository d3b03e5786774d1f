"""Encrypts what must not be readable in the database: AES-128-CBC with HMAC (Fernet), key in the data directory."""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from pathlib import Path

import orjson
from cryptography.fernet import Fernet, InvalidToken

from app.core.errors import Unavailable


class VaultKeyMissing(Unavailable):
    """The stored secrets cannot be read: `secret.key` in the data directory is not the one they were stored with."""

    code = "VAULT_KEY_MISSING"


class Vault:
    """Seals and opens small sets of secrets."""

    def __init__(self, key: bytes) -> None:
        self._key, self._fernet = key, Fernet(key)
        self._mac_key = self.derived("soundstage mac")

    @classmethod
    def at(cls, path: Path) -> Vault:
        """The vault whose key is in this file; makes the file, readable by its owner only, when it is missing."""
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return cls(path.read_bytes())
        with os.fdopen(descriptor, "wb") as file:
            file.write(key := Fernet.generate_key())
        return cls(key)

    def derived(self, purpose: str) -> bytes:
        """A key of 32 bytes for another purpose, the same as long as the vault's own is."""
        return hmac.digest(self._key, purpose.encode(), "sha256")

    def seal(self, secrets: Mapping[str, str]) -> str:
        """Encrypted text; empty for no secrets."""
        return self._fernet.encrypt(orjson.dumps(dict(secrets))).decode() if secrets else ""

    def mac(self, *parts: bytes) -> str:
        """A keyed hash (HMAC-SHA-256): what may hold a password cannot be searched by who has only the database."""
        framed = b"".join(len(part).to_bytes(8) + part for part in parts)
        return hmac.new(self._mac_key, framed, "sha256").hexdigest()

    def open(self, sealed: str) -> dict[str, str]:
        """The secrets again; raises `VaultKeyMissing` when they were sealed with another key."""
        if not sealed:
            return {}
        try:
            opened: dict[str, str] = orjson.loads(self._fernet.decrypt(sealed.encode()))
        except InvalidToken as error:
            raise VaultKeyMissing() from error
        return opened
