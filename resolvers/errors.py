"""What a client sees of an error: every one has a code; what was not meant for it is masked and logged."""

from __future__ import annotations

import re
from collections.abc import Iterable

import structlog
from graphql import GraphQLError, GraphQLSyntaxError
from strawberry.extensions import MaskErrors

from app.core.errors import InvalidRequest, SoundstageError
from resolvers.context import Context

log = structlog.get_logger(__name__)

PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
UNEXPLAINED = (
    "The document or its variables do not fit the schema, and this server does not tell why. Ask its operator for the "
    "schema, or to set SOUNDSTAGE_EXPLAIN_VALIDATION; what REST offers is listed in /openapi.json."
)
#: Suggestions tell names of the schema, which production keeps to itself.
_SUGGESTION = re.compile(r" Did you mean [^?]*\?")


class ClientErrors(MaskErrors):
    """Gives every error its code, and keeps the inside inside."""

    def __init__(self) -> None:
        super().__init__(should_mask_error=lambda _: True)

    def _process_errors(self, errors: list[GraphQLError]) -> list[GraphQLError]:
        return shown(errors, self.execution_context.context)


def shown(errors: Iterable[GraphQLError], context: Context) -> list[GraphQLError]:
    """The errors as the client of a request may see them."""
    found = [_shown(error, context) for error in errors]
    if not context.explains and any(_is_of_the_schema(error) for error in found):
        return [unexplained()]
    return found


def as_graphql_error(error: Exception) -> GraphQLError:
    """An exception from outside an operation, such as of the source of its events, as an error of its answer."""
    return error if isinstance(error, GraphQLError) else GraphQLError(str(error), original_error=error)


def _shown(error: GraphQLError, context: Context) -> GraphQLError:
    made = client_error(error, context.request_id)
    if context.product.production and made.original_error is None:
        made.message = _SUGGESTION.sub("", made.message)
    return made


def unexplained() -> GraphQLError:
    """One error for all that does not fit the schema: how many there are, and where, would tell names one by one."""
    return GraphQLError(UNEXPLAINED, extensions={"code": VALIDATION_FAILED})


def _is_of_the_schema(error: GraphQLError) -> bool:
    return (error.extensions or {}).get("code") == VALIDATION_FAILED


def client_error(error: GraphQLError, request_id: str) -> GraphQLError:
    """The error as a client may see it. One without a known cause is logged with its trace under the request id."""
    original = _original(error)
    if isinstance(original, SoundstageError):
        return _with(error, original.message, original.extensions, original)
    if original is None:
        if error.extensions and "code" in error.extensions:
            return error
        code = _code(error)
        return _with(error, error.message, {"code": code}, None)
    log.error("request.defect", request_id=request_id, path=error.path, exc_info=original)
    message = f"Something went wrong on our side. Tell the operator the request id {request_id}."
    return _with(error, message, {"code": SoundstageError.code, "requestId": request_id}, None)


def _original(error: GraphQLError) -> Exception | None:
    original = error.original_error
    while isinstance(original, GraphQLError):
        original = original.original_error
    return original


def _code(error: GraphQLError) -> str:
    if isinstance(error, GraphQLSyntaxError):
        return PARSE_FAILED
    return InvalidRequest.code if error.path else VALIDATION_FAILED


def _with(error: GraphQLError, message: str, extensions: dict[str, object], original: Exception | None) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        original_error=original,
        extensions=extensions,
    )
