"""What Schemathesis has to be told about our GraphQL: loaded by it through SCHEMATHESIS_HOOKS.

Its own check of GraphQL answers counts every error as the server's; ours counts defects only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import schemathesis
from graphql import parse_value
from hypothesis import strategies as st
from hypothesis.internal import lambda_sources
from schemathesis.graphql import nodes

_described = lambda_sources.lambda_description


def _description(function: Callable[..., object]) -> str:
    """Hypothesis parses a strategy's source to name it; deep in the stack, CPython before 3.11.8 fails at that
    (https://github.com/python/cpython/issues/106905)."""
    try:
        return _described(function)
    except SystemError:
        return "lambda: <unknown>"


lambda_sources.lambda_description = _description

_DOCUMENTS = [
    "services: {web: {run: serve}}",
    "services: {web: {run: serve, ports: [http], replicas: 3}, db: {run: store}}",
    "services: {web: {rnu: serve}}",
    "services: [",
    "&a [*a, *a]",
]

schemathesis.graphql.scalar("BlueprintDocument", (st.sampled_from(_DOCUMENTS) | st.text()).map(nodes.String))
schemathesis.graphql.scalar(
    "Duration",
    st.integers(-1, 2**31 - 1).map(nodes.Int) | (st.sampled_from(["30s", "5m", "soon"]) | st.text()).map(nodes.String),
)
#: What uploads are sent as.
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
_RULES = [
    '{type: "action_denylist", actions: ["orders.*"]}',
    '{type: "rate_limit", max_requests_per_minute: 1000}',
    '{type: "action_allowlist"}',
    '{type: "no such rule"}',
]
schemathesis.graphql.scalar("PolicyRule", st.sampled_from(_RULES).map(parse_value))

_VALUES = ["null", "true", "1", "1.5", '"text"', "[]", "[1, {a: null}]", "{}", '{type: "text", text: "hello"}']
schemathesis.graphql.scalar("JSON", st.sampled_from(_VALUES).map(parse_value))

#: What a credential hangs on. Schemathesis asks again with ids from earlier answers.
_OWN = re.compile(r"(key|usr|org|sis)_[0-9a-z]{26}")


@schemathesis.hook
def before_call(context: object, case: schemathesis.Case, kwargs: object) -> None:
    """The fuzzer takes its own credential away from nobody, least of all from itself: the rest would be 401s."""
    if isinstance(case.body, str) and case.body.lstrip().startswith("mutation"):
        case.body = _OWN.sub(lambda found: f"{found[1]}_{'0' * 26}", case.body)
    elif case.method.upper() != "GET" and case.path_parameters:
        for name, value in case.path_parameters.items():
            if _OWN.fullmatch(str(value)):
                case.path_parameters[name] = f"{str(value)[:4]}{'0' * 26}"


@schemathesis.check
def no_defect(ctx: object, response: schemathesis.Response, case: schemathesis.Case) -> None:
    """Every error has a code, and none is a defect's."""
    body = json.loads(response.content)
    codes = [error["extensions"]["code"] for error in body.get("errors", ())]
    assert response.status_code < 500, response.status_code
    assert "INTERNAL_ERROR" not in codes, body["errors"]


#: What is missing is an answer to expect of a server that has no model, and no way out to code hosts.
_MISSING = {"no_model", "model_failed", "host_unreachable"}


@schemathesis.check
def no_server_error(ctx: object, response: schemathesis.Response, case: schemathesis.Case) -> None:
    """No status of the server's own, but where it says what is missing outside of it."""
    if response.status_code >= 500:
        code = json.loads(response.content).get("error", {}).get("code")
        assert response.status_code == 503, response.status_code
        assert code in _MISSING, code
