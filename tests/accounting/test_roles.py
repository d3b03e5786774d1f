"""The role matrix: every operation, asked in every role, against a committed table.

`roles.tsv` says for each root field what each role gets, `yes` or `no`, and in `key` the one scope that an owner's key
needs for it. `operator` is an owner who operates the installation; `nobody` is a request without a credential.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from app.core.actor import Kind, Role, Scope
from resolvers.access import root_access
from resolvers.schema import build_schema
from tests.support.preparations import PREPARATIONS
from tests.support.samples import SAMPLES, Facts, Kept, document, facts, of_operators, root_fields
from tests.support.serving import Client, Served

TABLE = Path(__file__).with_name("roles.tsv")
ROLES = ("owner", "admin", "member", "viewer", "operator", "agent", "nobody")
KEPT = Kept()
REFUSED = {"FORBIDDEN", "UNAUTHORIZED"}

with TABLE.open(encoding="utf-8") as lines:
    MATRIX = {row["operation"]: row for row in csv.DictReader(lines, delimiter="\t")}


@pytest.fixture(scope="module", params=["sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    """Roles are no matter of the database."""
    name: str = request.param
    return name


def test_the_table_has_a_row_for_every_operation() -> None:
    missing = sorted(set(root_fields()) - set(MATRIX))
    stale = sorted(set(MATRIX) - set(root_fields()))
    rows = "\n".join("\t".join([name, *("yes|no" for _ in ROLES), "scope:kind"]) for name in missing)

    assert not missing, f"add to {TABLE.name}, after thinking who may:\n{rows}"
    assert not stale, f"take from {TABLE.name}: {stale}"


def test_the_table_names_the_scope_that_a_key_needs() -> None:
    needed = {name: root_access(build_schema())[name.partition(".")[2]] for name in MATRIX}

    assert {name: row["key"] for name, row in MATRIX.items()} == {
        name: ":".join(access) if access else "-" for name, access in needed.items()
    }


@pytest.mark.anyio
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", sorted(MATRIX))
async def test_a_role_gets_what_the_table_says(shared: Served, name: str, role: str) -> None:
    operator = role == "operator"
    if name.startswith("Query.") or MATRIX[name][role] == "no":
        owner, known = await KEPT.owner(shared, SAMPLES[name], operator=operator)
    else:
        owner = await shared.newcomer(operator=operator)
        known = await facts(owner, SAMPLES[name])
    client = await _as(owner, role, known)

    code = await _code(client, name, SAMPLES[name].arguments(known))

    assert code in ("", SAMPLES[name].otherwise, *REFUSED), f"the sample of {name} does not succeed: {code}"
    assert ("no" if code in REFUSED else "yes") == MATRIX[name][role]
    assert code != ("FORBIDDEN" if role == "nobody" else "UNAUTHORIZED")


@pytest.mark.anyio
@pytest.mark.parametrize("name", sorted(name for name in MATRIX if MATRIX[name]["nobody"] == "no"))
async def test_a_key_is_limited_to_its_scopes(shared: Served, name: str) -> None:
    owner = await shared.newcomer(operator=of_operators(name))
    known = await facts(owner, SAMPLES[name])
    needed = root_access(build_schema())[name.partition(".")[2]]
    assert needed is not None
    scope, kind = needed
    extra = ["environments:read"] if name == "Query.node" and scope != "environments" else []
    others = [f"{other}:{Kind.ADMIN}" for other in Scope if str(other) != scope]
    arguments = SAMPLES[name].arguments(known)

    without = await _code(await owner.as_(Role.OWNER, *others), name, arguments)
    with_it = await _code(await owner.as_(Role.OWNER, f"{scope}:{kind}", *extra, *_given_away(name)), name, arguments)

    assert without == "FORBIDDEN"
    assert with_it in ("", SAMPLES[name].otherwise)


@pytest.mark.anyio
@pytest.mark.parametrize("name", sorted(name for name in MATRIX if of_operators(name)))
async def test_what_is_the_installations_is_for_operators_alone(shared: Served, name: str) -> None:
    owner, operator = await shared.newcomer(), await shared.newcomer(operator=True)
    known = await facts(operator, SAMPLES[name])

    codes = [await _code(client, name, SAMPLES[name].arguments(known)) for client in (owner, operator)]

    assert codes == ["FORBIDDEN", ""]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "name", sorted(name for name, row in MATRIX.items() if row["member"] == "yes" and row["viewer"] == "no")
)
async def test_a_reading_key_does_not_write(shared: Served, name: str) -> None:
    owner, known = await KEPT.owner(shared, SAMPLES[name])
    reader = await owner.as_(Role.OWNER, *(f"{scope}:read" for scope in Scope))

    assert await _code(reader, name, SAMPLES[name].arguments(known)) == "FORBIDDEN"


def _given_away(name: str) -> list[str]:
    """What an operation takes beside its own scope: nobody gives away more than they have, and an automation takes what
    its action takes; only an agent itself settles what it used without being permitted to write policies."""
    beside = {
        "Mutation.createApiKey": ["environments:read"],
        "Mutation.enrollAgent": ["*"],
        "Mutation.createAutomation": ["environments:write"],
        "Mutation.runAutomation": ["integrations:write"],
        "Mutation.settleUsage": ["policies:write"],
    }
    return beside.get(name, [])


async def _as(owner: Client, role: str, known: Facts) -> Client:
    if role == "operator":
        return owner
    if role == "agent":
        return owner.with_key(known.known.get("credential") or (await PREPARATIONS["governed"](owner))["credential"])
    return owner.with_key(None) if role == "nobody" else await owner.as_(Role(role))


async def _code(client: Client, name: str, arguments: dict[str, object]) -> str:
    query = document(name, arguments)
    if not name.startswith("Subscription."):
        return await client.code(query, arguments)
    first = (await client.stream(query, arguments))[0]
    return str(first["errors"][0]["extensions"]["code"]) if "errors" in first else ""


def test_the_table_is_sorted_and_has_only_yes_and_no() -> None:
    assert list(MATRIX) == sorted(MATRIX)
    assert {row[role] for row in MATRIX.values() for role in ROLES} <= {"yes", "no"}, json.dumps(MATRIX)
