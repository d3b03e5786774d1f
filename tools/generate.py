"""Writes every generated file: `make generate`. The checks in tests/generated compare what is committed."""

from __future__ import annotations

from pathlib import Path

import orjson

from app.blueprints import json_schema
from app.cli import help_texts
from app.contract import contract
from app.policies.document import rules_schema
from resolvers.schema import build_schema
from rest_compat import openapi
from rest_compat.service import manifest, operations

ROOT = Path(__file__).resolve().parent.parent


def generated() -> dict[str, str]:
    """Path below the repository -> contents."""
    made = operations(contract("graphql"))
    document = openapi.build(made)
    return {
        "schema.graphql": build_schema().as_str() + "\n",
        "openapi.json": _json(document),
        "documents.json": _json(manifest(made)),
        "schemas/blueprint.json": _json(json_schema.schema()),
        "schemas/policy-rules.json": _json(rules_schema()),
        **{f"tests/cli/golden/{name}": text for name, text in help_texts.files().items()},
    }


def _json(document: object) -> str:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n"


def main() -> None:
    """Rewrites the files that changed, and says which."""
    for name, text in generated().items():
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print(f"wrote {name}")


if __name__ == "__main__":
    main()
