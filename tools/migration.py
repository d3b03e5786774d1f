"""Writes a migration from the difference between the tables and the newest revision: for people, then to be read."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command

import app.tables
from app.database.migrate import configuration, newest_revision, upgrade


def main() -> None:
    """`python -m tools.migration "add a column"`."""
    if len(sys.argv) != 2 or not app.tables.MODELS:
        sys.exit('usage: python -m tools.migration "what it does"')
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'empty.db'}"
        upgrade(url)
        number = f"{int(newest_revision()) + 1:04d}"
        command.revision(configuration(url), message=sys.argv[1], autogenerate=True, rev_id=number)


if __name__ == "__main__":
    main()
