"""The signature of a webhook as Stripe makes it: `t=1700000000,v1=<hex>`, HMAC-SHA256 over `<t>.<body>`.

https://docs.stripe.com/webhooks#verify-manually
"""

from __future__ import annotations

import hmac

from app.billing.errors import SignatureInvalid

#: Seconds that a signature may be old, or ahead.
TOLERANCE = 300
#: While a secret is rotated there are two; more than this is no header of Stripe's.
MOST_SIGNATURES = 10


def sign(secret: str, body: bytes, at: int) -> str:
    """The hex of a signature."""
    return hmac.digest(secret.encode(), f"{at}.".encode() + body, "sha256").hex()


def verify(secret: str, body: bytes, header: str, now: float) -> None:
    """Raises `SignatureInvalid` unless one of the signatures is right and the time is near."""
    parts = [tuple(item.strip().partition("=")[::2]) for item in header.split(",")]
    times = [value for name, value in parts if name == "t"]
    given = [value for name, value in parts if name == "v1"]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdecimal() and len(times[0]) <= 12):
        raise SignatureInvalid()
    at = int(times[0])
    if not given or len(given) > MOST_SIGNATURES or abs(now - at) > TOLERANCE:
        raise SignatureInvalid()
    expected = sign(secret, body, at).encode()
    right = [hmac.compare_digest(expected, each.encode("utf-8", "replace")) for each in given]
    if True not in right:
        raise SignatureInvalid()
