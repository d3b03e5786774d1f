"""The headers that tell a client its limits.

`X-RateLimit-…` as our documents have them, and beside them `RateLimit-Policy` and `RateLimit` as structured fields
(https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/).
"""

from __future__ import annotations

from app.limits.quotas import WINDOW_SECONDS, Admission
from app.observability.exchange import RawHeaders


def raw_rate_headers(asked: Admission) -> RawHeaders:
    """For the answer to an authenticated request; with `Retry-After` where it was one too many."""
    quota, remaining = asked.quota, b"%d" % asked.remaining
    limit, policy = b"%d" % quota.limit, quota.policy.encode()
    headers = [
        (b"x-ratelimit-limit", limit),
        (b"x-ratelimit-remaining", remaining),
        (b"x-ratelimit-reset", b"%d" % asked.resets_at),
        (b"ratelimit-policy", b'"%b";q=%b;w=%d' % (policy, limit, WINDOW_SECONDS)),
        (b"ratelimit", b'"%b";r=%b;t=%d' % (policy, remaining, asked.seconds)),
    ]
    if not asked.admitted:
        headers.append((b"retry-after", b"%d" % asked.seconds))
    return headers


def rate_headers(asked: Admission) -> dict[str, str]:
    """The same as text."""
    return {name.decode(): value.decode() for name, value in raw_rate_headers(asked)}
