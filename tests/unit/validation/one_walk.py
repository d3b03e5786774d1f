"""A plugin of pytest for graphql-core's own tests of validation: its rules are walked by ours."""

from __future__ import annotations

import sys
from typing import Any

import graphql

from resolvers.validation import Together

_MODULE: Any = sys.modules["graphql.validation.validate"]
assert _MODULE.ParallelVisitor is graphql.ParallelVisitor
WALKED = 0


class Counted(Together):
    """Tells that it was used."""

    def __init__(self, visitors: Any) -> None:
        global WALKED
        WALKED += 1
        super().__init__(visitors)


_MODULE.ParallelVisitor = Counted


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Tells how often."""
    terminalreporter.write_line(f"walked: {WALKED}")
