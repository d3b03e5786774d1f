"""What attack tools try, against a server in production: the checks of graphql-cop, Clairvoyance, and guessing.

graphql-cop's checks (https://github.com/dolevf/graphql-cop, all fourteen, also the one that it has switched off) are
written here once more as rows: what it sends, and what in an answer it takes for a finding.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.settings import Settings
from resolvers.schema import build_schema
from tests.support import clairvoyance
from tests.support.databases import Databases
from tests.support.live import LiveServer
from tests.support.preparations import PREPARATIONS
from tests.support.serving import Client, Served

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module", params=["sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    """What is tested here ends before the database."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
async def production(
    databases: Databases, kind: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Served]:
    """One server in production mode for all attacks."""
    data_dir = tmp_path_factory.mktemp("production") / "data"
    settings = Settings(
        data_dir=data_dir,
        database_url=await databases.url(kind, data_dir),
        production=True,
        anonymous_per_minute=0,
    )
    async with Served(settings) as started:
        yield started


Found = Callable[[httpx.Response], bool]


@dataclass(frozen=True)
class Check:
    """A request of graphql-cop, and how it knows that it has found something."""

    found: Found
    query: str = "query cop { __typename }"
    method: str = "POST"
    batch: bool = False
    form: bool = False
    headers: dict[str, str] = field(default_factory=dict)

    async def ask(self, client: Client) -> httpx.Response:
        asked = {"query": self.query, "operationName": "cop"}
        options: dict[str, Any] = {"json": [asked] * 10 if self.batch else asked}
        if self.form:
            options = {"data": {"query": self.query}}
        if self.method == "GET":
            options = {"params": {"query": self.query}}
        return await client.request(self.method, "/graphql", headers=self.headers, **options)


def _data(*path: str) -> Found:
    def found(answer: httpx.Response) -> bool:
        value: Any = answer.json()
        for name in ("data", *path):
            value = value.get(name) if isinstance(value, dict) else None
        return bool(value)

    return found


def _extension(name: str) -> Found:
    def found(answer: httpx.Response) -> bool:
        body = answer.json()
        return any(name in error.get("extensions", {}) for error in body.get("errors", ())) or name in str(
            body.get("extensions", {})
        )

    return found


def _says(*words: str) -> Found:
    return lambda answer: any(word in answer.text for word in words)


