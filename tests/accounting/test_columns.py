"""Every column of every table is classified for the audit log, in `columns.tsv`.

`track`: a change of it is told in the audit log. `ignore`: bookkeeping that changes by itself, or never. `secret`: its
value must appear in no answer, no log line and no audit event.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.database.statements import statement
from app.database.unit_of_work import UnitOfWork
from app.tables import METADATA
from tests.support.samples import SAMPLES, Facts, Sample, document, facts, root_fields
from tests.support.serving import Served

TABLE = Path(__file__).with_name("columns.tsv")
CLASSES = {"track", "ignore", "secret"}

with TABLE.open(encoding="utf-8") as lines:
    ROWS = {(row["table"], row["column"]): row["class"] for row in csv.DictReader(lines, delimiter="\t")}

COLUMNS = {(table.name, column.name) for table in METADATA.tables.values() for column in table.columns}


def test_every_column_is_classified() -> None:
    missing = "\n".join("\t".join((*column, "track|ignore|secret")) for column in sorted(COLUMNS - set(ROWS)))
    stale = sorted(set(ROWS) - COLUMNS)

    assert not missing, f"add to {TABLE.name}:\n{missing}"
    assert not stale, f"take from {TABLE.name}: {stale}"


def test_the_classes_are_the_three() -> None:
    assert set(ROWS.values()) == CLASSES


def test_what_sounds_secret_is_classified_as_secret() -> None:
    loud = {"hash", "secrets", "secret", "token", "password", "private_key"}

    assert [column for column, kind in ROWS.items() if column[1] in loud and kind != "secret"] == []


@pytest.mark.anyio
async def test_a_secret_column_appears_in_no_answer(server: Served) -> None:
    secrets = {"name": "PASSWORD", "value": "hunter2-is-long-enough"}
    service = {"run": "serve", "env": {"PASSWORD": "${secrets.PASSWORD}"}}
    made = await server.running(blueprint={"services": {"web": service}}, secrets=[secrets])
    known = await facts(server, Sample(given="terminated"))
    stored = await _secret_values(server)
    assert len(stored) >= 2, "the environment's sealed secrets and the key's hash"

    answers = [json.dumps(await server.ask(document(name, given), given)) for name, given in _asked(known)]
    answers += [
        json.dumps(await server.ask(document(name, given), given))
        for name, given in _asked(Facts({"environment": made}))
    ]
    answers += [(await server.get(f"/v1/environments/{made}")).text]

    hidden = [*stored, secrets["value"], server.key or ""]
    assert [value for value in hidden if any(value in answer for answer in answers)] == []


def _asked(known: Facts) -> list[tuple[str, dict[str, Any]]]:
    names = [name for name in root_fields() if not name.startswith("Subscription.") and name in SAMPLES]
    return [(name, SAMPLES[name].arguments(known)) for name in names]


async def _secret_values(server: Served) -> list[str]:
    """What stands in the secret columns."""
    work, values = UnitOfWork(server.product.database, None), []
    for name, column in (key for key, kind in ROWS.items() if kind == "secret"):
        rows = await work.all(statement(select(METADATA.tables[name].c[column]), dict[str, Any]))
        values += [row[column] for row in rows if row[column]]
    return values
