"""Reads an export (see export.py) and verifies it: no server, no database."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson

from app.audit.findings import Report
from app.audit.signing import Jwk
from app.audit.verify import Verifier
from app.core.errors import InvalidRequest

EXPORT_FORMAT = 1


class ExportInvalid(InvalidRequest):
    """This is no export of an audit log, or not a whole one. Export it again."""

    code = "AUDIT_EXPORT_INVALID"


def verify_export(lines: Iterable[bytes], *, keys: Sequence[Jwk] | None = None, since: str | None = None) -> Report:
    """What an export proves. `keys` are those that the reader trusts; without them the export's own count.

    Raises `ExportInvalid` for what is no whole export.
    """
    found = _read(lines)
    kind, header = next(found, ("", None))
    if kind != "header" or not isinstance(header, dict) or header.get("format") != EXPORT_FORMAT:
        raise ExportInvalid("The first line is no header of an audit log's export that this program knows.")
    try:
        trusted = list(header["keys"] if keys is None else keys)
        verifier = Verifier(str(header["origin"]), trusted, size=int(header["size"]), since=since)
        counts = _feed(verifier, found)
    except (KeyError, TypeError, ValueError) as error:
        raise ExportInvalid(f"The export cannot be read: {error!r}.") from error
    if counts is None:
        raise ExportInvalid("The export has no end: it was cut off. Export it again.")
    if keys is None:
        verifier.found.warnings.append(
            "The keys are the export's own: whoever could change the log could have put them there. "
            "Keep the keys elsewhere, and give them with --keys."
        )
    return verifier.report()


def _feed(verifier: Verifier, lines: Iterator[tuple[str, Any]]) -> Any:
    for kind, value in lines:
        if kind == "event":
            verifier.events([value])
        elif kind == "tile":
            verifier.tile(int(value["number"]), base64.b64decode(value["hashes"], validate=True))
        elif kind == "checkpoint":
            verifier.checkpoint(str(value["note"]))
        elif kind == "end":
            return value
    return None


def _read(lines: Iterable[bytes]) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(lines, start=1):
        try:
            [(kind, value)] = orjson.loads(line).items()
        except (ValueError, AttributeError) as error:
            raise ExportInvalid(f"Line {number} is no line of an export.") from error
        yield kind, value
