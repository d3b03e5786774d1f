"""The settings as a command reads them."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from app.cli.exits import CliError, Exit
from app.settings import Settings


def read_settings(**given: Any) -> Settings:
    """The settings: what was given, then `SOUNDSTAGE_…`, then the defaults; raises `CliError`."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        message = f"The setting {name} (SOUNDSTAGE_{name.upper()}) is not valid: {first['msg']}."
        raise CliError(message, exit_code=Exit.USAGE) from None
