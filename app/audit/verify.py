"""Verifies a log without trusting who keeps it: leaves from the events, the tree from the leaves, then the signatures.

Pure: it is fed with events, tiles and checkpoints, from an export or from the tables, and tells what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.audit.canonical import document_leaf, personal_hash
from app.audit.findings import FindingKind, Report
from app.audit.merkle import Peaks
from app.audit.notes import NoteInvalid, SignedCheckpoint, parse_note, unsigned, usable
from app.audit.signing import Jwk
from app.audit.tiles import HASH, WIDTH


@dataclass(frozen=True, slots=True)
class Row:
    """An event as it was found."""

    sequence: int
    id: str
    #: Computed from its fields; empty for what is no event at all.
    leaf: bytes
    #: As it was stored with the event.
    stored: bytes


@dataclass(frozen=True, slots=True)
class Root:
    """A size and a root that both signatures vouch for."""

    size: int
    root: bytes


class Verifier:
    """Feed it, in any order, then ask for the `report`. Holds about 200 bytes for each event."""

    def __init__(self, origin: str, keys: Iterable[Jwk], *, size: int, since: str | None = None) -> None:
        """`size` is what the log says of its own length; `since` a signed checkpoint that was kept elsewhere."""
        self.origin, self.size = origin, size
        self.found = Report(origin)
        self._keys = list(usable(keys))
        self._rows: list[Row] = []
        self._tiles: dict[int, bytes] = {}
        self._roots: list[Root] = []
        if since is not None:
            self._since(since)

    def events(self, documents: Iterable[Mapping[str, Any]]) -> None:
        """Takes events as an export has them: the leaf's fields, `sequence` and `leaf`; `personal` where it is kept."""
        for document in documents:
            self._rows.append(self._row(document))

    def tile(self, number: int, hashes: bytes) -> None:
        """Takes 256 leaf hashes, fewer of the last tile."""
        self._tiles[number] = hashes

    def checkpoint(self, note: str) -> None:
        """Takes a signed checkpoint."""
        signed = self._signed(note, "A checkpoint")
        if signed is not None:
            self.found.checkpoints += 1
            self._roots.append(Root(signed.checkpoint.size, signed.checkpoint.root))

    def report(self) -> Report:
        """What all of it together tells."""
        rows = sorted(self._rows, key=lambda row: row.sequence)
        tiles = self._tile_leaves()
        self.found.events = len(rows)
        dense = [row.sequence for row in rows] == list(range(1, len(rows) + 1))
        computed = _roots([row.leaf for row in rows] if dense else [], self._roots)
        sealed = _roots(tiles, self._roots)
        newest = max((root.size for root in self._roots), default=0)
        if not newest:
            self.found.warnings.append("No signed checkpoint covers any event: only the log itself vouches for it.")
        rows_proven = newest > 0 and self._agree(computed)
        if not self._agree(sealed):
            self._intervals(computed, sealed, rows_proven=rows_proven)
        self._compare(rows, tiles, newest if rows_proven else 0)
        self._lengths(rows, tiles, newest)
        self.found.signed_size = newest if self.found.valid else 0
        self.found.findings.sort(key=lambda finding: finding.sequence)
        return self.found

    def _agree(self, found: Mapping[int, bytes]) -> bool:
        """Whether every signed root is found."""
        return all(found.get(root.size) == root.root for root in self._roots)

    def _tile_leaves(self) -> list[bytes]:
        """The leaf hashes of the tiles, up to the first that is missing."""
        whole, numbers = b"", sorted(self._tiles)
        for number in numbers:
            if len(whole) != number * WIDTH * HASH:
                first = len(whole) // HASH + 1
                self.found.add(FindingKind.TILE, "A tile is missing or cut", first, number * WIDTH)
                break
            whole += self._tiles[number]
        return [whole[at : at + HASH] for at in range(0, len(whole), HASH)]

    def _row(self, document: Mapping[str, Any]) -> Row:
        try:
            leaf = document_leaf(document)
        except (KeyError, ValueError, TypeError):
            leaf = b""
        row = Row(int(document["sequence"]), str(document.get("id", "")), leaf, _hex(document.get("leaf")))
        if document.get("organization_id") != self.origin.partition("/")[2]:
            self.found.add(FindingKind.INSERTED, "The event is of another organization", row.sequence, 0, row.id)
        personal = document.get("personal")
        if personal and not _vouched(personal, document.get("personal_hash")):
            self.found.add(FindingKind.PERSONAL, "The personal data is not what was recorded", row.sequence, 0, row.id)
        return row

    def _since(self, note: str) -> None:
        signed = self._signed(note, "The saved checkpoint")
        if signed is None:
            return
        self._roots.append(Root(signed.checkpoint.size, signed.checkpoint.root))
        if signed.checkpoint.size > self.size:
            message = f"The log has {self.size} events, and had {signed.checkpoint.size} at the saved checkpoint"
            self.found.add(FindingKind.MISSING, message, self.size + 1, signed.checkpoint.size)

    def _signed(self, note: str, what: str) -> SignedCheckpoint | None:
        """The checkpoint where origin and both signatures are right; a finding where not."""
        try:
            signed = parse_note(note)
        except NoteInvalid as error:
            self.found.add(FindingKind.CHECKPOINT, f"{what} cannot be read: {error}")
            return None
        size, wrong = signed.checkpoint.size, unsigned(signed, self._keys)
        if signed.checkpoint.origin != self.origin:
            message = f"{what} is of another log, {signed.checkpoint.origin}"
            self.found.add(FindingKind.CHECKPOINT, message, size)
            return None
        if wrong:
            message = f"{what} of size {size} has no valid signature by a known key of {' and '.join(wrong)}"
            self.found.add(FindingKind.CHECKPOINT, message, size)
            return None
        return signed

    def _intervals(self, computed: Mapping[int, bytes], sealed: Mapping[int, bytes], *, rows_proven: bool) -> None:
        """Where the tiles part from what was signed: only they, or the events too, and no tile tells which."""
        parting = _parting(self._roots, sealed)
        if rows_proven:
            first, last = parting or (1, max(root.size for root in self._roots))
            self.found.add(FindingKind.TILE, f"The tiles of events {first} to {last} are not as signed", first, last)
        elif parting := _parting(self._roots, computed) or parting:
            first, last = parting
            message = f"Some event of {first} to {last} is not what the checkpoint of size {last} signed"
            self.found.add(FindingKind.INTERVAL, message, first, last)

    def _compare(self, rows: Sequence[Row], tiles: Sequence[bytes], proven: int) -> None:
        """Each event with what was sealed in its place. The first `proven` are right by the newest root."""
        places = {leaf: place for place, leaf in enumerate(tiles)}
        present = {row.leaf for row in rows}
        altered: set[int] = set()
        moved: list[tuple[Row, int]] = []
        for row in rows:
            expected = tiles[row.sequence - 1] if 1 <= row.sequence <= len(tiles) else None
            if row.sequence <= proven or row.leaf == expected:
                if row.leaf != row.stored:
                    self.found.add(FindingKind.ALTERED, "The stored leaf was changed", row.sequence, 0, row.id)
            elif row.leaf in places:
                moved.append((row, places[row.leaf] + 1))
            elif expected is not None and expected in present:
                self.found.add(FindingKind.INSERTED, "The event was never sealed", row.sequence, 0, row.id)
            elif expected is not None or row.leaf != row.stored:
                altered.add(row.sequence)
                self.found.add(FindingKind.ALTERED, "The event was changed", row.sequence, 0, row.id)
        self._moved(moved)
        if proven < len(tiles):
            self._gone([place + 1 for place, leaf in enumerate(tiles) if leaf not in present], altered)

    def _moved(self, moved: Sequence[tuple[Row, int]]) -> None:
        """Neighbours that moved by the same number of places are told together."""
        runs: list[list[tuple[Row, int]]] = []
        for row, origin in moved:
            if runs and (runs[-1][-1][0].sequence, runs[-1][-1][1]) == (row.sequence - 1, origin - 1):
                runs[-1].append((row, origin))
            else:
                runs.append([(row, origin)])
        for run in runs:
            (first, began), (last, ended) = run[0], run[-1]
            message = f"The event was sealed as number {began}"
            if len(run) > 1:
                message = f"The events were sealed as numbers {began} to {ended}"
            self.found.add(FindingKind.MOVED, message, first.sequence, last.sequence, first.id)

    def _gone(self, sequences: Iterable[int], altered: set[int]) -> None:
        for sequence in sequences:
            if sequence not in altered:
                self.found.add(FindingKind.MISSING, f"The event that was sealed as number {sequence} is gone", sequence)

    def _lengths(self, rows: Sequence[Row], tiles: Sequence[bytes], newest: int) -> None:
        """What no tile covers: gaps and doubles among new events, and the log's own number."""
        last = len(tiles)
        for row in rows:
            if row.sequence > len(tiles):
                if row.sequence > self.size or row.sequence == last:
                    self.found.add(FindingKind.INSERTED, "The log does not count it", row.sequence, 0, row.id)
                elif row.sequence > last + 1:
                    self._missing(last + 1, row.sequence - 1)
                last = row.sequence
        if self.size > last:
            self._missing(last + 1, self.size)
        covered = max(len(tiles), newest)
        if self.size < covered:
            message = f"The log says that it has {self.size} events; {covered} were sealed"
            self.found.add(FindingKind.LENGTH, message, self.size + 1, covered)

    def _missing(self, first: int, last: int) -> None:
        message = f"Event {first} is gone" if first == last else f"Events {first} to {last} are gone"
        self.found.add(FindingKind.MISSING, message, first, last)


def _roots(leaves: Sequence[bytes], wanted: Iterable[Root]) -> dict[int, bytes]:
    """The roots at the wanted sizes, as far as there are leaves."""
    sizes = {root.size for root in wanted}
    peaks, found = Peaks(), {}
    for leaf in leaves:
        peaks.add(leaf)
        if peaks.size in sizes:
            found[peaks.size] = peaks.root
    return found


def _parting(signed: Iterable[Root], found: Mapping[int, bytes]) -> tuple[int, int] | None:
    """The events between the last root that agrees and the first that does not; None where all agree or are unknown."""
    before = 0
    for root in sorted(signed, key=lambda root: root.size):
        if root.size in found:
            if found[root.size] != root.root:
                return before + 1, root.size
            before = root.size
    return None


def _vouched(personal: Any, expected: Any) -> bool:
    try:
        return bool(personal_hash(str(personal["salt"]), personal["data"]) == expected)
    except (KeyError, ValueError, TypeError):
        return False


def _hex(text: Any) -> bytes:
    try:
        return bytes.fromhex(str(text))
    except ValueError:
        return b""
