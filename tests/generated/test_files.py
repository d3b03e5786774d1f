"""What is generated and committed is what the source gives today."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from graphql import DocumentNode, GraphQLSchema, build_schema, parse, specified_rules, validate
from openapi_spec_validator import OpenAPIV31SpecValidator

from resolvers.limits import Limits
from resolvers.schema import build_schema as served_schema
from tests.support.samples import OPERATIONS
from tools.generate import generated

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [*sorted((ROOT / "graphql").rglob("*.graphql")), ROOT / "app/console/static/welcome.graphql"]


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    """The committed one: what clients build on."""
    return build_schema((ROOT / "schema.graphql").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", sorted(generated()))
def test_a_generated_file_is_up_to_date(name: str) -> None:
    committed = (ROOT / name).read_text(encoding="utf-8")

    assert committed == generated()[name], f"{name} is not what the source gives: run `make generate`"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_document_is_valid(schema: GraphQLSchema, path: Path) -> None:
    """Documents of a folder may use each other's fragments."""
    together = [file for file in DOCUMENTS if file.parent == path.parent]
    own = parse(path.read_text(encoding="utf-8"))
    fragments = [
        node
        for file in together
        if file != path
        for node in parse(file.read_text(encoding="utf-8")).definitions
        if node.kind == "fragment_definition"
    ]
    whole = DocumentNode(definitions=(*own.definitions, *fragments))
    rules = [rule for rule in specified_rules if rule.__name__ != "NoUnusedFragmentsRule"]

    errors = validate(schema, whole, [*rules, Limits])

    assert errors == [], "\n".join(error.message for error in errors)


def test_every_fragment_is_used() -> None:
    for folder in {path.parent for path in DOCUMENTS}:
        nodes = [node for path in DOCUMENTS if path.parent == folder for node in parse(path.read_text()).definitions]
        text = "\n".join(path.read_text() for path in DOCUMENTS if path.parent == folder)
        for node in nodes:
            if node.kind == "fragment_definition":
                assert f"...{node.name.value}" in text, f"{node.name.value} in {folder.name} is used by nobody"  # type: ignore[attr-defined]


def test_every_operation_of_an_api_is_described() -> None:
    assert [name for name, operation in OPERATIONS.items() if operation.description == name] == []


def test_the_committed_schema_is_what_is_served() -> None:
    assert served_schema().as_str() + "\n" == (ROOT / "schema.graphql").read_text(encoding="utf-8")


def test_the_openapi_document_is_valid() -> None:
    """The Blueprint's schema is served beside it; here it is the committed file."""
    text = (ROOT / "openapi.json").read_text(encoding="utf-8")
    beside = (ROOT / "schemas/blueprint.json").as_uri()
    document = orjson.loads(text.replace('"/schemas/blueprint.json"', f'"{beside}"'))

    errors = [
        f"{'/'.join(map(str, error.path))}: {error.message}"
        for error in OpenAPIV31SpecValidator(document).iter_errors()
    ]

    assert errors == []


def test_the_openapi_document_lists_every_route_once() -> None:
    document = orjson.loads((ROOT / "openapi.json").read_bytes())
    listed = {
        (method, path)
        for path, item in document["paths"].items()
        for method in item
        if method in ("get", "post", "put", "patch", "delete")
    }

    routes = {
        (operation.method.lower(), operation.path) for operation in OPERATIONS.values() if not operation.is_stream
    }
    others = {("get", "/metrics"), ("get", "/v1/audit/export"), ("post", "/v1/billing/webhook")}
    others |= {
        ("post", "/api/v1/webhooks/incoming"),
        ("get", "/v1/terminals/{id}/recording"),
        ("get", "/api/v1/lsp-fs"),
    }
    chat = {("post", "/api/v1/chat"), ("post", "/api/v1/workflow-chat")}
    chat |= {("get", "/api/v1/chat/{id}/stream"), ("get", "/api/v1/chat/attachments/{id}")}
    uploads = {("post", "/api/v1/filestorage")}
    uploads |= {(method, "/api/v1/filestorage/{id}") for method in ("patch", "delete")}
    assert listed == routes | others | chat | uploads


def test_names_of_operations_are_unique() -> None:
    document = orjson.loads((ROOT / "openapi.json").read_bytes())
    parts = [part for item in document["paths"].values() for part in item.values() if isinstance(part, dict)]
    names = [part["operationId"] for part in parts if "operationId" in part]

    assert len(names) == len(set(names))
