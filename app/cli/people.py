"""`password`: an account's password, set directly in the database."""

from __future__ import annotations

import asyncio
import getpass
import sys

from app.cli import output
from app.cli.exits import CliError
from app.core.clock import now
from app.core.errors import SoundstageError
from app.database.unit_of_work import UnitOfWork
from app.installation import open_database
from app.settings import Settings
from app.sign_in import passwords, repository
from app.sign_in.service import set_password as write_password


def set_password(settings: Settings, email: str) -> None:
    """Asks for the password and writes it; raises `CliError` for nobody's address or a weak password."""
    if sys.stdin.isatty():
        chosen = getpass.getpass("New password: ")
        if chosen != getpass.getpass("The same again: "):
            raise CliError("The two are not the same. Nothing was changed.")
    else:
        chosen = sys.stdin.readline().rstrip("\r\n")
    try:
        asyncio.run(_set_in(settings, email.strip().lower(), chosen))
    except SoundstageError as error:
        raise CliError(error.message) from None
    output.note(f"The password of {email} is set; sign in at POST /v1/auth/login.")


async def _set_in(settings: Settings, email: str, chosen: str) -> None:
    database = await open_database(settings)
    try:
        work = UnitOfWork(database, None)
        account = await work.one(repository.ACCOUNT_BY_EMAIL, email=email)
        if account is None:
            raise CliError(f"Nobody has the address {email}.")
        passwords.check(chosen, email)
        await write_password(work, account.id, chosen)
        work.write(repository.END_SESSIONS_OF, whose=account.id, but="", moment=now())
        await work.commit()
    finally:
        await database.close()
