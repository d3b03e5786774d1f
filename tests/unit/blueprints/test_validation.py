"""What a check tells, in which words and where."""

from __future__ import annotations

import re
import time

import pytest

from app.blueprints.errors import BlueprintInvalid, BlueprintTooLarge
from app.blueprints.problems import Problem
from app.blueprints.validation import check, parse

JARGON = re.compile(r"pydantic|Input should|instance of|dict|tuple|NoneType|\bstr\b|\bint\b|_type|Traceback", re.I)


def problems(source: str | dict, secrets: list[str] | None = None) -> tuple[Problem, ...]:
    checked = check(source, secrets)
    assert (checked.blueprint is None) == bool(checked.problems)
    for problem in checked.problems:
        assert not JARGON.search(problem.message), problem
    return checked.problems


def only(text: str) -> Problem:
    """The only problem of a Blueprint whose service `web` is this."""
    found = problems(f"services:\n  web: {{{text}}}\n")
    assert len(found) == 1, found
    return found[0]


def test_all_problems_are_told_at_once_in_the_order_of_the_text() -> None:
    source = """
services:
  web:
    comand: serve
    env: {URL: "${services.apii.url}"}
    depends_on: {db: healthy, nothing: started}
  api:
    run: serve
    ports: [http]
    depends_on: {migrate: completed}
    env: {KEY: "${secrets.TOKN}", OTHER: "${services.db.ports.htp}"}
  db:
    run: serve
    ports: [http]
    restart: sometimes
  migrate:
    run: migrate
    health: {http: /, tcp: default}
auto_shutdown: soon
extra: 1
"""
    found = problems(source, ["TOKEN"])

    assert [(p.line, p.column, p.code) for p in found] == [
        (4, 5, "UNKNOWN_KEY"),
        (10, 27, "CONFLICT"),
        (11, 16, "UNKNOWN_SECRET"),
        (15, 14, "INVALID_VALUE"),
        (18, 13, "CONFLICT"),
        (19, 16, "INVALID_VALUE"),
        (20, 1, "UNKNOWN_KEY"),
    ]


def test_a_problem_reads_as_a_sentence_with_its_place() -> None:
    (problem,) = problems("services:\n  web:\n    run: x\n    replica: 2\n")

    assert str(problem) == "4:5 services.web.replica: unknown key `replica`: did you mean `replicas`?"
    assert problem.as_dict() == {
        "line": 4,
        "column": 5,
        "path": "services.web.replica",
        "message": "unknown key `replica`",
        "suggestion": "did you mean `replicas`?",
        "code": "UNKNOWN_KEY",
    }


