"""The headers that tell a client its limits.

`X-RateLimit-…` as our documents have them, and beside them `RateLimit-Policy` and `RateLimit` as structured fields
(https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/).
"""

from __future__ import annotations

from app.limits.quotas import WINDOW_SECONDS, Admission


def rate_headers(asked: Admission) -> dict[str, str]:
    """For the answer to an authenticated request; with `Retry-After` where it was one too many."""
    quota, wait = asked.quota, {} if asked.admitted else {"Retry-After": str(asked.seconds)}
    return {
        "X-RateLimit-Limit": str(quota.limit),
        "X-RateLimit-Remaining": str(asked.remaining),
        "X-RateLimit-Reset": str(asked.resets_at),
        "RateLimit-Policy": f'"{quota.policy}";q={quota.limit};w={WINDOW_SECONDS}',
        "RateLimit": f'"{quota.policy}";r={asked.remaining};t={asked.seconds}',
        **wait,
    }
