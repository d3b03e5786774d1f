"""References are found, resolved, and left to the shell where they are not ours."""

from __future__ import annotations

import pytest

from app.blueprints.errors import UnresolvedReference
from app.blueprints.references import Reference, Scope, command, references, resolve, variables
from app.blueprints.validation import parse

BLUEPRINT = parse("""
env: {LOG_LEVEL: info, WHERE: "${environment.name}"}
services:
  api:
    run: serve --db ${services.db.url} --home ${HOME} --port $PORT
    env: {LOG_LEVEL: debug, DB: "${services.db.url}", KEY: "${secrets.KEY}", RAW: "$${KEEP} $HOME"}
    ports: [http, admin-ui]
    replicas: 2
  db: {run: [postgres, -p, "${services.db.port}"], ports: [{name: main, protocol: tcp, port: 5432}]}
""")
SCOPE = Scope(
    BLUEPRINT,
    {"api/http/0": 4000, "api/admin-ui/0": 4001, "api/http/1": 4002, "api/admin-ui/1": 4003, "db/main/0": 5432},
    {"KEY": "s3cret ${services.db.url}"},
    "env_1",
    "demo",
)


def test_references_are_taken_apart_at_their_dots() -> None:
    assert references("a ${services.db.url} $${no} ${x} ${open") == [
        Reference("${services.db.url}", ("services", "db", "url")),
        Reference("${x}", ("x",)),
        Reference("${open", ("open",), closed=False),
    ]


def test_in_a_command_only_our_namespaces_are_references() -> None:
    found = references("echo ${HOME} ${secrets.A} ${X:-y} ${user.name}", command=True)

    assert found == [Reference("${secrets.A}", ("secrets", "A"))]


@pytest.mark.parametrize(
    ("text", "resolved"),
    [
        ("${services.api.url}", "http://127.0.0.1:4000"),
        ("${services.db.url}/shop", "tcp://127.0.0.1:5432/shop"),
        ("${services.api.host}:${services.api.port}", "127.0.0.1:4000"),
        ("${services.api.ports.admin-ui}", "4001"),
        ("${services.api.urls.admin-ui}", "http://127.0.0.1:4001"),
        ("${environment.id} ${environment.name}", "env_1 demo"),
        ("$${services.db.url} $$ $HOME", "${services.db.url} $$ $HOME"),
    ],
)
def test_references_resolve(text: str, resolved: str) -> None:
    assert resolve(text, SCOPE) == resolved


def test_a_secret_is_not_resolved_again() -> None:
    assert resolve("${secrets.KEY}", SCOPE) == "s3cret ${services.db.url}"


def test_services_on_other_machines_have_their_own_host() -> None:
    scope = Scope(BLUEPRINT, SCOPE.addresses, hosts={"db": "db.demo.svc"})

    assert resolve("${services.db.url}", scope) == "tcp://db.demo.svc:5432"


@pytest.mark.parametrize("text", ["${secrets.NO}", "${services.no.url}", "${HOME}", "${services.db.ports.x}", "${open"])
def test_what_is_not_there_cannot_be_resolved(text: str) -> None:
    with pytest.raises(UnresolvedReference):
        resolve(text, SCOPE)


def test_a_port_that_was_not_reserved_cannot_be_resolved() -> None:
    with pytest.raises(UnresolvedReference):
        resolve("${services.db.url}", Scope(BLUEPRINT, {}))


def test_a_replica_gets_its_own_ports_and_all_variables() -> None:
    assert variables("api", 1, SCOPE) == {
        "HOST": "127.0.0.1",
        "PORT": "4002",
        "PORT_HTTP": "4002",
        "PORT_ADMIN_UI": "4003",
        "SOUNDSTAGE_ENVIRONMENT": "env_1",
        "SOUNDSTAGE_SERVICE": "api",
        "SOUNDSTAGE_REPLICA": "1",
        "LOG_LEVEL": "debug",
        "WHERE": "demo",
        "DB": "tcp://127.0.0.1:5432",
        "KEY": "s3cret ${services.db.url}",
        "RAW": "${KEEP} $HOME",
    }


def test_text_goes_to_the_shell_and_a_list_is_executed_as_it_stands() -> None:
    api, db = BLUEPRINT.services["api"], BLUEPRINT.services["db"]
    assert api.run is not None
    assert db.run is not None

    assert command(api.run, SCOPE) == (
        "/bin/sh",
        "-c",
        "serve --db tcp://127.0.0.1:5432 --home ${HOME} --port $PORT",
    )
    assert command(db.run, SCOPE) == ("postgres", "-p", "5432")


def test_secrets_do_not_show_when_a_scope_is_printed() -> None:
    assert "s3cret" not in repr(SCOPE)
