"""Language servers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tests.support.sampling import Facts, Sample
from tests.support.serving import Client


def _of_session(facts: Facts) -> dict[str, Any]:
    return {"sessionId": facts["work_session"]}


SAMPLES: dict[str, Sample] = {
    "Query.languageServers": Sample(_of_session, given="", needs=("work_session",)),
    "Mutation.createLanguageServerTicket": Sample(_of_session, given="", needs=("work_session",)),
}

ROUTE_SAMPLES: dict[str, Any] = {}
PREPARATIONS: dict[str, Callable[[Client], Awaitable[dict[str, str]]]] = {}