def test_problems_of_data_have_a_path_and_no_line() -> None:
    (problem,) = problems({"services": {"web": {"run": "x", "ports": [{"name": "http", "prot": 1}]}}})

    assert (problem.line, problem.column, problem.path) == (None, None, "services.web.ports[0].prot")
    assert problem.suggestion == "did you mean `port`?"


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("run: x, environment: {A: 1}", "did you mean `env`?"),
        ("run: x, healthcheck: {test: x}", "did you mean `health`?"),
        ("run: x, stop_signal: SIGINT", "use `shutdown: {signal: …}`"),
        ("run: x, health: {test: x, tcp: default}, ports: [a]", "did you mean `exec`?"),
        ("run: x, HEALTH: {}", "did you mean `health`?"),
        ("run: x, restart: {polcy: always}", "did you mean `policy`?"),
        ("run: x, resources: {mem: 1Mi}", None),
    ],
)
def test_unknown_keys_come_with_the_one_that_was_meant(text: str, suggestion: str | None) -> None:
    problem = only(text)

    assert problem.code == "UNKNOWN_KEY"
    assert problem.suggestion == suggestion or (suggestion is None and "`memory`" in str(problem.suggestion))


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("image: postgres, run: x", "image", "the service has both `run` and `image`"),
        ("env: {A: b}", "", "the service has neither `run` nor `image`"),
        ("image: postgres, build: make", "build", "`build` goes with `run`, not with `image`"),
        ("image: 'repo:$TAG'", "image", "`repo:$TAG` is not the name of an image"),
        ("run: ''", "run", "expected a command as text or as a list of words, got nothing"),
        ("run: []", "run", "the command is empty"),
        ("run: {a: b}", "run", "expected a command as text or as a list of words, got a mapping"),
        ("run: [a, [b]]", "run", "word 2 of the command is a list, not text"),
        ("run: x, env: text", "env", "expected a mapping of variables such as `{LOG_LEVEL: info}`, got text"),
        ("run: x, env: [A=b]", "env", "expected a mapping of variables such as `{LOG_LEVEL: info}`, got a list"),
        ("run: x, env: ", "env", "expected a mapping of variables such as `{LOG_LEVEL: info}`, got nothing"),
        ("run: x, env: {A: }", "env.A", "expected the text of a variable, got nothing"),
        ("run: x, env: {A: [b]}", "env.A", "expected the text of a variable, got a list"),
        ("run: x, ports: http", "ports", "expected a list of ports, got text"),
        ("run: x, ports: 80", "ports", "expected a list of ports, got `80`"),
        ("run: x, ports: [70000]", "ports[0]", "may be at most 65535, got `70000`"),
        ("run: x, ports: [0]", "ports[0]", "has to be at least 1, got `0`"),
        ("run: x, ports: [{name: a, port: '80'}]", "ports[0].port", "expected a whole number, got the text `80`"),
        ("run: x, ports: [a, a]", "ports[1]", "there are two ports named `a`"),
        ("run: x, ports: [default]", "ports[0]", "a port cannot be named `default`, which means the first port"),
        ("run: x, ports: [{}]", "ports[0]", "the key `name` is missing"),
        ("run: x, ports: [80], replicas: 2", "ports[0]", "2 replicas cannot share the fixed port 80"),
        ("run: x, ports: [{name: a, protocol: udp}]", "ports[0].protocol", "expected `http` or `tcp`, got `udp`"),
        ("run: x, replicas: 21", "replicas", "may be at most 20, got `21`"),
        ("run: x, replicas: 0", "replicas", "has to be at least 1, got `0`"),
        ("run: x, replicas: 1.5", "replicas", "expected a whole number, got `1.5`"),
        ("run: x, replicas: true", "replicas", "expected a whole number, got true"),
        ("run: x, completes: 1", "completes", "expected `true` or `false`, got `1`"),
        ("run: x, completes: true, restart: always", "restart", "a service that completes cannot be restarted always"),
        ("run: x, restart: sometimes", "restart", "expected `never`, `on-failure` or `always`, got `sometimes`"),
        ("run: x, restart: {backoff: 1}, health: {}", "health", "the check has no kind"),
        ("run: x, restart: [a]", "restart", "expected a policy such as `always`, or a mapping, got a list"),
        ("run: x, health: text", "health", "expected a mapping such as `{http: /healthz}`, got text"),
        ("run: x, ports: [a], health: {http: healthz}", "health.http", "expected a path, got `healthz`"),
        ("run: x, health: {http: /}", "health.http", "the `http` check needs a port, and the service has none"),
        ("run: x, health: {tcp: default}", "health.tcp", "the `tcp` check needs a port, and the service has none"),
        ("run: x, ports: [a], health: {tcp: b}", "health.tcp", "the service has no port `b`"),
        ("run: x, ports: [a], health: {http: /, port: b}", "health.port", "the service has no port `b`"),
        ("run: x, ports: [a], health: {tcp: a, port: a}", "health.port", "`port` goes with `http` only"),
        (
            "run: x, ports: [a], health: {tcp: a, exec: b}",
            "health",
            "the check has `tcp` and `exec`: it can be of one kind only",
        ),
        (
            "run: x, health: {log: '('}",
            "health.log",
            "`(` is not a regular expression: missing ), unterminated subpattern",
        ),
        ("run: x, health: {log: x, interval: 0}", "health.interval", "the time has to be at least 10ms"),
        (
            "run: x, health: {log: x, interval: 5}, resources: {cpu: much}",
            "resources.cpu",
            "`much` is not an amount of CPU",
        ),
        ("run: x, resources: {memory: 256MB}", "resources.memory", "`256MB` is not a size"),
        ("run: x, resources: {memory: 0}", "resources.memory", "a size is at least 1 byte, and less than 8192 Ti"),
        ("run: x, shutdown: {grace: 5 seconds}", "shutdown.grace", "`5 seconds` is not a time"),
        ("run: x, shutdown: {signal: SIGTREM}", "shutdown.signal", "`SIGTREM` is not a signal"),
        (
            "run: x, volumes: ['./data:/data']",
            "volumes[0]",
            "`./data` is a path of the host; only named volumes can be mounted",
        ),
        (
            "run: x, volumes: ['/data:/data']",
            "volumes[0]",
            "`/data` is a path of the host; only named volumes can be mounted",
        ),
        (
            "run: x, volumes: ['~/data:/data']",
            "volumes[0]",
            "`~/data` is a path of the host; only named volumes can be mounted",
        ),
        ("run: x, volumes: [data]", "volumes[0]", "`data` has no path"),
        ("run: x, volumes: ['data:/data:ro']", "volumes[0]", "`:ro` is not supported"),
        (
            "run: x, volumes: ['data:/a/../../etc']",
            "volumes[0]",
            "`/a/../../etc` is not a path that a volume can have: no `..`, no `~`, no `:` or `$`, at most 1024 characters",  # noqa: E501
        ),
        ("run: x, volumes: ['a:/x', 'b:/x']", "volumes[1]", "the path `/x` is mounted twice"),
        ("run: x, volumes: ['a:/x', 'a:/y']", "volumes[1]", "the volume `a` is mounted twice"),
        ("run: x, env: {SOUNDSTAGE_ID: 1}", "env.SOUNDSTAGE_ID", "`SOUNDSTAGE_ID` is set by Soundstage"),
        ("run: x, ports: [a], env: {PORT: 1}", "env.PORT", "`PORT` is set by Soundstage where a service has ports"),
        ("run: x, depends_on: {web: started}", "depends_on.web", "these services wait for each other: `web` → `web`"),
        (
            "run: x, depends_on: text",
            "depends_on",
            "expected a mapping such as `{db: healthy}`, or a list of services, got text",
        ),
        ("run: x, depends_on: [1]", "depends_on", "expected the name of a service, got `1`"),
        ("run: x, description: 5", "description", "expected text, got `5`"),
    ],
)
def test_a_service_that_is_not_right_is_told_why(text: str, path: str, message: str) -> None:
    problem = only(text)

    assert problem.path == ".".join(filter(None, ("services.web", path)))
    assert problem.message == message
    assert problem.line == 2


