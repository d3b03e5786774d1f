"""Every shorthand, and what it is written out to."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.blueprints.document import Blueprint, Build, Condition, Port, Protocol, Restart, Volume, parse_duration
from app.blueprints.validation import check, parse
from app.engines.base import ProbeKind, RestartPolicy

SHOP = """
name: shop
services:
  api:
    run: python -m shop.api --port $PORT
    env: {DATABASE_URL: "${services.db.url}", LOG_LEVEL: info}
    ports: [{name: http}]
    depends_on: {db: healthy}
    health: {http: /healthz, interval: 1s, timeout: 1s, retries: 30}
    restart: {policy: on-failure, backoff: 1s, max: 5}
    resources: {cpu: 500m, memory: 256Mi}
  db: {run: "postgres …", ports: [db], health: {tcp: default}, volumes: [data:/var/lib/data]}
auto_shutdown: 4h
"""


def service(text: str):
    return parse(f"services:\n  web: {{{text}}}\n").services["web"]


def test_the_example_of_the_documentation_is_valid() -> None:
    blueprint = parse(SHOP)

    api = blueprint.services["api"]
    assert blueprint.auto_shutdown == 4 * 3600
    assert (api.resources.cpu, api.resources.memory) == (0.5, 256 * 1024 * 1024)
    assert api.depends_on == {"db": Condition.HEALTHY}
    assert api.health is not None
    assert api.health.kind is ProbeKind.HTTP
    assert blueprint.services["db"].volumes == (Volume(name="data", path="/var/lib/data"),)


def test_a_blueprint_does_not_change() -> None:
    with pytest.raises(ValidationError):
        parse(SHOP).name = "other"  # type: ignore[misc]


def test_written_out_it_reads_back_as_the_same() -> None:
    blueprint = parse(SHOP)

    assert parse(blueprint.as_source()) == blueprint
    assert Blueprint.model_validate(blueprint.model_dump(mode="json")) == blueprint


@pytest.mark.parametrize(
    ("written", "port"),
    [
        ("8080", Port(name="8080", port=8080)),
        ('"8080"', Port(name="8080", port=8080)),
        ("http", Port(name="http")),
        ("{name: http, port: 80}", Port(name="http", port=80)),
        ("{port: 80}", Port(name="80", port=80)),
        ("{name: db, protocol: tcp, public: true}", Port(name="db", protocol=Protocol.TCP, public=True)),
    ],
)
def test_ports_are_names_or_numbers_or_mappings(written: str, port: Port) -> None:
    assert service(f"run: x, ports: [{written}]").ports == (port,)


def test_a_restart_policy_alone_is_enough() -> None:
    assert service("run: x, restart: always").restart == Restart(policy=RestartPolicy.ALWAYS)


def test_restarts_without_limit_are_written_as_null() -> None:
    assert service("run: x, restart: {max: null}").restart.max is None


def test_a_list_of_dependencies_means_started() -> None:
    blueprint = parse("services: {a: {run: x, depends_on: [b, c]}, b: {run: x}, c: {run: x}}")

    assert blueprint.services["a"].depends_on == {"b": Condition.STARTED, "c": Condition.STARTED}


def test_a_build_is_a_command_or_a_mapping() -> None:
    assert service("run: x, build: make").build == Build(run="make")
    assert service("run: x, build: [make, 1]").build == Build(run=("make", "1"))
    assert service("run: x, build: {run: make, timeout: 5m}").build == Build(run="make", timeout=300)


def test_numbers_among_the_words_of_a_command_keep_their_spelling() -> None:
    assert service("run: [serve, 8080, 1.10, on]").run == ("serve", "8080", "1.10", "on")


def test_volumes_may_be_inside_the_environments_folder() -> None:
    assert service('run: x, volumes: ["data:./data/"]').volumes == (Volume(name="data", path="data"),)


def test_a_signal_may_go_without_its_prefix() -> None:
    assert service("run: x, shutdown: {signal: INT, grace: 0, command: [bye]}").shutdown.signal == "SIGINT"


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("1s", 1), ("500ms", 0.5), ("1h30m", 5400), ("1.5m", 90), ("2d", 172800), (90, 90), (0, 0)],
)
def test_times_are_seconds(written: str | int, seconds: float) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    "written", ["", "5", "5 minutes", "-1s", "s", True, None, [], -1, 1e12, float("nan"), "9999999d"]
)
def test_other_times_are_a_value_error(written: object) -> None:
    with pytest.raises(ValueError):
        parse_duration(written)


@pytest.mark.parametrize(("written", "size"), [("1k", 1000), ("1Ki", 1024), ("1.5Gi", 1610612736), ("7", 7), (7, 7)])
def test_sizes_are_bytes(written: str | int, size: int) -> None:
    assert (
        parse({"services": {"a": {"run": "x", "resources": {"memory": written}}}}).services["a"].resources.memory
        == size
    )


@pytest.mark.parametrize(("written", "cores"), [("500m", 0.5), ("2", 2), ("0.25", 0.25), (1, 1), (0.1, 0.1)])
def test_cpu_is_cores(written: str | float, cores: float) -> None:
    assert parse({"services": {"a": {"run": "x", "resources": {"cpu": written}}}}).services["a"].resources.cpu == cores


def test_values_of_variables_are_as_written() -> None:
    env = service("run: x, env: {VERSION: 1.10, YES: yes, T: True, CLOCK: 22:22, OCTAL: 0755, no: 1e3, E: ''}").env

    assert env == {
        "VERSION": "1.10",
        "YES": "yes",
        "T": "True",
        "CLOCK": "22:22",
        "OCTAL": "0755",
        "no": "1e3",
        "E": "",
    }


def test_variables_from_data_are_as_json_writes_them() -> None:
    blueprint = parse({"env": {"A": 1.5}, "services": {"a": {"run": "x", "env": {"B": True, "C": 2}}}})

    assert blueprint.env == {"A": "1.5"}
    assert blueprint.services["a"].env == {"B": "true", "C": "2"}


def test_the_start_order_has_levels_and_the_stop_order_is_its_reverse() -> None:
    blueprint = parse(
        "services: {web: {run: x, depends_on: [api]}, api: {run: x, depends_on: [db, cache]},"
        " db: {run: x}, cache: {run: x}, alone: {run: x}}"
    )

    assert blueprint.start_order() == [["alone", "cache", "db"], ["api"], ["web"]]
    assert blueprint.stop_order() == [["web"], ["api"], ["alone", "cache", "db"]]


def test_the_wanted_ports_are_one_for_each_replica() -> None:
    blueprint = parse("services: {a: {run: x, ports: [http, admin], replicas: 2}, b: {run: x, ports: [80]}}")

    assert blueprint.ports_wanted() == {
        "a/http/0": 0,
        "a/admin/0": 0,
        "a/http/1": 0,
        "a/admin/1": 0,
        "b/80/0": 80,
    }
    assert set(blueprint.ports_wanted({"a": 0})) == {"a/http/0", "a/admin/0", "b/80/0"}


def test_the_limits_of_services_and_replicas_can_be_reached() -> None:
    services = {f"s{n}": {"run": "x", "replicas": 20} for n in range(100)}

    assert check({"services": services}).problems == ()
