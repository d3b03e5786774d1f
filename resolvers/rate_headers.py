"""The headers that tell a client its limits.

`X-RateLimit-…` as our documents have them, and beside them `RateLimit-Policy` and `RateLimit` as structured fields
(https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/).
"""

from __future__ import annotations

from app.limits.quotas import WINDOW_SECONDS, Admission
from app.observability.exchange import pairs

_LINES = (
    b"x-ratelimit-limit: %d\r\nx-ratelimit-remaining: %d\r\nx-ratelimit-reset: %d\r\n"
    b'ratelimit-policy: "%b";q=%d;w=%d\r\nratelimit: "%b";r=%d;t=%d\r\n'
)


def rate_lines(asked: Admission) -> bytes:
    """For the answer to an authenticated request; with `Retry-After` where it was one too many."""
    (_, limit, name), _, admitted, remaining, resets_at, seconds = asked
    policy = name.encode()
    lines = _LINES % (limit, remaining, resets_at, policy, limit, WINDOW_SECONDS, policy, remaining, seconds)
    return lines if admitted else b"%bretry-after: %d\r\n" % (lines, seconds)


def rate_headers(asked: Admission) -> dict[str, str]:
    """The same as text."""
    return {name.decode(): value.decode() for name, value in pairs(rate_lines(asked))}
