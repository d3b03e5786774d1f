"""How REST is answered is no matter of the database: what a route reads and writes is asked on both elsewhere."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module", params=["sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    """SQLite; `test_equal` and `test_idempotency` ask every route on both."""
    name: str = request.param
    return name
