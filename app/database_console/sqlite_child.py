"""A SQLite database in a process of its own: `sqlite_child.py PATH DEVICE INODE ro|rw`, JSON lines on stdin and stdout.

What a file or a statement does to SQLite, it does to this process alone, whose memory and time are bounded.
Run as a file of its own with `python -I -S`: it may import nothing of ours.
"""

import base64
import contextlib
import json
import math
import os
import resource
import signal
import sqlite3
import sys
import time
from typing import Any

MEMORY = 256 * 1024 * 1024
LARGEST_NUMBER = 2**53 - 1
LONGEST_VALUE = 256 * 1024
BUSY_SECONDS = 2.0
#: Steps of SQLite's machine between two looks at the time.
STEPS = 5_000
#: The largest text, row, statement, expression and pattern that SQLite makes.
LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 32 * 1024 * 1024,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 256 * 1024,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 500,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 100,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1_000,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE}
#: Neither reading nor changing: other files, other transactions than the one that a statement is run in.
REFUSED = {
    sqlite3.SQLITE_ATTACH,
    sqlite3.SQLITE_DETACH,
    sqlite3.SQLITE_TRANSACTION,
    sqlite3.SQLITE_SAVEPOINT,
}
PRAGMAS = {
    "table_info",
    "table_xinfo",
    "table_list",
    "index_list",
    "index_info",
    "index_xinfo",
    "foreign_key_list",
    "foreign_key_check",
    "collation_list",
    "encoding",
    "page_count",
    "page_size",
    "freelist_count",
    "user_version",
    "application_id",
    "schema_version",
    "compile_options",
    "quick_check",
    "integrity_check",
}
TOO_LARGE = {"error": "too_large", "message": "It needs more memory than it may have."}
FUNCTIONS_REFUSED = {"load_extension", "fts3_tokenizer"}