_CIRCLE = "fields { type { " * 4 + "name" + " } }" * 4
CHECKS = {
    "alias overloading": Check(
        _data("alias100"), "query cop { " + " ".join(f"alias{n}:__typename" for n in range(101)) + " }"
    ),
    "array-based batching": Check(lambda answer: isinstance(answer.json(), list), batch=True),
    "directive overloading": Check(
        lambda answer: len(answer.json()["errors"]) >= 10, "query cop { __typename " + "@aa" * 10 + " }"
    ),
    "circular introspection": Check(_data("__schema"), f"query cop {{ __schema {{ types {{ {_CIRCLE} }} }} }}"),
    "field duplication": Check(_data("__typename"), "query cop { " + "__typename \n" * 500 + "}"),
    "query by GET": Check(_data("__typename"), method="GET"),
    "mutation by GET": Check(_data("__typename"), "mutation cop { __typename }", "GET"),
    "POST as a form": Check(_data("__typename"), form=True),
    "GraphiQL": Check(
        _says("graphiql.min.css", "GraphQL Playground", "GraphiQL", "graphql-playground"),
        "",
        "GET",
        headers={"Accept": "text/html"},
    ),
    "introspection": Check(_data("__schema"), "query cop { __schema { types { name fields { name } } } }"),
    "introspection of a type": Check(_data("__type"), 'query cop { __type(name: "Query") { name } }'),
    "field suggestions": Check(_says("Did you mean"), "query cop { __schema { directive } }"),
    "suggestions of our own fields": Check(_says("Did you mean", "environments"), "query cop { environmentz }"),
    "trace mode": Check(_extension("tracing")),
    "unhandled errors": Check(_extension("exception"), "qwerty cop { abc }"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("credential", ["nobody", "owner"])
async def test_graphql_cop_finds_nothing(production: Served, name: str, credential: str) -> None:
    client = production.with_key(None) if credential == "nobody" else await production.newcomer()

    answer = await CHECKS[name].ask(client)

    assert answer.status_code < 500
    assert not CHECKS[name].found(answer), answer.text


def _names() -> list[str]:
    """Every name of the schema: types, fields, arguments, members of enums."""
    found: set[str] = set()
    for each in build_schema()._schema.type_map.values():
        if not each.name.startswith("__"):
            fields = getattr(each, "fields", {})
            found |= {each.name, *fields, *getattr(each, "values", ())}
            found |= {name for one in fields.values() for name in getattr(one, "args", ())}
    return sorted(found)


_DOCUMENTS = ("query { FUZZ }", "mutation { FUZZ }")


@pytest.mark.parametrize("document", _DOCUMENTS)
@pytest.mark.parametrize("with_a_key", [False, True])
def test_clairvoyance_recovers_no_field_in_production(tmp_path: Path, document: str, with_a_key: bool) -> None:
    settings = Settings(data_dir=tmp_path / "data", database_url="", production=True, anonymous_per_minute=0)

    with LiveServer(settings) as live:
        key = live.key if with_a_key else None
        schema = clairvoyance.recovered(f"{live.url}/graphql", _names(), tmp_path, key=key, document=document)

    assert schema is None, "it gives up"


def test_clairvoyance_recovers_what_a_server_explains(tmp_path: Path) -> None:
    """The tool works: the same attack finds the fields where the operator has chosen to tell them."""
    words = ["viewer", "liveness", "environments", "nobody"]
    settings = Settings(
        data_dir=tmp_path / "data", database_url="", production=True, anonymous_per_minute=0, explain_validation=True
    )

    with LiveServer(settings) as live:
        schema = clairvoyance.recovered(f"{live.url}/graphql", words, tmp_path, key=live.key, document="query { FUZZ }")

    assert schema is not None
    assert "viewer" in json.dumps(schema)


#: Pairs of documents: a name that exists and is used wrongly, and one that does not exist.
_PAIRS = {
    "root field": ("{ environments }", "{ nothing }"),
    "field": ("{ environments { nodes } }", "{ environments { nothing } }"),
    "scalar": ("{ viewer { role { x } } }", "{ viewer { nothing { x } } }"),
    "argument": ('{ environments(first: "x") { nodes { id } } }', '{ environments(nothing: "x") { nodes { id } } }'),
    "required argument": ("{ environment { id } }", "{ nothing { id } }"),
    "type": ("query ($x: Role) { viewer { role } }", "query ($x: Nothing) { viewer { role } }"),
    "type condition": ("{ viewer { ... on ApiKey { id } } }", "{ viewer { ... on Nothing { id } } }"),
    "input field": (
        "mutation { createEnvironment(input: {blueprint: 1, name: 2}) { id } }",
        "mutation { createEnvironment(input: {blueprint: 1, nothing: 2}) { id } }",
    ),
    "directive": ("{ viewer @include { role } }", "{ viewer @nothing { role } }"),
    "two at once": ("{ environments environment nothing }", "{ nothing nobody never }"),
    "a large document": ("{ environments { x y z } } #" + " " * 30_000, "{ nothing { x y z } } #" + " " * 30_000),
    "a costly one": (
        "{ environments(first: 9999) { " + "x " * 40 + "} }",
        "{ nothing(first: 9999) { " + "x " * 40 + "} }",
    ),
}  # fmt: skip


@pytest.mark.parametrize("pair", _PAIRS)
async def test_production_does_not_tell_a_name_that_exists_from_one_that_does_not(
    production: Served, pair: str
) -> None:
    client = await production.newcomer()

    answers = [(await client.ask(query)) for query in _PAIRS[pair]]

    for answer in answers:
        answer["extensions"]["cost"] = answer["extensions"]["cost"]["requested"]
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["GRAPHQL_VALIDATION_FAILED"]
    assert answers[0] == answers[1]


async def test_variables_tell_no_names_either(production: Served) -> None:
    query = "mutation ($input: CreateEnvironmentInput!) { createEnvironment(input: $input) { id } }"

    told = [await production.ask(query, {"input": given}) for given in ({"nam": 1}, {"blueprint": None}, {"x": 1}, {})]

    assert len({json.dumps(answer["errors"]) for answer in told}) == 1


async def test_rest_explains_itself_in_production(production: Served) -> None:
    """What a route takes is in /openapi.json: nothing is given away."""
    answer = await production.post("/v1/environments", json={"nam": "x"})

    assert answer.status_code == 400
    assert "blueprint" in answer.text


@dataclass(frozen=True)
class Guess:
    """A secret that can be guessed at, over and over: the path and body of one guess."""

    path: str
    body: Callable[[Client, int], dict[str, Any]]
    #: Named preparation that makes the real thing.
    needs: str = "email"


GUESSES = {
    "password": Guess("/v1/auth/login", lambda client, n: {"email": client.tenant.email, "password": f"guess no {n}"}),
    "second factor": Guess(
        "/v1/auth/login",
        lambda client, n: {"email": client.tenant.email, "password": "correct horse battery", "code": f"{n:06}"},
        "confirmed_factor",
    ),
    "invitation": Guess(
        "/v1/auth/register", lambda _, n: {"token": f"soi_{n:040}", "password": "a long enough sentence"}, "invitation"
    ),
    "reset token": Guess(
        "/v1/auth/password/reset", lambda _, n: {"token": f"sop_{n:040}", "password": "a long enough sentence"}, "reset"
    ),
}


@pytest.mark.parametrize("name", GUESSES)
async def test_guessing_a_secret_is_stopped(production: Served, name: str) -> None:
    """Within a dozen guesses, and without a word about how near one was."""
    client, guess = await production.newcomer(), GUESSES[name]
    await PREPARATIONS[guess.needs](client)

    answers = [await client.http.post(guess.path, json=guess.body(client, number)) for number in range(12)]

    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused, [answer.status_code for answer in answers]
    assert answers[-1].status_code == 429
    assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
    first = {answer.json()["error"]["message"] for answer in answers if answer.status_code != 429}
    assert len(first) == 1


async def test_guessing_refresh_tokens_is_stopped(serve: Callable[..., Awaitable[Served]]) -> None:
    """They are long and random: it is enough that nobody asks more often than others without a credential."""
    server = await serve(production=True, anonymous_per_minute=20)

    answers = [
        await server.http.post("/v1/auth/refresh", json={"refreshToken": f"sor_{number:040}"}) for number in range(25)
    ]

    assert [answer.status_code for answer in answers] == [401] * 20 + [429] * 5


async def test_one_guesser_at_links_locks_out_nobody_else(production: Served) -> None:
    known = await PREPARATIONS["invitation"](await production.newcomer())
    elsewhere = httpx.ASGITransport(app=production.product.app, client=("192.0.2.7", 1))
    wrong = {"token": "soi_wrong", "password": "a long enough sentence"}

    async with httpx.AsyncClient(transport=elsewhere, base_url="http://soundstage.test") as guesser:
        guesses = [await guesser.post("/v1/auth/register", json=wrong) for _ in range(40)]
    other = httpx.ASGITransport(app=production.product.app, client=("192.0.2.8", 1))
    async with httpx.AsyncClient(transport=other, base_url="http://soundstage.test") as guest:
        body = {"token": known["invitation_token"], "password": "a long enough sentence"}
        joined = await guest.post("/v1/auth/register", json=body)

    assert guesses[-1].status_code == 429
    assert joined.status_code == 201
