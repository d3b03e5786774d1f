"""`keys`: lists, rotates and revokes signing keys, directly in the database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from app.cli import output
from app.cli.exits import CliError, Exit, this_command
from app.cli.settings import read_settings
from app.core.clock import rfc3339
from app.core.errors import NotFound, SoundstageError
from app.core.vault import Vault
from app.database.unit_of_work import UnitOfWork
from app.installation import open_database
from app.settings import Settings
from app.tokens.jwk import Family
from app.tokens.models import SigningKey
from app.tokens.service import SigningKeys

_HEADINGS = ("KID", "FAMILY", "STATE", "SIGNS FROM", "RETIRES", "REVOKED")


def show(data_dir: Path, *, as_json: bool) -> None:
    """All keys."""

    async def read(tokens: SigningKeys) -> Sequence[SigningKey]:
        return await tokens.all()

    _print(_with_keys(data_dir, read), as_json=as_json)


def rotate(data_dir: Path, family: str | None, *, as_json: bool) -> None:
    """The keys that sign next."""
    if family is not None and family not in {*Family}:
        raise CliError(f"--family {family}: it has to be {' or '.join(Family)}.", exit_code=Exit.USAGE)
    families = [Family(family)] if family else list(Family)

    async def act(tokens: SigningKeys) -> Sequence[SigningKey]:
        work, known = UnitOfWork(tokens.database, None), await tokens.all()
        moved = [tokens.rotation(work).rotate(known, one, tokens.clock()) for one in families]
        await work.commit()
        return moved

    _print(_with_keys(data_dir, act), as_json=as_json)


def revoke(data_dir: Path, kid: str, *, as_json: bool) -> None:
    """The key that was dropped."""

    async def act(tokens: SigningKeys) -> Sequence[SigningKey]:
        work = UnitOfWork(tokens.database, None)
        dropped = tokens.rotation(work).revoke(await tokens.all(), kid, tokens.clock())
        await work.commit()
        return [dropped]

    _print(_with_keys(data_dir, act), as_json=as_json)


def _with_keys(data_dir: Path, act: Callable[[SigningKeys], Awaitable[Sequence[SigningKey]]]) -> Sequence[SigningKey]:
    settings = read_settings(data_dir=data_dir)
    # A key that is sealed with another secret could be used by no server.
    if not (data_dir / "secret.key").exists():
        raise CliError(
            f"There is no installation in {data_dir}: secret.key is missing.",
            f"{this_command()} keys list --data-dir DIR   with the server's own directory",
            exit_code=Exit.USAGE,
        )
    try:
        return asyncio.run(_act_on(settings, act))
    except NotFound as error:
        raise CliError(error.message, f"{this_command()} keys list", exit_code=Exit.USAGE) from None
    except SoundstageError as error:
        raise CliError(error.message) from None


async def _act_on(
    settings: Settings, act: Callable[[SigningKeys], Awaitable[Sequence[SigningKey]]]
) -> Sequence[SigningKey]:
    database = await open_database(settings)
    try:
        vault = Vault.at(settings.data_dir / "secret.key")
        return await act(await SigningKeys(database, vault, issuer=settings.own_issuer).open())
    finally:
        await database.close()


def _print(keys: Sequence[SigningKey], *, as_json: bool) -> None:
    if as_json:
        output.write_json([_as_dict(key) for key in keys])
        return
    rows = [["" if value is None else str(value) for value in _as_dict(key).values()] for key in keys]
    output.table(_HEADINGS, rows)


def _as_dict(key: SigningKey) -> dict[str, Any]:
    moments = {name: getattr(key, name) for name in ("activates_at", "retires_at", "revoked_at")}
    shown = {name: rfc3339(moment) if moment else None for name, moment in moments.items()}
    return {"kid": key.kid, "family": key.family.value, "state": key.state.value, **shown}
