"""The secrets that a service brings: `${secrets.NAME}` in any service of its session."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from app.core.vault import Vault
from app.services.errors import BadService
from app.services.models import SessionService

MOST, LARGEST = 50, 64 * 1024
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


def sealed(given: Mapping[str, str], vault: Vault) -> tuple[list[str], str]:
    """The names as they are kept, and the sealed values; raises `BadService`."""
    if len(given) > MOST or sum(len(value) for value in given.values()) > LARGEST:
        raise BadService(f"A service brings at most {MOST} secrets, which have {LARGEST // 1024} KiB together.")
    for name, value in given.items():
        if not _NAME.fullmatch(name) or "\0" in value:
            raise BadService(f"{name[:80]!r} is no name of a secret, or its value holds a NUL character.")
    return list(given), vault.seal(given)


def opened(services: Sequence[SessionService], vault: Vault) -> dict[str, str]:
    """The secrets of all these services."""
    return {name: value for service in services for name, value in vault.open(service.secrets).items()}
