"""How the repository is laid out: what must not appear, and how large a piece may grow."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import graphql

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("app", "resolvers", "rest_compat")
FILE_LINES = 400
FUNCTION_LINES = 40

#: What may be longer, and why. A line that is no longer needed must go.
LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}


def test_the_folder_named_graphql_holds_documents_only() -> None:
    assert list((ROOT / "graphql").rglob("*.py*")) == []


def test_import_graphql_finds_the_library() -> None:
    assert graphql.__file__ is not None, "graphql-core is not installed: the folder was found as an empty package"
    assert not Path(graphql.__file__).is_relative_to(ROOT / "graphql")


def test_no_tests_folder_shadows_graphql() -> None:
    assert not (ROOT / "tests" / "graphql").exists(), "call it tests/api"


def test_dependencies_point_one_way() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_files_are_short() -> None:
    long = {name: lines for name, lines in _file_lengths() if lines > FILE_LINES}
    _compare(long, LONG_FILES, f"files over {FILE_LINES} lines: split them by meaning")


def test_functions_are_short() -> None:
    long = {name: lines for name, lines in _function_lengths() if lines > FUNCTION_LINES}
    _compare(long, LONG_FUNCTIONS, f"functions over {FUNCTION_LINES} lines: split them by meaning")


def test_nothing_is_left_for_later() -> None:
    marks = re.compile("|".join(("TO" + "DO", "FIX" + "ME", r"\bX" + r"XX\b", "NotImplemented" + "Error")))
    sources = [*_product_files(), *_files("graphql", "*.graphql"), *_files("tools", "*"), *_files("tests", "*.py")]
    found = [
        f"{_name(file)}:{number}: {line.strip()}"
        for file in sources
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        if marks.search(line)
    ]
    assert not found, "\n".join(found)


def test_locks_name_versions_and_hashes_but_no_addresses() -> None:
    locks = [ROOT / "requirements.lock", ROOT / "requirements-dev.lock", *_package_locks()]
    found = [
        f"{_name(lock)}:{number}: {line.strip()}"
        for lock in locks
        for number, line in enumerate(lock.read_text(encoding="utf-8").splitlines(), start=1)
        if "://" in line or '"resolved"' in line
    ]
    assert not found, "\n".join(["Run `make lock`, which leaves addresses out:", *found])


def test_every_locked_package_has_a_hash() -> None:
    for lock in (ROOT / "requirements.lock", ROOT / "requirements-dev.lock"):
        entries = re.split(r"\n(?=[a-z0-9])", lock.read_text(encoding="utf-8"))
        assert [entry.split()[0] for entry in entries if "==" in entry and "--hash=" not in entry] == []
    for lock in _package_locks():
        packages = json.loads(lock.read_text(encoding="utf-8"))["packages"]
        assert [name for name, package in packages.items() if name and "integrity" not in package] == []


def _compare(long: dict[str, int], allowed: dict[str, str], rule: str) -> None:
    new = [f"{name}: {lines}" for name, lines in sorted(long.items()) if name not in allowed]
    assert not new, "\n".join([f"{rule}, or list them above with a reason.", *new])
    unneeded = sorted(set(allowed) - set(long))
    assert not unneeded, f"No longer too long, so take them off the list: {unneeded}"


def _file_lengths() -> Iterator[tuple[str, int]]:
    for file in _product_files():
        yield _name(file), len(file.read_text(encoding="utf-8").splitlines())


def _function_lengths() -> Iterator[tuple[str, int]]:
    for file in _product_files():
        if "migrations" in file.parts:
            continue  # a migration is one list of steps, written once
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                yield f"{_name(file)}:{node.name}", node.end_lineno - node.lineno + 1


def _product_files() -> list[Path]:
    return [file for package in PRODUCT for file in _files(package, "*.py")]


def _files(folder: str, pattern: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob(pattern))
    skipped = {"node_modules", "__pycache__"}
    return [file for file in found if file.is_file() and not skipped.intersection(file.parts)]


def _package_locks() -> list[Path]:
    return [ROOT / "tests/clients/package-lock.json", ROOT / "app/console/source/package-lock.json"]


def _name(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()
