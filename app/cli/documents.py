"""The GraphQL documents that the command line sends, from `graphql/cli/`."""

from __future__ import annotations

import functools
import re

from app.contract import contract

_OPERATION = re.compile(r"^(?:query|mutation|subscription) (\w+)", re.MULTILINE)


@functools.cache
def _documents() -> dict[str, str]:
    """Operation -> the text of its file: a document may hold several, and the request names the one meant."""
    found = {}
    for path in sorted(contract("graphql/cli").glob("*.graphql")):
        text = path.read_text("utf-8")
        found.update(dict.fromkeys(_OPERATION.findall(text), text))
    return found


def document(operation: str) -> str:
    """The document that holds this operation."""
    return _documents()[operation]
