"""Who watches a terminal, and which one of them writes to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from app.terminals.errors import TerminalHasWriter, TooManyViewers

#: Viewers of one terminal.
MOST_VIEWERS = 64


@dataclass(eq=False, slots=True)
class Seat:
    """One viewer."""

    terminal_id: str
    #: The member or agent.
    who: str
    #: Whether it may write at all.
    may_write: bool
    #: Called when another one writes, or the size is another.
    changed: Callable[[], None]


@dataclass(slots=True)
class _Room:
    seats: list[Seat] = field(default_factory=list)
    writer: Seat | None = None
    #: The last size that was set; None when nobody did since the first one came.
    size: tuple[int, int] | None = None


class Seats:
    """The viewers of all terminals of one server."""

    def __init__(self) -> None:
        self._rooms: dict[str, _Room] = {}

    def attach(self, seat: Seat) -> None:
        """A new viewer. It writes where nobody else does: of one person's viewers the newest. `TooManyViewers`."""
        room = self._rooms.setdefault(seat.terminal_id, _Room())
        if len(room.seats) >= MOST_VIEWERS:
            raise TooManyViewers(f"{MOST_VIEWERS} viewers watch this terminal, as many as there may be.")
        room.seats.append(seat)
        if seat.may_write and (room.writer is None or room.writer.who == seat.who):
            self._seat(room, seat)

    def leave(self, seat: Seat) -> None:
        """The viewer has gone; its place as the writer is free."""
        room = self._rooms[seat.terminal_id]
        room.seats.remove(seat)
        if room.writer is seat:
            self._seat(room, None)
        if not room.seats:
            del self._rooms[seat.terminal_id]

    def claim(self, seat: Seat, *, take_over: bool = False) -> bool:
        """Whether the viewer writes: it does when nobody else did, or when it takes over."""
        room = self._rooms[seat.terminal_id]
        if room.writer is not seat and seat.may_write and (take_over or room.writer is None):
            self._seat(room, seat)
        return room.writer is seat

    def check(self, terminal_id: str, who: str, *, take_over: bool) -> None:
        """For who writes without watching: raises `TerminalHasWriter` where another one writes."""
        room = self._rooms.get(terminal_id)
        if room is None or room.writer is None or room.writer.who == who:
            return
        if not take_over:
            raise TerminalHasWriter()
        self._seat(room, None)

    def writes(self, seat: Seat) -> bool:
        """Whether this one is the writer."""
        room = self._rooms.get(seat.terminal_id)
        return room is not None and room.writer is seat

    def writer(self, terminal_id: str) -> str:
        """Who writes; empty for nobody."""
        room = self._rooms.get(terminal_id)
        return room.writer.who if room is not None and room.writer is not None else ""

    def resized(self, terminal_id: str, columns: int, rows: int) -> None:
        """Tells all viewers of another size."""
        room = self._rooms.get(terminal_id)
        if room is not None:
            room.size = (columns, rows)
            for seat in room.seats:
                seat.changed()

    def size(self, terminal_id: str) -> tuple[int, int] | None:
        """The last size that was set; None where the terminal's own row knows it."""
        room = self._rooms.get(terminal_id)
        return room.size if room is not None else None

    def viewers(self, terminal_id: str) -> int:
        """How many watch."""
        room = self._rooms.get(terminal_id)
        return len(room.seats) if room is not None else 0

    @staticmethod
    def _seat(room: _Room, seat: Seat | None) -> None:
        room.writer = seat
        for one in room.seats:
            one.changed()
