"""Finds the documents and the schema: beside `app/` in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent


#: The folders of documents that our own clients send as they stand.
_CLIENTS = ("cli", "console", "mcp", "streams")


def client_documents() -> list[str]:
    """The texts of the documents that our own clients send."""
    folders = (contract("graphql") / name for name in _CLIENTS)
    return [path.read_text("utf-8") for folder in folders for path in sorted(folder.glob("*.graphql"))]


def contract(name: str) -> Path:
    """The path of `schema.graphql`, `openapi.json`, or of a folder of documents: `graphql/microstax`."""
    packaged = _HERE / "_contract" / name
    return packaged if packaged.exists() else _HERE.parent / name
