"""JSON Schemas of call arguments, by jsonschema-rs. Nothing is fetched, and patterns match in linear time."""

from __future__ import annotations

from typing import Any

import jsonschema_rs


def compile_schema(schema: dict[str, Any] | bool) -> jsonschema_rs.Draft202012Validator:
    """A validator; raises `ValueError` for what is no schema, or refers to another document."""
    try:
        return jsonschema_rs.Draft202012Validator(
            schema, validate_formats=True, offline=True, pattern_options=jsonschema_rs.RegexOptions()
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
        raise ValueError(f"not a usable JSON Schema: {str(error).splitlines()[0]}") from error