def test_a_port_mapping_of_compose_is_explained() -> None:
    problem = only("run: x, ports: ['8080:80']")

    assert "maps a port to another one" in problem.message
    assert problem.suggestion == "write `80` for that very port, or a name such as `http` for a free one"


def test_a_folder_to_build_is_explained() -> None:
    assert "not a folder with a Dockerfile" in only("run: x, build: .").message


@pytest.mark.parametrize(
    ("value", "suggestion"),
    [
        ("service_healthy", "did you mean `healthy`?"),
        ("{condition: service_completed_successfully}", "did you mean `completed`?"),
        ("helthy", "did you mean `healthy`?"),
    ],
)
def test_conditions_of_compose_are_suggested_in_our_words(value: str, suggestion: str) -> None:
    (problem,) = problems(f"services: {{web: {{run: x, depends_on: {{db: {value}}}}}, db: {{run: x}}}}")

    assert problem.suggestion == suggestion


def test_the_names_of_services_have_rules_and_a_suggestion() -> None:
    (problem,) = problems("services:\n  My_Web: {run: x}\n")

    assert (problem.line, problem.column) == (2, 3)
    assert problem.message.startswith("`My_Web` is not a valid name: a name is a lower-case letter")
    assert problem.suggestion == "did you mean `my-web`?"


