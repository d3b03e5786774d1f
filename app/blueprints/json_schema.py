"""The JSON Schema of a Blueprint as people write it, shorthands included; editors complete and explain with it."""

from __future__ import annotations

import ast
import functools
import inspect
from itertools import pairwise
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from app.blueprints import document
from app.blueprints.document import Blueprint

ID = "/schemas/blueprint.json"


@functools.cache
def _generated() -> dict[str, Any]:
    body = Blueprint.model_json_schema(mode="validation", schema_generator=GenerateJsonSchema)
    _describe({"Blueprint": body, **body["$defs"]})
    _tidy(body)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        **body,
        "title": "Soundstage Blueprint",
    }


def schema() -> dict[str, Any]:
    """The schema, in JSON Schema 2020-12. It checks the shape; what has to fit together is checked by `check` alone."""
    return dict(_generated())


def _describe(definitions: dict[str, Any]) -> None:
    """Gives each property the text that stands under its attribute in the source."""
    for node in ast.parse(inspect.getsource(document)).body:
        if isinstance(node, ast.ClassDef) and node.name in definitions:
            for attribute, text in pairwise(node.body):
                if isinstance(attribute, ast.AnnAssign) and isinstance(text, ast.Expr):
                    name, told = ast.unparse(attribute.target), ast.literal_eval(text.value)
                    definitions[node.name]["properties"][name]["description"] = inspect.cleandoc(told)


def _tidy(part: Any) -> None:
    """Drops the titles that only repeat a key, for editors show them in place of the description; closes name maps."""
    if isinstance(part, dict):
        if "patternProperties" in part:
            part["additionalProperties"] = False
        for value in part.get("properties", {}).values():
            value.pop("title", None)
            value["description"] = " ".join(value.get("description", "").split())
        for value in part.values():
            _tidy(value)
    elif isinstance(part, list):
        for value in part:
            _tidy(value)
