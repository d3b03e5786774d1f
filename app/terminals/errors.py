"""What can be wrong with terminals."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, RateLimited, Unauthorized, Unavailable, Unprocessable


class TerminalNotFound(NotFound):
    """No terminal with this id is visible to you."""


class TerminalsUnavailable(Unavailable):
    """The engine of this installation runs no terminals. The process engine does."""

    code = "TERMINALS_UNAVAILABLE"


class TerminalElsewhere(Unavailable):
    """The terminal runs on another machine of this installation. Ask that one."""

    code = "TERMINAL_ELSEWHERE"


class BadTerminal(Unprocessable):
    """The command, its variables or the size is not valid."""

    code = "BAD_TERMINAL"


class TerminalHasWriter(Conflict):
    """Somebody else writes to this terminal. Take over (`takeOver`), or only watch."""

    code = "TERMINAL_HAS_WRITER"


class TooManyViewers(RateLimited):
    """As many viewers as there may be watch this terminal. Close one of them."""

    code = "TOO_MANY_VIEWERS"


class TicketInvalid(Unauthorized):
    """The ticket was used, is too old, or is for another terminal or origin. Get a new one (`createTerminalTicket`)."""

    code = "TICKET_INVALID"


class RecordingNotFound(NotFound):
    """This terminal was not recorded. Open one with `record: true`."""
