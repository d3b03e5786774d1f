"""What is asked of our own database: what of a session runs, and which server we are on ourselves."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, select

from app.database.server import server_identity
from app.database.statements import readable, statement, table
from app.environments.models import Desired, Environment, EnvironmentTable

_environment = table(EnvironmentTable).c

RUNNING_OF_SESSION = statement(
    readable(EnvironmentTable).where(
        _environment.session_id == bindparam("session_id"), _environment.desired == Desired.RUNNING
    ),
    Environment,
)
OWN_SERVER = statement(select(server_identity().label("identity")), dict[str, Any])
