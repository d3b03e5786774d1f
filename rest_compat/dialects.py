"""The four documented APIs: how each spells an answer, an error, and its limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.core.clock import now, rfc3339
from app.core.errors import SoundstageError

#: SURADAR's words for the statuses that it documents.
WORDS = {
    400: "invalid_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    429: "rate_limited",
    500: "internal_error",
}
#: Internal codes that are no more than what their status says.
_GENERAL = frozenset(
    {"INVALID_REQUEST", "UNAUTHORIZED", "FORBIDDEN", "NOT_FOUND", "CONFLICT", "RATE_LIMITED", "INTERNAL_ERROR"}
)


@dataclass(frozen=True, slots=True)
class Answered:
    """What every body may tell about its request."""

    request_id: str
    #: Whether the bearer token carried both signatures and both verified.
    signature_verified: bool = False
    next_cursor: str | None = None
    #: None where the answer is no list.
    has_more: bool | None = None

    def paging(self) -> dict[str, Any]:
        """`nextCursor` and `hasMore`, for lists."""
        return {} if self.has_more is None else {"nextCursor": self.next_cursor, "hasMore": self.has_more}


@dataclass(frozen=True)
class Dialect:
    """SURADAR's and Sursakit's: the bare object."""

    name: str
    #: Requests a minute by plan; None: the organization's own.
    limits: Mapping[str, int | None] = field(default_factory=lambda: {"free": 100, "pro": 1_000, "enterprise": None})

    #: Whether its documentation writes times without fractions.
    whole_seconds: bool = False

    def success(self, data: Any, answered: Answered) -> Any:
        """The body of an answer."""
        return data

    def success_schema(self, data: dict[str, Any], *, paged: bool) -> dict[str, Any]:
        """The JSON Schema of `success`."""
        return data

    def code(self, error: SoundstageError) -> str:
        """The error's code in this dialect."""
        return WORDS[error.status] if error.code in _GENERAL else error.code.lower()

    def failure(self, error: SoundstageError, answered: Answered) -> Any:
        """The body of an error."""
        return {"error": {"code": self.code(error), "message": error.message, "status": error.status}}

    def failure_schema(self) -> dict[str, Any]:
        """The JSON Schema of `failure`."""
        return _object({"error": _object({"code": _TEXT, "message": _TEXT, "status": {"type": "integer"}})})


class MicroStax(Dialect):
    """`{data, meta}`, and `{error, meta}`."""

    def success(self, data: Any, answered: Answered) -> Any:
        return {"data": data, "meta": self._meta(answered)}

    def success_schema(self, data: dict[str, Any], *, paged: bool) -> dict[str, Any]:
        return _object({"data": data, "meta": self._meta_schema(paged=paged)})

    def failure(self, error: SoundstageError, answered: Answered) -> Any:
        body = {"code": self.code(error), "message": error.message, "details": error.details}
        return {"error": body, "meta": self._meta(answered)}

    def failure_schema(self) -> dict[str, Any]:
        error = _object({"code": _TEXT, "message": _TEXT, "details": {"type": "object"}})
        return _object({"error": error, "meta": self._meta_schema(paged=False)})

    def _meta(self, answered: Answered) -> dict[str, Any]:
        return {
            "requestId": answered.request_id,
            "signatureVerified": answered.signature_verified,
            "timestamp": rfc3339(now()),
            **answered.paging(),
        }

    def _meta_schema(self, *, paged: bool) -> dict[str, Any]:
        meta: dict[str, Any] = {"requestId": _TEXT, "signatureVerified": {"type": "boolean"}, "timestamp": _TIME}
        return _object({**meta, **(_PAGING if paged else {})})


class SureStage(Dialect):
    """`{success, data, meta}`, codes in upper case."""

    def success(self, data: Any, answered: Answered) -> Any:
        return {"success": True, "data": data, "meta": self._meta(answered)}

    def success_schema(self, data: dict[str, Any], *, paged: bool) -> dict[str, Any]:
        meta = {"timestamp": _TIME, "requestId": _TEXT, **(_PAGING if paged else {})}
        return _object({"success": {"const": True}, "data": data, "meta": _object(meta)})

    def code(self, error: SoundstageError) -> str:
        return f"RESOURCE_{error.code}" if error.code == "NOT_FOUND" else error.code

    def failure(self, error: SoundstageError, answered: Answered) -> Any:
        body = {"code": self.code(error), "message": error.message, "details": error.details}
        return {"success": False, "error": body, "meta": self._meta(answered)}

    def failure_schema(self) -> dict[str, Any]:
        error = _object({"code": _TEXT, "message": _TEXT, "details": {"type": "object"}})
        meta = _object({"timestamp": _TIME, "requestId": _TEXT})
        return _object({"success": {"const": False}, "error": error, "meta": meta})

    def _meta(self, answered: Answered) -> dict[str, Any]:
        return {"timestamp": rfc3339(now()), "requestId": answered.request_id, **answered.paging()}


_TEXT = {"type": "string"}
_TIME = {"type": "string", "format": "date-time"}
_PAGING: dict[str, Any] = {"nextCursor": {"type": ["string", "null"]}, "hasMore": {"type": "boolean"}}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


DIALECTS: dict[str, Dialect] = {
    "surestage": SureStage("surestage", {"free": 60, "pro": 300, "enterprise": 1_000}),
    "suradar": Dialect("suradar", whole_seconds=True),
    "sursakit": Dialect("sursakit"),
    "microstax": MicroStax("microstax", {"free": 100, "pro": 100, "enterprise": None}),
}
