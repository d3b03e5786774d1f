"""What the OpenAPI document says in words."""

from __future__ import annotations

REASONS = {
    400: "The request is malformed.",
    401: "Credentials are missing or not valid.",
    403: "The credentials do not permit this.",
    404: "Nothing with this id is visible to you.",
    405: "The path does not take this method; see `Allow`.",
    409: "The state of the resource does not permit this.",
    412: "The resource is no longer at the version in `If-Match`.",
    413: "The body is too large.",
    415: "The body is not `application/json`.",
    422: "The request is well-formed, but its content is not valid.",
    429: "Too many requests; see `Retry-After`.",
    500: "A defect of the server; tell the operator the request id.",
    503: "A needed part does not answer.",
}
DESCRIPTIONS = {
    "limit": "How many items at most: 1 to 1,000; 100 by default.",
    "cursor": "Continue behind this cursor, taken from `meta.nextCursor` or the `Link` header.",
    "after": "Resume behind the frame with this cursor.",
    "id": "The id, as the resource gave it.",
    "service": "Only this service.",
    "tail": "How many lines at most: 1 to 10,000.",
    "since": "Only lines since this time.",
    "status": "Only those that are in this status.",
}


NAMES = {"surestage": "SureStage", "suradar": "SURADAR", "sursakit": "Sursakit", "microstax": "MicroStax"}


def tag(api: str, group: str) -> str:
    """The tag of a group of routes."""
    return f"{NAMES[api]}: {group}"
