"""A test over the source: statements are built in few places, and organizations are kept apart in one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BUILDERS = {"select", "insert", "update", "delete"}
#: Where `organization_id` may be compared: the one place, and the queries that have no table to start from.
COMPARING = {
    "app/database/statements.py",
    "app/identity/repository.py",
    "app/environments/repository.py",
    "app/agents/repository.py",  # an agent beside its organization's switch
    "app/members/repository.py",  # people, who are in no organization, by their memberships
}


def _sources() -> Iterator[tuple[str, str]]:
    for package in ("app", "resolvers", "rest_compat"):
        for file in sorted((ROOT / package).rglob("*.py")):
            if "node_modules" not in file.parts:
                yield file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")


def test_statements_are_built_in_repositories_only() -> None:
    found = [
        f"{name}:{node.lineno}: {node.func.id}(…)"
        for name, text in _sources()
        if not name.startswith("app/database/") and not name.endswith("/repository.py")
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BUILDERS
        if re.search(
            rf"^from sqlalchemy.* import .*\b{node.func.id}\b|^from sqlmodel import .*\b{node.func.id}\b", text, re.M
        )
    ]

    assert not found, "\n".join(["move to the domain's repository.py:", *found])


def test_no_text_of_sql_is_run() -> None:
    pattern = re.compile(r"""["'](SELECT|INSERT INTO|UPDATE|DELETE FROM)\s""")
    found = [
        f"{name}:{number}: {line.strip()}"
        for name, text in _sources()
        if not name.startswith(("app/database/", "app/database_console/"))  # the latter asks other people's databases
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]

    assert found == []


def test_organizations_are_compared_in_one_place() -> None:
    found = {
        name
        for name, text in _sources()
        if re.search(r"(\.c)?\.organization_id\s*==\s*bindparam|\.c\[ORGANIZATION\]\s*==", text)
    }

    assert found <= COMPARING, f"start from readable(…) of app/database/statements.py: {sorted(found - COMPARING)}"
