"""`init`: an organization, its owner and a key, written directly to the database."""

from __future__ import annotations

import asyncio

from app.cli import output
from app.cli.exits import CliError, Exit
from app.core.errors import SoundstageError
from app.core.ids import new_id
from app.database.changes import Database
from app.database.unit_of_work import UnitOfWork
from app.identity.models import Plan
from app.identity.repository import FIRST_ORGANIZATION
from app.identity.service import found_organization
from app.installation import make_data_dir, open_database
from app.settings import Settings

REQUESTS_PER_MINUTE = 600_000


async def found(
    database: Database, *, name: str, email: str | None = None, plan: Plan = Plan.ENTERPRISE
) -> dict[str, str]:
    """The ids and the key of a new organization. The first one's owner operates the installation."""
    work = UnitOfWork(database, None)
    is_first = await work.one(FIRST_ORGANIZATION) is None
    founded = found_organization(
        work,
        name=name,
        email=email or f"owner@{new_id('org')}.invalid",
        plan=plan,
        operator=is_first,
        requests_per_minute=REQUESTS_PER_MINUTE if plan is Plan.ENTERPRISE else None,
    )
    await work.commit()
    return {
        "organization_id": founded.organization.id,
        "user_id": founded.user.id,
        "api_key": founded.api_key,
    }


def init(settings: Settings, *, name: str, email: str | None, plan: str, as_json: bool) -> None:
    """Prints what was made; the key is seen this one time."""
    if plan not in {*Plan}:
        raise CliError(f"--plan {plan}: it has to be {', '.join(Plan)}.", exit_code=Exit.USAGE)
    try:
        made = asyncio.run(_found_in(settings, name, email, Plan(plan)))
    except SoundstageError as error:
        raise CliError(error.message) from None
    if as_json:
        output.write_json(made)
        return
    output.write_text("\n".join(f"{key:<16} {value}" for key, value in made.items()))
    output.note("The key is not kept anywhere: note it down now.")
    output.note("next: export SOUNDSTAGE_API_KEY=<the key>")


async def _found_in(settings: Settings, name: str, email: str | None, plan: Plan) -> dict[str, str]:
    make_data_dir(settings.data_dir)
    database = await open_database(settings)
    try:
        return await found(database, name=name, email=email, plan=plan)
    finally:
        await database.close()
