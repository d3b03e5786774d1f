"""What the `audit` commands do."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from app.audit.findings import Report
from app.audit.offline import ExportInvalid, verify_export
from app.cli import output
from app.cli.api import Api
from app.cli.exits import CliError, Exit, this_command
from app.cli.where import Where


def export(place: Where, file: Path | None, *, personal: bool) -> None:
    """Writes the whole export or, into a file, nothing."""
    path = f"/v1/audit/export?personal={'true' if personal else 'false'}"
    with Api(place) as api, _target(file) as target:
        for piece in api.download(path):
            target.write(piece)
    if file is not None:
        output.note(f"Wrote {file}. Next: {this_command()} audit verify {file}")


@contextlib.contextmanager
def _target(file: Path | None) -> Iterator[BinaryIO]:
    if file is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    except OSError as error:
        raise CliError(f"{file} cannot be written: {error.strerror}.", exit_code=Exit.USAGE) from None
    try:
        with os.fdopen(handle, "wb") as target:
            yield target
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def verify(file: str, keys: Path | None, checkpoint: Path | None, *, as_json: bool) -> None:
    """Prints what an export proves; ends with code 1 when something is wrong."""
    trusted = _keys(keys) if keys is not None else None
    since = _text(checkpoint) if checkpoint is not None else None
    try:
        with _source(file) as lines:
            report = verify_export(lines, keys=trusted, since=since)
    except ExportInvalid as error:
        raise CliError(error.message, f"{this_command()} audit export --output audit.ndjson") from None
    if as_json:
        output.write_json(report.document())
    else:
        _show(report)
    if not report.valid:
        raise CliError(f"The log is not what was recorded: {len(report.findings) + report.more} findings.")


def _show(report: Report) -> None:
    for warning in report.warnings:
        output.note(f"warning: {warning}", "yellow")
    rows = [
        (str(found.kind), _place(found.sequence, found.last_sequence), found.event_id or "-", found.message)
        for found in report.findings
    ]
    if rows:
        output.table(("FINDING", "NUMBER", "EVENT", "WHAT"), rows, last_folds=True)
        if report.more:
            output.note(f"… and {report.more:,} more.")
        return
    signed = f"{report.signed_size:,} of them signed" if report.signed_size else "none of them signed"
    output.write_text(f"{report.origin}: {report.events:,} events, {signed}, {report.checkpoints:,} checkpoints: valid")


def _place(first: int, last: int) -> str:
    if not first:
        return "-"
    return str(first) if last == first else f"{first}-{last}"


@contextlib.contextmanager
def _source(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        source = Path(file).open("rb")  # noqa: SIM115 - closed below; a context manager would catch the reader's errors
    except OSError as error:
        raise CliError(f"{file} cannot be read: {error.strerror}.", exit_code=Exit.USAGE) from None
    with source:
        yield source


def _keys(path: Path) -> list[dict[str, Any]]:
    """The keys of a JWK set, or of a list of JWKs."""
    try:
        found = orjson.loads(_text(path))
    except orjson.JSONDecodeError as error:
        raise CliError(f"{path} is not JSON: {error}.", exit_code=Exit.USAGE) from None
    keys = found.get("keys") if isinstance(found, dict) else found
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise CliError(f"{path} holds no JWKs: neither a set (`keys`) nor a list.", exit_code=Exit.USAGE)
    return keys


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise CliError(f"{path} cannot be read: {why}.", exit_code=Exit.USAGE) from None