class Refused(Exception):
    """Told to the parent by its code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Child:
    def __init__(self, path: str, device: int, inode: int, write: bool) -> None:
        self.write = write
        self.deadline = time.monotonic() + BUSY_SECONDS
        self.stopped = False
        self.refused = ""
        self.cut_values = 0
        mode = "rw" if write else "ro"
        self.connection = sqlite3.connect(
            "file:" + _quoted(path) + "?mode=" + mode, uri=True, isolation_level=None, timeout=BUSY_SECONDS
        )
        if (device, inode) not in _opened():
            raise Refused("moved", "The file was replaced while it was opened.")
        for limit, value in LIMITS.items():
            self.connection.setlimit(limit, value)
        self.connection.text_factory = lambda data: data.decode(errors="replace")
        self.connection.set_progress_handler(self._look, STEPS)
        for pragma in ("temp_store=MEMORY", "trusted_schema=OFF", "cell_size_check=ON", "mmap_size=0"):
            self.connection.execute("PRAGMA " + pragma)
        self.connection.execute("PRAGMA foreign_keys=ON" if write else "PRAGMA query_only=ON")
        signal.signal(signal.SIGTERM, self._stop)

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """What the parent is told."""
        self.deadline = time.monotonic() + asked["seconds"]
        self.refused, self.cut_values = "", 0
        try:
            return self._do(asked)
        except Refused as error:
            return {"error": error.code, "message": str(error)}
        except sqlite3.Error as error:
            return {"error": self._code(error), "message": str(error)[:500]}
        except MemoryError:
            return TOO_LARGE
        except (OverflowError, ValueError) as error:
            return {"error": "failed", "message": str(error)[:500]}

    # What is asked.

    def _do(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked["do"] == "run":
            return self._run(asked)
        return self._names(asked) if asked["do"] == "names" else self._one(asked)

    def _names(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Tables and views by name, behind one of them."""
        found = self.connection.execute(
            "SELECT name, type FROM main.sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' "
            "ESCAPE '\\' AND name > ? ORDER BY name LIMIT ?",
            (asked["after"], asked["limit"]),
        ).fetchall()
        return {"tables": [self._table(name, kind) for name, kind in found]}

    def _one(self, asked: dict[str, Any]) -> dict[str, Any]:
        """One of them, or none."""
        found = self.connection.execute(
            "SELECT name, type FROM main.sqlite_master WHERE type IN ('table', 'view') AND name = ?", (asked["name"],)
        ).fetchone()
        return {"tables": [self._table(*found)] if found else []}

    def _run(self, asked: dict[str, Any]) -> dict[str, Any]:
        """One statement, in a transaction of its own."""
        self.connection.execute("BEGIN")
        try:
            self.connection.set_authorizer(self._authorize)
            cursor = self.connection.execute(asked["sql"], [_bound(value) for value in asked["parameters"]])
            rows, cut = self._rows(cursor, asked["rows"], asked["bytes"])
            columns = [each[0] for each in cursor.description or ()]
            changed = cursor.rowcount if self.write and cursor.rowcount >= 0 else None
            cursor.close()
            self.connection.set_authorizer(None)
            self.connection.execute("COMMIT")
        except BaseException:
            self.connection.set_authorizer(None)
            with contextlib.suppress(sqlite3.Error):
                self.connection.rollback()
            raise
        return {"columns": columns, "rows": rows, "changed": changed, "cut": cut, "cut_values": self.cut_values}

    # Within.

    def _table(self, name: str, kind: str) -> dict[str, Any]:
        columns = self._pragma('SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?)', name)
        keys = self._pragma(
            'SELECT id, seq, "table", "from", "to", on_update, on_delete FROM '
            "pragma_foreign_key_list(?) ORDER BY id, seq",
            name,
        )
        indexes = self._pragma('SELECT name, "unique", origin FROM pragma_index_list(?) ORDER BY name', name)
        parts = "SELECT name FROM pragma_index_xinfo(?) WHERE key = 1 ORDER BY seqno"
        definition = "SELECT sql FROM main.sqlite_master WHERE type = 'index' AND name = ?"
        return {
            "name": name,
            "kind": kind,
            "columns": columns,
            "foreign_keys": keys,
            "indexes": [
                [*index, [part[0] for part in self._pragma(parts, index[0])], self._pragma(definition, index[0])]
                for index in indexes
            ],
        }

    def _pragma(self, sql: str, name: str) -> list[Any]:
        return self.connection.execute(sql, (name,)).fetchall()

    def _rows(self, cursor: sqlite3.Cursor, most: int, most_bytes: int) -> tuple[list[list[Any]], str | None]:
        rows: list[list[Any]] = []
        size = 0
        for found in cursor:
            if len(rows) == most:
                return rows, "rows"
            row = [self._plain(value) for value in found]
            size += sum(_weight(value) for value in row) + 2
            if size > most_bytes:
                return rows, "bytes"
            rows.append(row)
        return rows, None

    def _plain(self, value: Any) -> Any:
        if isinstance(value, int):
            return value if abs(value) <= LARGEST_NUMBER else str(value)
        if isinstance(value, float) and not math.isfinite(value):
            return "Infinity" if value > 0 else "-Infinity"
        if isinstance(value, (str, bytes)) and len(value) > LONGEST_VALUE:
            self.cut_values += 1
            value = value[:LONGEST_VALUE]
        if isinstance(value, bytes):
            return {"base64": base64.b64encode(value).decode()}
        return value

    def _authorize(self, action: int, first: str | None, second: str | None, _database: Any, _trigger: Any) -> int:
        if action in READING:
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION:
            allowed = (second or "").lower() not in FUNCTIONS_REFUSED
        elif action == sqlite3.SQLITE_PRAGMA:
            allowed = (first or "").lower() in PRAGMAS and (second is None or _is_about(first or ""))
        else:
            allowed = self.write and action not in REFUSED
            if not allowed and action not in REFUSED:
                self.refused = "read_only"
                return sqlite3.SQLITE_DENY
        if not allowed:
            self.refused = "refused"
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY

    def _look(self) -> bool:
        return self.stopped or time.monotonic() > self.deadline

    def _stop(self, *_: Any) -> None:
        self.stopped = True

    def _code(self, error: sqlite3.Error) -> str:
        if self.refused:
            return self.refused
        name = getattr(error, "sqlite_errorname", "") or ""
        if name.startswith("SQLITE_INTERRUPT"):
            return "cancelled" if self.stopped else "timed_out"
        if name == "SQLITE_READONLY":
            return "read_only"
        if name in ("SQLITE_NOTADB", "SQLITE_CORRUPT"):
            return "not_a_database"
        if name in ("SQLITE_TOOBIG", "SQLITE_NOMEM"):
            return "too_large"
        return "failed"


def _is_about(pragma: str) -> bool:
    """Whether a pragma's argument names what is asked about, and sets nothing."""
    return pragma.lower().endswith(("_info", "_xinfo", "_list", "_check"))


def _bound(value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {"base64"}:
        return base64.b64decode(value["base64"])
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    return value


def _weight(value: Any) -> int:
    if isinstance(value, str):
        return (len(value) if value.isascii() else len(value.encode())) + 3
    return len(value["base64"]) + 16 if isinstance(value, dict) else 8


def _opened() -> set[tuple[int, int]]:
    """The files that this process has open, by device and inode."""
    found = set()
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        with contextlib.suppress(OSError):
            status = os.fstat(int(name))
            found.add((status.st_dev, status.st_ino))
    return found


def _quoted(path: str) -> str:
    """A path in a URI of SQLite."""
    return "".join(
        chr(byte) if chr(byte).isalnum() or byte in b"/-_." else f"%{byte:02X}" for byte in os.fsencode(path)
    )


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    path, device, inode, mode = sys.argv[1:]
    try:
        child = Child(path, int(device), int(inode), mode == "rw")
    except Refused as error:
        tell({"error": error.code, "message": str(error)})
        return
    except sqlite3.Error as error:
        tell({"error": "not_opened", "message": str(error)[:500]})
        return
    tell({"ready": True})
    for asked in sys.stdin:
        tell(child.answer(json.loads(asked)))


def tell(told: dict[str, Any]) -> None:
    try:
        line = json.dumps(told)
    except MemoryError:
        line = json.dumps(TOO_LARGE)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
