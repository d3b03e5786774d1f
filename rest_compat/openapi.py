"""The OpenAPI 3.1 document: generated from the operations and the schema, with exact request and response schemas."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    Undefined,
)

from app.observability.health import VERSION
from rest_compat.dialects import DIALECTS
from rest_compat.openapi_merging import merged
from rest_compat.openapi_others import others
from rest_compat.openapi_words import DESCRIPTIONS, NAMES, REASONS, tag
from rest_compat.operations import IF_VERSION, INPUT, RestOperation, Variable
from rest_compat.ratelimit import is_probe
from rest_compat.shape import Shape, shape

Schema = dict[str, Any]

_SCALARS: dict[str, Schema] = {
    "ID": {"type": "string"},
    "String": {"type": "string"},
    "Int": {"type": "integer", "format": "int32"},
    "Float": {"type": "number"},
    "Boolean": {"type": "boolean"},
    "DateTime": {"type": "string", "format": "date-time"},
    "Date": {"type": "string", "format": "date"},
    "Timestamp": {"type": "string", "format": "date-time"},
    "JSON": {},
    "JsonWebKeySet": {
        "type": "object",
        "properties": {"keys": {"type": "array", "items": {"type": "object", "required": ["kty", "kid", "alg"]}}},
        "required": ["keys"],
        "description": "A JWK Set (RFC 7517).",
    },
    "BlueprintDocument": {
        "oneOf": [{"type": "string"}, {"$ref": "/schemas/blueprint.json"}],
        "description": "The document as YAML or JSON text, or the same as an object.",
    },
    "PolicyRule": {
        "type": "object",
        "properties": {"type": {"type": "string"}},
        "required": ["type"],
        "description": "A rule, as `/schemas/policy-rules.json` describes each type.",
    },
    "Duration": {
        "oneOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": r"^\d+(\.\d+)?(ms|s|m|h|d)$"}],
        "description": "Seconds, or text such as `30s`, `5m`, `4h`.",
        "examples": ["4h"],
    },
}


def build(operations: Iterable[RestOperation]) -> Schema:
    """The whole document. Every path stands once, as documented; aliases are not listed."""
    components: dict[str, Schema] = {}
    paths: dict[str, Schema] = {}
    tags: dict[str, str] = {}
    for operation in operations:
        tags[tag(operation.api, operation.group)] = f"As {NAMES[operation.api]} documents it."
        item = paths.setdefault(operation.path, {})
        if operation.is_stream:
            item["x-websocket"] = True
            item["x-websocket-message"] = _json_schema(_shape(operation), components)
            item["description"] = operation.description
            item.setdefault("parameters", _path_parameters(operation))
        else:
            made, method = _operation(operation, components), operation.method.lower()
            item[method] = merged(item[method], made) if method in item else made
    _join(paths, others())
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Soundstage",
            "version": VERSION,
            "description": "Generated from GraphQL operations: every route runs one, so REST and GraphQL never differ.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in sorted(tags.items())],
        "security": [{"bearer": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key `sk_live_…`, or a token `eyJ…`.",
                }
            },
            "schemas": dict(sorted(components.items())),
        },
    }


def _join(paths: dict[str, Schema], more: dict[str, Schema]) -> None:
    for path, item in more.items():
        paths.setdefault(path, {}).update(item)


def _shape(operation: RestOperation) -> Shape:
    return shape(operation.root_type, operation.root_node, operation.fragments)


def _operation(operation: RestOperation, components: dict[str, Schema]) -> Schema:
    made: Schema = {
        "operationId": operation.name,
        "summary": operation.description.partition(":")[0].partition(";")[0].rstrip("."),
        "description": operation.description,
        "tags": [tag(operation.api, operation.group)],
        "parameters": [*_path_parameters(operation), *_query_parameters(operation, components), *_headers(operation)],
        "responses": _responses(operation, components),
    }
    if operation.access is None:
        made["security"] = []
    else:
        made["x-access"] = {"scope": operation.access[0], "kind": operation.access[1]}
    if operation.takes_body:
        made["requestBody"] = _body(operation, components)
    return made


def _path_parameters(operation: RestOperation) -> list[Schema]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": DESCRIPTIONS.get(name, f"The {name}."),
            "schema": {"type": "string", "minLength": 1},
        }
        for name in operation.path_parameters
    ]


def _query_parameters(operation: RestOperation, components: dict[str, Schema]) -> list[Schema]:
    if operation.takes_body:
        return []
    return [_query_parameter(variable, components) for variable in operation.body_variables.values()]


def _query_parameter(variable: Variable, components: dict[str, Schema]) -> Schema:
    schema = dict(_input(variable.type, components, text=True))
    if variable.name == "limit":
        schema = {"type": "integer", "minimum": 1, "maximum": 1_000}
    if variable.has_default:
        schema["default"] = variable.default
    return {
        "name": variable.name,
        "in": "query",
        "required": variable.required,
        "description": variable.description or DESCRIPTIONS.get(variable.name, f"The {variable.name}."),
        "schema": schema,
    }


def _headers(operation: RestOperation) -> list[Schema]:
    headers = []
    if operation.method in ("POST", "PUT", "PATCH"):
        headers.append(
            _header(
                "Idempotency-Key",
                "The same key and body within 24 hours gives the first answer again and changes nothing.",
                {"type": "string", "minLength": 1, "maxLength": 255},
            )
        )
    if IF_VERSION in operation.variables:
        headers.append(_header("If-Match", "Change only if the resource still has this ETag.", {"type": "string"}))
    if operation.method == "GET" and not operation.connection and "version" in _shape(operation).fields:
        headers.append(_header("If-None-Match", "304 if the resource still has this ETag.", {"type": "string"}))
    return headers


def _header(name: str, description: str, schema: Schema) -> Schema:
    return {"name": name, "in": "header", "required": False, "description": description, "schema": schema}


def _body(operation: RestOperation, components: dict[str, Schema]) -> Schema:
    variables = operation.body_variables
    if operation.when is not None:
        schema = _chosen_body(operation, variables, components)
    elif INPUT in variables:
        schema = _input(variables[INPUT].type, components)
    else:
        schema = _object(
            {name: _input(variable.type, components) for name, variable in variables.items()},
            [name for name, variable in variables.items() if variable.required],
        )
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _chosen_body(operation: RestOperation, variables: dict[str, Variable], components: dict[str, Schema]) -> Schema:
    assert operation.when is not None
    field, value = operation.when
    properties = {name: _input(variable.type, components) for name, variable in variables.items()}
    required = [field, *(name for name, variable in variables.items() if variable.required)]
    return {"title": operation.name, **_object({field: {"const": value}, **properties}, required)}


def _responses(operation: RestOperation, components: dict[str, Schema]) -> Schema:
    dialect = DIALECTS[operation.api]
    found = _shape(operation)
    if operation.connection:
        data = _json_schema(found.fields["nodes"], components)
    else:
        found.nullable = False
        data = _json_schema(found, components)
    body = data if operation.raw else dialect.success_schema(data, paged=operation.connection)
    success: Schema = {"description": operation.description, "content": {"application/json": {"schema": body}}}
    if operation.redirects:
        location = {
            "description": "Where to go on.",
            "required": True,
            "schema": {"type": "string", "format": "uri-reference"},
        }
        success = {"description": operation.description, "headers": {"Location": location}}
    responses: Schema = {str(operation.status): success}
    if operation.method == "GET" and not operation.connection and "version" in found.fields:
        responses["304"] = {"description": "The resource still has the ETag in `If-None-Match`."}
    error_name = f"{operation.api.capitalize()}Error"
    components.setdefault(error_name, dialect.failure_schema())
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{error_name}"}}}
    for status in _error_statuses(operation):
        responses[str(status)] = {"description": REASONS[status], "content": content}
    return responses


#: Reads that a database of a session answers: it may be none, or refuse, or tell too much.
_ANSWERED_ELSEWHERE = frozenset({"databaseConfig", "databaseSchema", "databaseRows"})


def _error_statuses(operation: RestOperation) -> list[int]:
    statuses = {400, 405, 500, 503}
    if operation.access is not None or operation.is_mutation:
        statuses |= {401, 403}  # a public mutation proves who somebody is
    if not is_probe(operation):
        statuses.add(429)
    if operation.redirects:
        statuses |= {401, 403, 404}
    nullable = not isinstance(operation.root_type, GraphQLNonNull)
    by_id = any(str(variable.type).rstrip("!") == "ID" for variable in operation.variables.values())
    if operation.path_parameters or operation.is_mutation or operation.takes_body or nullable or by_id:
        statuses.add(404)  # also for what a body names
    if operation.is_mutation:
        statuses |= {409, 412, 413, 415, 422}
    elif operation.root_field in _ANSWERED_ELSEWHERE:
        statuses |= {409, 413, 422}
    return sorted(statuses)


def _json_schema(found: Shape, components: dict[str, Schema]) -> Schema:
    schema = _leaf_or_object(found, components)
    levels = [found.nullable, *found.lists]
    for nullable in reversed(levels[1:]):
        schema = {"type": "array", "items": _or_null(schema) if nullable else schema}
    schema = _or_null(schema) if found.nullable else schema
    return {**schema, "description": found.description} if found.description and "$ref" not in schema else schema


def _leaf_or_object(found: Shape, components: dict[str, Schema]) -> Schema:
    if found.fields:
        properties = {key: _json_schema(part, components) for key, part in found.fields.items()}
        schema = _object(properties, list(properties))
        if not found.name:
            return schema
        components.setdefault(found.name, {**schema, "description": found.type.description or found.name})
        return {"$ref": f"#/components/schemas/{found.name}"}
    if isinstance(found.type, GraphQLEnumType):
        return _enum(found.type, components)
    return dict(_SCALARS[found.type.name])


def _enum(type_: GraphQLEnumType, components: dict[str, Schema]) -> Schema:
    components.setdefault(
        type_.name,
        {"type": "string", "enum": [name.lower() for name in type_.values], "description": type_.description or ""},
    )
    return {"$ref": f"#/components/schemas/{type_.name}"}


def _input(type_: GraphQLInputType, components: dict[str, Schema], *, text: bool = False) -> Schema:
    if isinstance(type_, GraphQLNonNull):
        return _required_input(type_.of_type, components)
    schema = _required_input(type_, components)
    return schema if text else _or_null(schema)


def _required_input(type_: Any, components: dict[str, Schema]) -> Schema:
    if isinstance(type_, GraphQLList):
        return {"type": "array", "items": _input(type_.of_type, components)}
    if isinstance(type_, GraphQLEnumType):
        return _enum(type_, components)
    if isinstance(type_, GraphQLInputObjectType):
        if type_.name not in components:
            components[type_.name] = {}
            properties = {name: _described(part, components) for name, part in type_.fields.items()}
            required = [
                name
                for name, part in type_.fields.items()
                if isinstance(part.type, GraphQLNonNull) and part.default_value is Undefined
            ]
            components[type_.name] = {**_object(properties, required), "description": type_.description or ""}
        return {"$ref": f"#/components/schemas/{type_.name}"}
    return dict(_SCALARS[type_.name])


def _described(part: Any, components: dict[str, Schema]) -> Schema:
    schema = _input(part.type, components)
    return {**schema, "description": part.description} if part.description and "$ref" not in schema else schema


def _or_null(schema: Schema) -> Schema:
    if not schema:
        return schema
    if isinstance(schema.get("type"), str) and "enum" not in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def _object(properties: Schema, required: list[str]) -> Schema:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
