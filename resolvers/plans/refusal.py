"""What is not planned, and what a fast path gives up at."""

from __future__ import annotations


class Unsupported(Exception):
    """An operation that graphql-core has to run. `reason` is one of a few words: a label of a metric."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Surprise(Exception):
    """A value that is not what its type leads to expect: it is completed again, by what can tell why."""
