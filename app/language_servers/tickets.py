"""One-time tickets for the WebSockets of a session: as those of terminals, and good for none of these."""

from __future__ import annotations

from app.language_servers.errors import SessionTicketInvalid
from app.terminals.tickets import Tickets

PREFIX = "lst_"


class SessionTickets(Tickets):
    """The tickets of one server."""

    prefix, invalid = PREFIX, SessionTicketInvalid
