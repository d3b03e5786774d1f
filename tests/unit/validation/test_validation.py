"""Documents are validated as graphql-core does it, faster."""

from __future__ import annotations

import re
import time
from pathlib import Path
from random import Random

from graphql import GraphQLError, parse, specified_rules, validate
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from resolvers.limits import Limits
from resolvers.schema import build_schema
from resolvers.validation import validate_document
from tests.support.graphql_core import FETCHED_ONLY, run_suite

SCHEMA = build_schema()._schema
RULES = (*specified_rules, Limits)
#: Names in documents: put together by chance, they are wrong in all kinds of ways.
WORDS = re.findall(
    r"\w+",
    """organization id name environments environment nodes pageInfo first status RUNNING Environment Node Organization
    __typename __schema createEnvironment input nothing F A Int String ID""",
)
#: Beginnings of operations.
HEADS = ["", "query A", "query A($a: ID!, $b: [Int])", "mutation B($c: String = null)", "subscription"]


@FETCHED_ONLY
def test_all_of_graphql_cores_tests_of_validation_pass_in_one_walk() -> None:
    passed, told = run_suite("one_walk", Path(__file__).parent, "tests/validation")

    walked = re.search(r"walked: (\d+)", told)
    assert passed > 500
    assert walked is not None
    assert int(walked[1]) > 500


def test_documents_of_random_words_are_told_the_same_errors() -> None:
    random, parsed, wrong = Random(5), 0, 0
    while parsed < 400:
        try:
            document = parse(_document(random))
        except GraphQLError:
            continue
        parsed += 1
        expected = validate(SCHEMA, document, [*RULES, MaybeNullValidationRule, OneOfInputValidationRule])
        assert _told(validate_document(SCHEMA, document, RULES)) == _told(expected)
        wrong += bool(expected)
    assert wrong > 100


def test_errors_end_at_a_hundred_and_depth_at_the_stack() -> None:
    many = parse("{" + " ".join(f"nothing{number}" for number in range(150)) + "}")

    told = validate_document(SCHEMA, many, tuple(specified_rules))

    assert len(told) == 101
    assert told[-1].message == "Too many validation errors, error limit reached. Validation aborted."


def test_one_walk_takes_less_than_all_rules_at_all_nodes() -> None:
    document = parse("{ environments(first: 5) { nodes { id name status } pageInfo { hasNextPage endCursor } } }")
    rules = (*RULES, MaybeNullValidationRule, OneOfInputValidationRule)

    ours, theirs = (
        min(_seconds(run) for _ in range(20))
        for run in (lambda: validate_document(SCHEMA, document, RULES), lambda: validate(SCHEMA, document, rules))
    )

    assert ours < theirs


def _seconds(run: object) -> float:
    assert callable(run)
    began = time.process_time()
    run()
    return time.process_time() - began


def _told(errors: list[GraphQLError]) -> list[object]:
    return [(error.message, error.locations, error.extensions) for error in errors]


def _document(random: Random) -> str:
    """Mostly right by its grammar, seldom by its types."""
    fields = " ".join(_field(random, 3) for _ in range(random.randint(1, 4)))
    head = random.choice(
        ["", "query A", "query A($a: ID!, $b: [Int])", "mutation B($c: String = null)", "subscription"]
    )
    fragment = f" fragment F on {random.choice(WORDS)} {{ {_field(random, 2)} }}" if random.random() < 0.4 else ""
    return f"{head} {{ {fields} }}{fragment}"


def _field(random: Random, depth: int) -> str:
    if random.random() < 0.1:
        return random.choice(["...F", "...G", "... on Environment { id }", "... @include(if: $a) { id }"])
    name = random.choice(WORDS)
    alias = f"{random.choice('ab')}: " if random.random() < 0.2 else ""
    argument = random.choice(["", "", "", "(id: $a)", "(first: 1)", '(input: {x: "y"})', "(id: 1, id: 2)"])
    directive = random.choice(["", "", "", " @skip(if: true)", " @skip", " @nothing"])
    inner = " ".join(_field(random, depth - 1) for _ in range(random.randint(1, 3))) if depth else ""
    return f"{alias}{name}{argument}{directive}" + (f" {{ {inner} }}" if inner and random.random() < 0.7 else "")
