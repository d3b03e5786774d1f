"""What is asked of our own database: which server it is on."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from app.database.server import server_identity
from app.database.statements import statement

OWN_SERVER = statement(select(server_identity().label("identity")), dict[str, Any])
