"""What a verification found."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

#: Findings that are told one by one; the rest is counted.
MOST_FINDINGS = 1_000


class FindingKind(enum.StrEnum):
    """What is wrong."""

    #: The event is not what it was when it was sealed or stored.
    ALTERED = "altered"
    #: An event was there and is gone.
    MISSING = "missing"
    #: An event stands where another one was sealed.
    INSERTED = "inserted"
    #: Events stand in other places than those where they were sealed.
    MOVED = "moved"
    #: A tile is not what was signed; the events are.
    TILE = "tile"
    #: A checkpoint's signatures or form are not valid.
    CHECKPOINT = "checkpoint"
    #: Some event in the range is not what was signed; which one, nothing tells any more.
    INTERVAL = "interval"
    #: The log's own account of its length is wrong.
    LENGTH = "length"
    #: Personal data is not what the event vouches for.
    PERSONAL = "personal"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and where."""

    kind: FindingKind
    message: str
    #: The first and the last event concerned, by sequence; 0 where it is about no event.
    sequence: int = 0
    last_sequence: int = 0
    #: The first event's id, where there is one.
    event_id: str = ""


@dataclass(slots=True)
class Report:
    """The result of a verification."""

    origin: str
    #: Events that were looked at.
    events: int = 0
    #: The newest size whose root both signatures vouch for; later events are covered by nothing yet.
    signed_size: int = 0
    checkpoints: int = 0
    findings: list[Finding] = field(default_factory=list)
    #: Findings beyond `MOST_FINDINGS`.
    more: int = 0
    warnings: list[str] = field(default_factory=list)

    @property
    def valid(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def add(self, kind: FindingKind, message: str, sequence: int = 0, last: int = 0, event_id: str = "") -> None:
        """One more finding."""
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(kind, message, sequence, last or sequence, event_id))
        else:
            self.more += 1

    def document(self) -> dict[str, Any]:
        """The report as JSON."""
        found = [
            {
                "kind": str(finding.kind),
                "message": finding.message,
                "sequence": finding.sequence,
                "lastSequence": finding.last_sequence,
                "eventId": finding.event_id or None,
            }
            for finding in self.findings
        ]
        return {
            "valid": self.valid,
            "origin": self.origin,
            "events": self.events,
            "signedSize": self.signed_size,
            "checkpoints": self.checkpoints,
            "findings": found,
            "more": self.more,
            "warnings": self.warnings,
        }