def test_the_names_of_variables_have_rules() -> None:
    problem = only("run: x, env: {MY-KEY: 1}")

    assert problem.path == "services.web.env.MY-KEY"
    assert problem.suggestion == "did you mean `MY_KEY`?"


def test_a_cycle_is_told_with_its_path() -> None:
    source = """
services:
  db: {run: x}
  web: {run: x, depends_on: [api, db]}
  api: {run: x, depends_on: [worker]}
  worker: {run: x, depends_on: [web]}
  left: {run: x, depends_on: [right]}
  right: {run: x, depends_on: [left]}
"""
    found = problems(source)

    assert {problem.message for problem in found} == {
        "these services wait for each other: `web` → `api` → `worker` → `web`",
        "these services wait for each other: `left` → `right` → `left`",
    }
    assert {problem.code for problem in found} == {"DEPENDENCY_CYCLE"}


def test_conditions_need_what_they_wait_for() -> None:
    source = "services: {a: {run: x, depends_on: {b: healthy, c: completed, bb: started}}, b: {run: x}, c: {run: x}}"

    assert [(problem.message, problem.suggestion) for problem in problems(source)] == [
        ("service `b` has no `health` to wait for", "add `health` to `b`, or wait for `started`"),
        ("service `c` is not one that completes", "add `completes: true` to `c`"),
        ("there is no service `bb`", "did you mean `b`?"),
    ]


def test_one_number_cannot_belong_to_two_services() -> None:
    (problem,) = problems("services: {a: {run: x, ports: [80]}, b: {run: x, ports: [80]}}")

    assert problem.message == "port 80 is already taken by service `a`"


def test_a_service_that_is_not_valid_is_no_unknown_service() -> None:
    found = problems("services: {a: {run: x, depends_on: {b: healthy}, env: {U: '${services.b.url}'}}, b: {runn: x}}")

    assert [problem.code for problem in found] == ["UNKNOWN_KEY"]


@pytest.mark.parametrize(
    ("value", "message", "suggestion"),
    [
        ("${services.dbb.url}", "there is no service `dbb`", "did you mean `${services.db.url}`?"),
        ("${services.db.ulr}", "`${services.db.ulr}` is not a reference", "did you mean `${services.db.url}`?"),
        ("${services.db.ports.mian}", "service `db` has no port `mian`", "did you mean `${services.db.ports.main}`?"),
        ("${services.web.url}", "`${services.web.url}`: service `web` has no ports", "add `ports: [http]` to it"),
        ("${secrets.TOKN}", "there is no secret `TOKN`", "did you mean `${secrets.TOKEN}`?"),
        ("${environment.nam}", "`${environment.nam}` is not a reference", "did you mean `${environment.name}`?"),
        ("${service.db.url}", "`${service.db.url}` is not a reference", "did you mean `${services.…}`?"),
        ("${HOME}", "`${HOME}` is not a reference", "write `$${HOME}` for the text itself"),
        ("${services.db.url", "`${services.db.url` has no closing `}`", None),
        ("${}", "`${}` is not a reference", "write `$${}` for the text itself"),
    ],
)
def test_an_unknown_reference_is_told_with_what_was_meant(value: str, message: str, suggestion: str | None) -> None:
    source = {"services": {"web": {"run": "x", "env": {"A": value}}, "db": {"run": "x", "ports": ["main"]}}}

    (problem,) = problems(source, ["TOKEN"])

    assert (problem.path, problem.message, problem.suggestion) == ("services.web.env.A", message, suggestion)


def test_references_are_checked_wherever_they_are_resolved() -> None:
    wrong = "${services.no.url}"
    service = {
        "run": f"serve {wrong}",
        "build": ["make", wrong],
        "env": {"A": wrong},
        "health": {"exec": f"check {wrong}"},
        "working_dir": wrong,
        "shutdown": {"command": ["bye", wrong]},
    }

    found = problems({"env": {"ALL": wrong}, "services": {"a": service}})

    assert {problem.path for problem in found} == {
        "env.ALL",
        "services.a.run",
        "services.a.build",
        "services.a.env.A",
        "services.a.health.exec",
        "services.a.working_dir",
        "services.a.shutdown.command[1]",
    }


