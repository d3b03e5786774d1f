"""Several operations at one path as one in the OpenAPI document, which has room for one a method."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def merged(one: Schema, other: Schema) -> Schema:
    """Both: a body of either kind, and an answer of either kind. The first gives the id."""
    made = {**one, "summary": f"{one['summary']}; {_lower(other['summary'])}"}
    made["description"] = f"{one['description']} {other['description']}"
    body = _either(_schema(one["requestBody"]), _schema(other["requestBody"]), "oneOf")
    made["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    made["responses"] = dict(one["responses"])
    for status, response in other["responses"].items():
        known = made["responses"].get(status)
        made["responses"][status] = response if known is None else _both(known, response)
    made["parameters"] = one["parameters"] + [part for part in other["parameters"] if part not in one["parameters"]]
    made.pop("x-access", None)
    return made


def _both(one: Schema, other: Schema) -> Schema:
    if one == other or "content" not in one or "content" not in other:
        return one
    schema = _either(_schema(one), _schema(other), "anyOf")
    return {"description": one["description"], "content": {"application/json": {"schema": schema}}}


def _schema(part: Schema) -> Schema:
    schema: Schema = part["content"]["application/json"]["schema"]
    return schema


def _either(one: Schema, other: Schema, word: str) -> Schema:
    known: list[Schema] = one[word] if set(one) == {word} else [one]
    return {word: known if other in known else [*known, other]} if known != [other] else other


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
