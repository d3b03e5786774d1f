"""Plans at the first run, and not at the second: so that what most tests do once is done by a plan."""

from __future__ import annotations

import os
from typing import Any

import pytest
from graphql import GraphQLError, parse, specified_rules, validate

from resolvers.limits import Limits
from resolvers.plans.operation import Operation
from resolvers.plans.store import Store

#: `PLAN_FIRST=1 make test`.
WANTED = os.environ.get("PLAN_FIRST") == "1"


def plan_first(patch: pytest.MonkeyPatch) -> None:
    """Plans every valid document when it is first asked for."""
    usual = Store.find

    def find(store: Store, text: str, name: str | None) -> Operation | None:
        introspects = "__schema" in text or "__type(" in text  # which is not valid in production
        if (text, name) not in store._repeated and not introspects and store.trusts(text) and _is_valid(store, text):
            store.seen(text, name)
        return usual(store, text, name)

    patch.setattr(Store, "find", find)


def _is_valid(store: Store, text: str) -> bool:
    try:
        document: Any = parse(text, max_tokens=4_000)
    except GraphQLError:
        return False
    return not validate(store.schema, document, [*specified_rules, Limits])
