"""Reading YAML: what is refused, where it is said to be, and how fast."""

from __future__ import annotations

import time

import pytest

from app.blueprints.validation import check
from app.blueprints.yaml_source import read


def only_problem(source: str):
    problems = check(source).problems
    assert len(problems) == 1, problems
    return problems[0]


def test_json_is_read_as_well() -> None:
    checked = check('{"services": {"web": {"run": "true", "env": {"A": true}}}}')

    assert checked.blueprint is not None
    assert checked.blueprint.services["web"].env == {"A": "true"}


@pytest.mark.parametrize(
    ("source", "code", "place"),
    [
        ("services: [", "YAML_SYNTAX", (1, 11)),
        ("a: 'b\n", "YAML_SYNTAX", (1, 4)),
        ("", "EMPTY", (1, 1)),
        ("# nothing\n", "EMPTY", (1, 1)),
        ("---\n", "EMPTY", (1, 1)),
        ("- a\n", "NOT_A_MAPPING", (1, 1)),
        ("just text", "NOT_A_MAPPING", (1, 1)),
        ("a: 1\n---\nb: 2\n", "SEVERAL_DOCUMENTS", (2, 1)),
        ("a: !!python/object:os.system x\n", "UNKNOWN_TAG", (1, 4)),
        ("a: !foo x\n", "UNKNOWN_TAG", (1, 4)),
        ("a: !foo [x]\n", "UNKNOWN_TAG", (1, 4)),
        ("a: !!set {x}\n", "UNKNOWN_TAG", (1, 4)),
        ("a: b\x00c\n", "CONTROL_CHARACTER", (1, 5)),
        ("a: b\nc: \x1b[0m\n", "CONTROL_CHARACTER", (2, 4)),
        ("a: \ud800\n", "CONTROL_CHARACTER", (1, 4)),
        ('a: "\\0"\n', "CONTROL_CHARACTER", (1, 4)),
        ("a: &x [*x]\n", "RECURSIVE_ALIAS", (1, 8)),
        ("a: *missing\n", "UNKNOWN_ALIAS", (1, 4)),
    ],
)
def test_what_cannot_be_read_is_told_once_with_its_place(source: str, code: str, place: tuple[int, int]) -> None:
    problem = only_problem(source)

    assert (problem.code, (problem.line, problem.column)) == (code, place)


def test_a_duplicate_key_is_told_at_the_second_one_and_names_the_line_of_the_first() -> None:
    problem = only_problem("services:\n  web: {run: 'true'}\n  web: {run: 'false'}\n")

    assert (problem.line, problem.column, problem.path) == (3, 3, "services.web")
    assert problem.message == "the key `web` is given twice, first in line 2"


@pytest.mark.parametrize("key", ["? [a, b]\n  : x", "? {a: b}\n  : x", "~: x", '"": x'])
def test_keys_that_are_no_text_are_refused(key: str) -> None:
    problems = check(f"services:\n  {key}\n").problems

    assert [problem.code for problem in problems if problem.code == "INVALID_KEY"] == ["INVALID_KEY"]


def test_ten_megabytes_are_refused_without_being_parsed() -> None:
    source = "a: [" + "{" * 10_000_000

    begin = time.perf_counter()
    problem = only_problem(source)

    assert problem.code == "BLUEPRINT_TOO_LARGE"
    assert time.perf_counter() - begin < 0.05


def test_the_limit_counts_bytes_and_not_characters() -> None:
    assert only_problem("a: " + "é" * 600_000).code == "BLUEPRINT_TOO_LARGE"


def billion_laughs() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    return "\n".join(lines)


def merging_laughs() -> str:
    big = "big: &big {" + ", ".join(f"k{n}: 1" for n in range(5000)) + "}"
    return big + "\nx: {<<: [" + ", ".join(["*big"] * 5000) + "]}\n"


def merge_chain() -> str:
    return "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: *a{n - 1}}}\n" for n in range(1, 5000))


@pytest.mark.parametrize(
    "source",
    [
        billion_laughs(),
        merging_laughs(),
        merge_chain(),
        "[" * 500_000,
        "{a: " * 200_000,
        "a: " + "- " * 60,
        "a: [" + "1," * 400_000,
    ],
    ids=["laughs", "merges", "merge-chain", "brackets", "braces", "dashes", "wide"],
)
def test_bombs_are_refused_quickly(source: str) -> None:
    begin = time.perf_counter()
    problem = only_problem(source)

    assert problem.code in ("TOO_COMPLEX", "YAML_SYNTAX")
    assert time.perf_counter() - begin < 0.5


def test_billion_laughs_are_told_as_too_many_values() -> None:
    assert only_problem(billion_laughs()).message == "the Blueprint has more than 50,000 values, aliases written out"


def test_anchors_aliases_and_merge_keys_work() -> None:
    source = """
services:
  a: &base {run: sleep 1, env: &env {A: 1, B: 2}}
  b: {<<: *base, run: sleep 2}
  c: {run: sleep 3, env: {<<: [{B: 5, C: 6}, *env], A: 7}}
"""
    blueprint = check(source).blueprint

    assert blueprint is not None
    assert blueprint.services["b"].run == "sleep 2"
    assert blueprint.services["b"].env == {"A": "1", "B": "2"}
    assert blueprint.services["c"].env == {"A": "7", "B": "5", "C": "6"}


def test_a_merge_of_something_else_is_refused() -> None:
    codes = [problem.code for problem in check("services: {a: {run: x, <<: text}}").problems]

    assert codes == ["INVALID_MERGE"]


def test_words_that_old_yaml_took_for_something_else_are_text() -> None:
    data = read("on: off\ny: yes\nclock: 22:22\noctal: 010\nday: 2024-01-01\nunderscore: 1_000\nbig: 1e999\n").data

    assert data == {
        "on": "off",
        "y": "yes",
        "clock": "22:22",
        "octal": "010",
        "day": "2024-01-01",
        "underscore": "1_000",
        "big": "1e999",
    }


def test_numbers_and_constants_are_what_they_are_elsewhere() -> None:
    data = read("a: [1, -2, 0x10, 1.5, 1e3, true, False, NULL, ~, '1', !!str 1]").data

    assert data == {"a": [1, -2, 16, 1.5, 1000.0, True, False, None, None, "1", "1"]}


def test_a_byte_order_mark_does_no_harm() -> None:
    assert check("\ufeffservices: {a: {run: x}}").blueprint is not None
