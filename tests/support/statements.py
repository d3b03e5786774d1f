"""Counts the statements that a question takes, and none of those that run beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import pytest

from tests.support.serving import Client, Served

#: Tables that are looked at beside a request: its limit, and who is told of events.
BESIDE = ("rate_windows", "webhook_integrations", "automations")


@contextmanager
def counted_statements(server: Served, client: Client, patch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The statements of this task for the client's organization: the reconciler reads beside it."""
    asking: ContextVar[bool] = ContextVar("asking", default=False)
    statements: list[str] = []
    fetch = server.product.database.fetch

    async def counted(compiled: Any, arguments: Any) -> Any:
        if asking.get() and client.tenant.id in arguments and not any(name in compiled.text for name in BESIDE):
            statements.append(compiled.text)
        return await fetch(compiled, arguments)

    with patch.context() as patched:
        patched.setattr(server.product.database, "fetch", counted)
        asking.set(True)
        yield statements
        asking.set(False)
