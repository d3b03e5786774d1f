"""Finds the documents and the schema: beside `app/` in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def contract(name: str) -> Path:
    """The path of `schema.graphql`, `openapi.json`, or of a folder of documents: `graphql/microstax`."""
    packaged = _HERE / "_contract" / name
    return packaged if packaged.exists() else _HERE.parent / name
