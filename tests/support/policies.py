"""Policies for tests, without a database."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

from app.policies.document import parse_rules, plain_rules
from app.policies.models import Policy, PolicyMode, PolicyScope, PolicyStatus

MOMENT = datetime(2026, 4, 17, 12, 0, tzinfo=UTC)  # a Friday
_numbers = itertools.count(1)


def policy(*rules: dict[str, Any], **fields: Any) -> Policy:
    """A policy in force, with these rules."""
    number = next(_numbers)
    given: dict[str, Any] = {
        "id": f"pol_{number:026d}",
        "organization_id": "org",
        "name": f"policy {number}",
        "description": "",
        "scope": PolicyScope.ORG,
        "target": "",
        "rules": plain_rules(parse_rules(list(rules))),
        "mode": PolicyMode.ENFORCE,
        "status": PolicyStatus.ACTIVE,
        "version": 1,
        "created_by": "usr",
        "created_at": MOMENT,
        "updated_at": MOMENT,
        **fields,
    }
    return Policy(**given)
