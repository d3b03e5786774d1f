"""Uploads in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from rest_compat.openapi_words import REASONS

PATH = "/filestorage"
VERSION = "1.0.0"
MEDIA_TYPE = "application/offset+octet-stream"

_REASONS = REASONS | {
    408: "The body stood still or broke off. What came is kept, unless it had a checksum.",
    409: "The upload is not at this offset.",
    410: "The upload has expired.",
    412: "Another version of the protocol than 1.0.0 was asked for.",
    413: "The upload is larger than this server takes, or than was said.",
    415: f"The body is not `{MEDIA_TYPE}`.",
    423: "Somebody else writes to this upload just now.",
    460: "The bytes do not have this checksum; nothing of them was kept.",
}
_BYTES = {"required": False, "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}


def described() -> dict[str, Any]:
    """The routes in OpenAPI."""
    path = f"/api/v1{PATH}"
    return {path: {"post": _create()}, f"{path}/{{id}}": {"head": _offset(), "patch": _append(), "delete": _delete()}}


def _create() -> dict[str, Any]:
    sent = [
        _header("Upload-Length", "The bytes of the whole file.", required=True),
        _header(
            "Upload-Metadata",
            "Names with values in base64: `sessionId` and `path` say where the file ends up; `filename`, `filetype`.",
            required=True,
        ),
        _checksum(),
    ]
    return {
        **_operation("CreateUpload", "Begin a resumable upload", sent, 201, "The upload is made; see `Location`."),
        "description": "Uploads a file into a session's working copy by the tus protocol 1.0.0, with the extensions "
        "creation, creation-with-upload, termination, checksum and expiration. `OPTIONS` tells the limits. The bytes "
        "are sent by `PATCH`, or with this request already; when all are there, the file is put in place at once.",
        "requestBody": _BYTES,
    }


def _offset() -> dict[str, Any]:
    told = "`Upload-Offset` tells the bytes that are there, durably."
    return _operation("GetUploadOffset", "The offset of an upload", [_id()], 200, told)


def _append() -> dict[str, Any]:
    sent = [_id(), _header("Upload-Offset", "Where the bytes begin: the present offset.", required=True), _checksum()]
    done = "The bytes are there, durably; `Upload-Offset` tells how many."
    return {**_operation("AppendToUpload", "Send bytes of an upload", sent, 204, done), "requestBody": _BYTES}


def _delete() -> dict[str, Any]:
    return _operation("DeleteUpload", "End an upload", [_id()], 204, "The upload is gone. A file in place stays there.")


def _operation(name: str, summary: str, parameters: list[dict[str, Any]], status: int, done: str) -> dict[str, Any]:
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/SursakitError"}}}
    return {
        "operationId": name,
        "summary": summary,
        "description": f"{summary}: part of the tus protocol {VERSION}.",
        "tags": ["Sursakit: files"],
        "parameters": [_header("Tus-Resumable", "The protocol's version.", required=True, const=VERSION), *parameters],
        "x-access": {"scope": "workspaces", "kind": "write"},
        "responses": {
            str(status): {"description": done},
            **{str(code): {"description": _REASONS[code], "content": error} for code in _FAILURES},
        },
    }


_FAILURES = (400, 401, 403, 404, 405, 408, 409, 410, 412, 413, 415, 422, 423, 429, 460, 500, 503)


def _id() -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1}
    return {"name": "id", "in": "path", "required": True, "description": "The upload's id.", "schema": schema}


def _checksum() -> dict[str, Any]:
    return _header("Upload-Checksum", "`sha1`, `sha256` or `md5`, and the digest of this body in base64.")


def _header(name: str, description: str, *, required: bool = False, **schema: Any) -> dict[str, Any]:
    text = {"type": "string", **schema}
    return {"name": name, "in": "header", "required": required, "description": description, "schema": text}
