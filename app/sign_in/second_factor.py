"""The second factor: time-based codes (RFC 6238) and recovery codes for when the device is lost."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import datetime

import pyotp

STEP_SECONDS = 30
#: Codes of the step before and after are accepted, too: clocks differ.
SKEW = 1
RECOVERY_CODES = 10
_ISSUER = "Soundstage"


def new_secret() -> str:
    """A secret of 160 bits in base32."""
    return pyotp.random_base32()


def provisioning_uri(secret: str, email: str) -> str:
    """The `otpauth://` address that authenticator programs read from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=_ISSUER)


def accepted_step(secret: str, code: str, moment: datetime, newest: int) -> int | None:
    """The time step of a valid code which is newer than `newest`; None for any other code."""
    if not re.fullmatch(r"\d{6}", code, re.ASCII):
        return None
    present, totp = int(moment.timestamp()) // STEP_SECONDS, pyotp.TOTP(secret)
    found = None
    for step in range(present - SKEW, present + SKEW + 1):
        right = secrets.compare_digest(totp.at(step * STEP_SECONDS), code)
        if right and step > newest:
            found = step
    return found


def new_recovery_codes() -> list[str]:
    """Ten codes of 48 bits, as people can type them."""
    return ["-".join(secrets.token_hex(3) for _ in range(2)) for _ in range(RECOVERY_CODES)]


def recovery_hash(code: str) -> str:
    """What is stored of a recovery code."""
    return hashlib.sha256(code.strip().lower().encode()).hexdigest()
