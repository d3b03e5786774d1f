"""The secrets that bodies are signed with: `whsec_` and base64, as Standard Webhooks has them, or what was given."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime

from app.core.errors import InvalidRequest
from app.core.vault import Vault
from app.webhooks.models import Integration, Scheme

PREFIX = "whsec_"
SHORTEST, LONGEST = 16, 256
_NAME = "secret"


def new_secret(scheme: Scheme) -> str:
    """192 random bits; the other schemes' secrets are plain text."""
    made = secrets.token_bytes(24)
    return PREFIX + base64.b64encode(made).decode() if scheme is Scheme.STANDARD else base64.b32encode(made).decode()


def checked_secret(given: str, scheme: Scheme) -> str:
    """A secret of somebody else's; raises `InvalidRequest`."""
    if not SHORTEST <= len(given) <= LONGEST or not given.isascii() or not given.isprintable():
        raise InvalidRequest(f"A secret has {SHORTEST} to {LONGEST} printable ASCII characters.")
    if scheme is Scheme.STANDARD:
        try:
            decoded = base64.b64decode(given.removeprefix(PREFIX) + "==")
        except ValueError:
            decoded = b""
        if len(decoded) < SHORTEST:
            raise InvalidRequest(f"A secret of Standard Webhooks is base64 of {SHORTEST} bytes behind {PREFIX!r}.")
    return given


def sealed(vault: Vault, secret: str) -> str:
    """What is kept of a secret."""
    return vault.seal({_NAME: secret})


def unsealed(vault: Vault, kept: str) -> str:
    """The secret again."""
    return vault.open(kept)[_NAME]


def opened(vault: Vault, integration: Integration, moment: datetime) -> list[str]:
    """The secrets that are valid: the present one first."""
    found = [unsealed(vault, integration.secret)]
    expires = integration.previous_expires_at
    if integration.previous_secret and expires is not None and expires > moment:
        found.append(unsealed(vault, integration.previous_secret))
    return found


@dataclass(frozen=True, slots=True)
class Revealed:
    """An integration with its secret; the only time that it is seen."""

    integration: Integration
    secret: str
