"""One-time tickets: how a browser, which cannot send a header, opens a WebSocket.

They live in memory only: a server that starts again knows none, and the client gets another.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.core.actor import Actor
from app.core.errors import Unauthorized
from app.terminals.errors import TicketInvalid

PREFIX = "trt_"
LIFE_SECONDS = 30.0
#: Tickets that wait to be used; the oldest are forgotten first.
MOST = 10_000


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a ticket opens, to whom and from where."""

    subject: str
    actor: Actor
    #: The origin of the page; empty for clients that are no browsers.
    origin: str
    until: float


class Tickets:
    """The tickets of one server, each for one subject: a terminal."""

    prefix = PREFIX
    invalid: type[Unauthorized] = TicketInvalid

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tickets: dict[str, Ticket] = {}

    def issue(self, subject: str, actor: Actor, origin: str) -> str:
        """A new ticket."""
        now = self._clock()
        for name, known in list(self._tickets.items()):
            if known.until > now and len(self._tickets) < MOST:
                break
            del self._tickets[name]
        ticket = self.prefix + secrets.token_urlsafe(32)
        self._tickets[ticket] = Ticket(subject, actor, origin, now + LIFE_SECONDS)
        return ticket

    def take(self, ticket: str, subject: str, origin: str) -> Actor:
        """Whose ticket it is. It is used up, whatever comes of it; raises `invalid`."""
        found = self._tickets.pop(ticket, None)
        if found is None or found.until < self._clock():
            raise self.invalid()
        if found.subject != subject or found.origin != origin:
            raise self.invalid()
        return found.actor
