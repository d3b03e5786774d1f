"""Documents that ask for too much are refused, and refused fast."""

from __future__ import annotations

import time

import pytest

from tests.support.serving import Served

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", params=["sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    """What is tested here ends before the database."""
    name: str = request.param
    return name


#: Far more than it takes, far less than an attack would need.
SECONDS = 1.0

_SERVICES = "services { instances { cause { kind } limits { name } } ports { name } }"


def _fragments(levels: int) -> str:
    """Each fragment spreads the next one twice: 2^levels fields."""
    parts = [f"fragment F{n} on Environment {{ id ...F{n + 1} name ...F{n + 1} }}" for n in range(levels)]
    return (
        f"{{ environments {{ nodes {{ ...F0 }} }} }} {' '.join(parts)} fragment F{levels} on Environment {{ status }}"
    )


ATTACKS = {
    "aliases": "{ " + " ".join(f"a{n}: liveness {{ status }}" for n in range(51)) + " }",
    "root fields": "{ " + " ".join("liveness { status }" for _ in range(21)) + " }",
    "root fields in a fragment": "{ ...F } fragment F on Query { "
    + " ".join(f"a{n}: liveness {{ status }}" for n in range(30))
    + " }",
    "root fields in an inline fragment": "{ ... on Query { "
    + " ".join(f"a{n}: liveness {{ status }}" for n in range(30))
    + " } }",
    "tokens": "{ " + "liveness " * 4_100 + " }",
    "directives": "{ liveness { status " + "@include(if: true) " * 51 + "} }",
    "directives on a fragment": "{ liveness { " + " ".join("...F @include(if: true)" for _ in range(60)) + " } }"
    " fragment F on HealthReport { status }",
    "cost": f"{{ environments(first: 100) {{ nodes {{ {_SERVICES * 40} }} edges {{ cursor }} }} }}",
    "cost by a negative page": "{ "
    + " ".join(f"a{n}: environments(first: 100) {{ nodes {{ {_SERVICES * 4} }} }}" for n in range(9))
    + " z: environments(first: -1000000) { nodes { id name status version } } }",
    "cost by variables": "query ($n: Int) { "
    + " ".join(f"a{n}: environments(first: $n) {{ nodes {{ {_SERVICES * 4} }} }}" for n in range(9))
    + " }",
    "a bomb of fragments": _fragments(40),
    "introspection nested": "{ __schema { types { " + "fields { type { " * 40 + "name" + " } }" * 40 + " } } }",
}


@pytest.mark.parametrize("name", ATTACKS)
async def test_too_much_is_refused_fast(shared: Served, name: str) -> None:
    began = time.perf_counter()
    answer = await shared.post("/graphql", json={"query": ATTACKS[name]})
    seconds = time.perf_counter() - began

    assert seconds < SECONDS
    assert answer.status_code in (200, 400)
    assert "errors" in answer.json(), f"accepted: {ATTACKS[name][:200]}"
    assert {error["extensions"]["code"] for error in answer.json()["errors"]} <= {
        "QUERY_TOO_LARGE", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"
    }  # fmt: skip


@pytest.mark.parametrize(
    "query",
    [
        "{ environments { nodes { ...A } } } fragment A on Environment { ...B } fragment B on Environment { ...A }",
        "{ ...A } fragment A on Query { ...A }",
        "{ environments { nodes { " + "id " * 3_000 + "} } }",
        "{ environments { nodes { " + " ".join(f"...F{n}" for n in range(300)) + " } } } "
        + " ".join(f"fragment F{n} on Environment {{ id name }}" for n in range(300)),
        "{ a: " + "(" * 1_000,
        "{" * 3_000,
        "[" * 3_000,
        '{ environment(id: "' + "x" * 1_000_000 + '") { id } }',
        'mutation { createEnvironment(input: {blueprint: ' + "[" * 1_500 + "]" * 1_500 + "}) { id } }",
        "query (" + " ".join(f"$v{n}: Int" for n in range(1_000)) + ") { liveness { status } }",
        "# " + "x" * 1_000_000,
        "\ufeff\u0000{ liveness { status } }",
    ],
)  # fmt: skip
async def test_odd_documents_are_answered_fast_and_without_a_defect(shared: Served, query: str) -> None:
    began = time.perf_counter()
    answer = await shared.post("/graphql", json={"query": query})
    seconds = time.perf_counter() - began

    assert seconds < SECONDS * 2
    assert answer.status_code in (200, 400)
    assert "INTERNAL_ERROR" not in answer.text


async def test_inline_fragments_add_no_level(shared: Served) -> None:
    deep = "... on Environment { " * 30 + "services { instances { cause { kind } } }" + " }" * 30

    assert await shared.code(f"{{ environments {{ nodes {{ {deep} }} }} }}") == ""


async def test_what_our_own_clients_ask_is_well_within(shared: Served) -> None:
    query = f"""{{
      viewer {{ role organization {{ name plan }} }}
      environments(first: 100) {{ edges {{ cursor node {{ id name status {_SERVICES} }} }} pageInfo {{ endCursor }} }}
    }}"""

    assert await shared.code(query) == ""


async def test_variables_may_not_nest_without_end(shared: Served) -> None:
    content = (
        b'{"query": "query ($a: JSON) { liveness { status } }", "variables": {"a": ' + b"[" * 50_000 + b"]" * 50_000
    )
    answer = await shared.post("/graphql", content=content + b"}}", headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