def test_the_shell_keeps_its_own_variables_in_commands() -> None:
    assert problems({"services": {"a": {"run": "echo ${HOME} ${X:-y.z} $$ ${user.name} $PORT"}}}) == ()


def test_secrets_are_only_checked_when_they_are_known() -> None:
    source = "services: {a: {run: x, env: {A: '${secrets.ANY}'}}}"

    assert problems(source) == ()
    assert [problem.code for problem in problems(source, [])] == ["UNKNOWN_SECRET"]


def test_too_many_services_are_one_problem() -> None:
    (problem,) = problems({"services": {f"s{n}": {} for n in range(101)}})

    assert problem.message == "there are 101 services; there may be at most 100"


def test_a_blueprint_without_services_is_refused() -> None:
    assert [problem.message for problem in problems("name: x")] == ["the key `services` is missing"]
    assert [problem.message for problem in problems("services: {}")] == ["there has to be at least one service"]
    assert [problem.message for problem in problems("services: ")] == [
        "expected a mapping of services by their names, got nothing"
    ]
    assert [problem.message for problem in problems("services: {a: }")] == [
        "expected a mapping with `run` or `image`, got nothing"
    ]


def test_problems_have_an_end_and_come_in_time() -> None:
    source = "services:\n  web:\n    run: x\n" + "".join(f"    wrong{n}: 1\n" for n in range(20_000))

    begin = time.perf_counter()
    found = problems(source)

    assert len(found) == 101
    assert found[-1].code == "TOO_MANY_PROBLEMS"
    assert time.perf_counter() - begin < 2


def test_a_problem_in_an_alias_stands_where_it_was_written() -> None:
    (problem,) = problems("services:\n  a: &a\n    run: x\n    env: {A: []}\n")

    assert (problem.line, problem.column) == (4, 14)


def test_parse_gives_the_blueprint_or_raises_with_all_problems() -> None:
    assert parse("services: {a: {run: x}}").services["a"].run == "x"

    with pytest.raises(BlueprintInvalid) as caught:
        parse("services: {a: {runn: x, replicas: 0}}")

    assert (caught.value.code, caught.value.status) == ("BLUEPRINT_INVALID", 422)
    assert [problem["code"] for problem in caught.value.details["problems"]] == ["UNKNOWN_KEY", "INVALID_VALUE"]
    assert "did you mean `run`?" in caught.value.message


def test_parse_says_when_a_blueprint_is_too_large() -> None:
    with pytest.raises(BlueprintTooLarge) as caught:
        parse("x" * 2_000_000)

    assert (caught.value.code, caught.value.status) == ("BLUEPRINT_TOO_LARGE", 413)


def test_data_has_the_same_limits_as_text() -> None:
    deep: dict = {}
    inner = deep
    for _ in range(100):
        inner["a"] = inner = {}
    cyclic: dict = {}
    cyclic["a"] = cyclic

    assert [p.code for p in problems(deep)] == ["TOO_COMPLEX"]
    assert [p.code for p in problems(cyclic)] == ["TOO_COMPLEX"]
    assert [p.code for p in problems({"a": list(range(60_000))})] == ["TOO_COMPLEX"]
    assert [p.code for p in problems({"a": "x" * 2_000_000})] == ["BLUEPRINT_TOO_LARGE"]
    assert [p.code for p in problems({"a": "\0"})] == ["CONTROL_CHARACTER"]
    assert [p.code for p in problems({"a": "\ud800"})] == ["CONTROL_CHARACTER"]
    assert [p.code for p in problems({1: "x"})] == ["INVALID_KEY"]
    assert [p.code for p in problems({"a": object()})] == ["INVALID_VALUE"]
    assert [p.code for p in problems({"a": float("inf")})] == ["INVALID_VALUE"]
