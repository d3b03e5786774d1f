"""The schema that editors use says the same as the check."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest

from app.blueprints.json_schema import schema
from app.blueprints.templates import templates
from app.blueprints.validation import check
from app.blueprints.yaml_source import read

VALID: list[dict[str, Any]] = [
    {"run": "x"},
    {"run": ["x", "y", 1]},
    {"image": "postgres:16"},
    {"run": "x", "build": "make"},
    {"run": "x", "build": ["make"]},
    {"run": "x", "build": {"run": "make", "timeout": "5m"}},
    {"run": "x", "env": {"A": "b", "C": 1, "D": 1.5, "E": True}},
    {"run": "x", "ports": ["http", 8080, {"name": "a", "port": 1, "protocol": "tcp", "public": True}, {"port": 2}]},
    {"run": "x", "depends_on": ["other"]},
    {"run": "x", "depends_on": {"other": "started"}},
    {"run": "x", "ports": ["a"], "health": {"http": "/", "port": "a", "interval": "1s", "retries": 3}},
    {"run": "x", "ports": ["a"], "health": {"tcp": "default", "timeout": 2, "start_period": "1m30s"}},
    {"run": "x", "health": {"exec": "true"}},
    {"run": "x", "health": {"exec": ["true"]}},
    {"run": "x", "health": {"log": "ready"}},
    {"run": "x", "restart": "always"},
    {"run": "x", "restart": {"policy": "never", "backoff": "1s", "backoff_limit": "1m", "max": None}},
    {"run": "x", "resources": {"cpu": "500m", "memory": "256Mi", "pids": 10, "open_files": 10}},
    {"run": "x", "resources": {"cpu": 0.5, "memory": 1024}},
    {"run": "x", "replicas": 3, "working_dir": "src", "completes": True, "description": "d"},
    {"run": "x", "volumes": ["data:/data", {"name": "b", "path": "c"}]},
    {"run": "x", "shutdown": {"signal": "SIGINT", "grace": "5s", "command": "bye"}},
]

INVALID: list[Any] = [
    "text",
    None,
    {"comand": "x"},
    {"run": 5},
    {"run": []},
    {"run": ""},
    {"run": "x", "env": ["A=b"]},
    {"run": "x", "env": {"A": None}},
    {"run": "x", "env": {"1A": "b"}},
    {"run": "x", "ports": "http"},
    {"run": "x", "ports": ["HTTP"]},
    {"run": "x", "ports": [0]},
    {"run": "x", "ports": [{}]},
    {"run": "x", "ports": [{"name": "a", "x": 1}]},
    {"run": "x", "ports": [{"name": "a", "protocol": "udp"}]},
    {"run": "x", "depends_on": {"other": "running"}},
    {"run": "x", "depends_on": [1]},
    {"run": "x", "health": {"http": "healthz"}},
    {"run": "x", "health": {"log": 1}},
    {"run": "x", "health": {"log": "x", "interval": "soon"}},
    {"run": "x", "health": {"log": "x", "retries": 0}},
    {"run": "x", "restart": "sometimes"},
    {"run": "x", "restart": {"max": -1}},
    {"run": "x", "resources": {"cpu": "much"}},
    {"run": "x", "resources": {"memory": "256MB"}},
    {"run": "x", "replicas": 21},
    {"run": "x", "replicas": "2"},
    {"run": "x", "volumes": ["./data:/data"]},
    {"run": "x", "volumes": ["data"]},
    {"run": "x", "volumes": ["data:/data:ro"]},
    {"run": "x", "completes": "yes"},
    {"run": "x", "build": {"context": "."}},
    {"run": "x", "shutdown": {"signal": 15}},
]


@pytest.fixture(scope="module")
def validator() -> Any:
    return jsonschema_rs.Draft202012Validator(schema())


def document(service: Any) -> dict[str, Any]:
    return {"services": {"web": service, "other": {"run": "x"}}}


@pytest.mark.parametrize("service", VALID, ids=repr)
def test_what_is_valid_is_valid_under_both(validator: Any, service: Any) -> None:
    assert check(document(service)).problems == ()
    assert [str(error) for error in validator.iter_errors(document(service))] == []


@pytest.mark.parametrize("service", INVALID, ids=repr)
def test_what_has_the_wrong_shape_fails_under_both(validator: Any, service: Any) -> None:
    assert check(document(service)).blueprint is None
    assert not validator.is_valid(document(service))


DOCUMENTS: list[dict[str, Any]] = [
    {},
    {"services": {}},
    {"services": []},
    {"services": {"A": {"run": "x"}}},
    {"services": {"a": {"run": "x"}}, "name": "A B"},
    {"services": {"a": {"run": "x"}}, "extra": 1},
    {"services": {"a": {"run": "x"}}, "auto_shutdown": "soon"},
    {"services": {"a": {"run": "x"}}, "env": []},
]


@pytest.mark.parametrize("whole", DOCUMENTS, ids=repr)
def test_documents_of_the_wrong_shape_fail_under_both(validator: Any, whole: Any) -> None:
    assert check(whole).blueprint is None
    assert not validator.is_valid(whole)


def test_every_template_is_valid_under_the_schema(validator: Any) -> None:
    for template in templates():
        assert validator.is_valid(read(template.source).data), template.id


def test_what_is_written_out_is_valid_under_the_schema(validator: Any) -> None:
    for template in templates():
        blueprint = check(template.source).blueprint
        assert blueprint is not None
        assert [str(error) for error in validator.iter_errors(blueprint.as_source())] == []


def test_the_schema_names_itself() -> None:
    assert schema()["$id"] == "/schemas/blueprint.json"
    assert schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_key_is_described_and_no_others_are_permitted() -> None:
    parts = [schema(), *schema()["$defs"].values()]

    for part in parts:
        for key, value in part.get("properties", {}).items():
            assert value.get("description"), f"describe `{key}` in app/blueprints/document.py"
        if part.get("type") == "object":
            assert part["description"], part
            assert part["additionalProperties"] is False, part
