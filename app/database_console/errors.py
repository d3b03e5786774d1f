"""What can go wrong with a session's database."""

from __future__ import annotations

from app.core.errors import Conflict, Forbidden, NotFound, PayloadTooLarge, RateLimited, Unavailable, Unprocessable


class DatabaseUnreachable(Unavailable):
    """The database cannot be reached. Is its service running?"""

    code = "DATABASE_UNREACHABLE"


class AddressRefused(Forbidden):
    """This installation does not connect to this address."""

    code = "ADDRESS_REFUSED"


class OwnDatabase(Forbidden):
    """This is Soundstage's own database, which nobody reaches from here."""

    code = "OWN_DATABASE"


class NotADatabase(Unprocessable):
    """The file is no SQLite database."""

    code = "NOT_A_DATABASE"


class StatementRefused(Unprocessable):
    """A statement of this kind cannot be run here."""

    code = "STATEMENT_REFUSED"


class ReadOnly(Forbidden):
    """The statement would change something, and only reading was asked for. Say `write` if it may."""

    code = "READ_ONLY"


class QueryFailed(Unprocessable):
    """The database refused the statement."""

    code = "QUERY_FAILED"


class QueryTimedOut(Unprocessable):
    """The statement took longer than it may, and was cancelled. What it had not committed is undone."""

    code = "QUERY_TIMED_OUT"


class QueryCancelled(Conflict):
    """The statement was cancelled. What it had not committed is undone."""

    code = "QUERY_CANCELLED"


class QueryNameTaken(Conflict):
    """A statement of this name is running. Choose another name."""

    code = "QUERY_NAME_TAKEN"


class TooManyQueries(RateLimited):
    """As many statements as may are running. Wait until one ends, or cancel one."""

    code = "TOO_MANY_QUERIES"


class ResultTooLarge(PayloadTooLarge):
    """The database sent more than is taken. Ask for fewer or shorter columns."""

    code = "RESULT_TOO_LARGE"


class TableNotFound(NotFound):
    """The database has no table or view of this name that is visible to its user."""

    code = "TABLE_NOT_FOUND"


class BadSelection(Unprocessable):
    """The filter, the order or the page is not valid."""

    code = "BAD_SELECTION"
