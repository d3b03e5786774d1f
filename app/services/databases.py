"""The `database` block of a service: how its database is reached."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.core.vault import Vault
from app.services.errors import BadService
from app.services.models import DatabaseAccess, DatabaseEngine, SessionService

#: Where nothing else is said.
HOST, PORT = "127.0.0.1", 5432
LONGEST = 255
_PASSWORD = "password"  # noqa: S105 - its name in the vault
#: What a stored password belongs to: with another one of these it is not sent anywhere.
_PLACE = ("engine", "host", "port", "user")


@dataclass(frozen=True, slots=True)
class GivenDatabase:
    """A `database` block as a client sends it."""

    engine: DatabaseEngine
    host: str | None = None
    port: int | None = None
    database: str | None = None
    user: str | None = None
    #: None: keep the stored one, where nothing else changes whom it is shown to.
    password: str | None = field(default=None, repr=False)
    path: str | None = None


def stored(given: GivenDatabase, vault: Vault, before: SessionService | None = None) -> tuple[dict[str, Any], str]:
    """The block as it is kept, and its sealed password; raises `BadService`."""
    block = _sqlite(given) if given.engine is DatabaseEngine.SQLITE else _postgresql(given)
    if given.password is not None:
        return block, vault.seal({_PASSWORD: _text("password", given.password)} if given.password else {})
    kept = before is not None and before.database is not None and _same_place(before.database, block)
    return block, before.sealed if kept and before is not None else ""


def access(service: SessionService, vault: Vault, own_port: int | None) -> DatabaseAccess:
    """The block with its password. `own_port` is what the service itself listens on, if it does."""
    block: Mapping[str, Any] = service.database or {}
    engine = DatabaseEngine(block["engine"])
    if engine is DatabaseEngine.SQLITE:
        return DatabaseAccess(engine, path=block["path"])
    return DatabaseAccess(
        engine,
        host=block["host"] or HOST,
        port=block["port"] or (own_port if not block["host"] and own_port else PORT),
        database=block["database"],
        user=block["user"],
        password=vault.open(service.sealed).get(_PASSWORD, ""),
    )


def _same_place(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    return all(before.get(name) == after.get(name) for name in _PLACE)


def _postgresql(given: GivenDatabase) -> dict[str, Any]:
    if given.path:
        raise BadService("`path` is for SQLite; PostgreSQL takes `host`, `port`, `database` and `user`.")
    if given.port is not None and not 1 <= given.port <= 65_535:
        raise BadService("A database's port is from 1 to 65535.")
    database, user = _text("database", given.database or ""), _text("user", given.user or "")
    if not database or not user:
        raise BadService("A PostgreSQL database needs `database` and `user`.")
    host = _text("host", given.host or "")
    if any(mark in host for mark in "/@?# ,"):
        raise BadService("A database's host is a name or an address.")
    return {"engine": str(given.engine), "host": host, "port": given.port or 0, "database": database, "user": user}


def _sqlite(given: GivenDatabase) -> dict[str, Any]:
    if any((given.host, given.port, given.database, given.user, given.password)):
        raise BadService("A SQLite database takes `path` and nothing else.")
    path = _text("path", given.path or "")
    clean = posixpath.normpath(path) if path else ""
    if not path or path.startswith("/") or clean in (".", "..") or clean.startswith("../"):
        raise BadService("A SQLite database needs `path`: a file of the working copy, relative to its root.")
    return {"engine": str(given.engine), "path": clean}


def _text(what: str, value: str) -> str:
    if len(value) > LONGEST or not value.isprintable():
        raise BadService(f"A database's {what} has at most {LONGEST} printable characters.")
    return value
