"""Opening, using and closing terminals."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from app.core.octets import text_or_base64
from app.terminals.tickets import LIFE_SECONDS
from resolvers.access import Access, mutation
from resolvers.context import Context
from resolvers.node import Id
from resolvers.terminals.queries import READ, SessionId, shown
from resolvers.terminals.types import Terminal, TerminalTicket

WRITE = Access(scope=Scope.WORKSPACES, kind=Kind.WRITE)
PATH = "/api/v1/ws/terminal"

TakeOver = Annotated[
    bool,
    strawberry.argument(description="Even if another member's viewer writes, which then only watches."),
]


@strawberry.input(description="A variable of a program's environment.")
class TerminalVariableInput:
    name: str = strawberry.field(description="Letters, digits and underscores.")
    value: str = strawberry.field(description="Its value. It is kept nowhere but in the program.")


@strawberry.input(description="A terminal to open.")
class OpenTerminalInput:
    command: list[str] | None = strawberry.field(
        default=None, description="The program and its arguments; the shell by default. No shell takes it apart."
    )
    variables: list[TerminalVariableInput] | None = strawberry.field(
        default=None, description="Variables beside `TERM`, `PATH` and the like."
    )
    columns: int = strawberry.field(default=80, description="The width: 1 to 1,000.")
    rows: int = strawberry.field(default=24, description="The height: 1 to 1,000.")
    record: bool = strawberry.field(
        default=False, description="Record the output as asciicast v2, for who may read the audit log."
    )


@strawberry.input(description="Input for a terminal's program: one of the two.")
class TerminalInput:
    text: str | None = strawberry.field(default=None, description="Text, as it is typed: Enter is `\\r`.")
    data: str | None = strawberry.field(default=None, description="Any bytes, in base64.")


@strawberry.type
class TerminalMutations:
    @mutation(
        "Opens a terminal: a program on a pseudo-terminal in the session's working copy, as you for git. It goes on "
        "when the server is started again, and is closed after some hours without input and output.",
        WRITE,
        audited="terminal.open",
    )
    async def open_terminal(
        self,
        info: Info[Context, None],
        session_id: SessionId,
        input: Annotated[OpenTerminalInput | None, strawberry.argument(description="What to open.")] = None,
    ) -> Terminal:
        given = input or OpenTerminalInput()
        found = await info.context.terminals.open(
            session_id,
            command=given.command or (),
            variables={variable.name: variable.value for variable in given.variables or ()},
            columns=given.columns,
            rows=given.rows,
            record=given.record,
        )
        return shown(info.context, found)

    @mutation(
        "Writes to a terminal, as if it were typed. A program that does not read makes it `TERMINAL_INPUT_BLOCKED`.",
        WRITE,
        audited="terminal.write",
    )
    async def write_terminal(
        self,
        info: Info[Context, None],
        id: Id,
        input: Annotated[TerminalInput, strawberry.argument(description="What to write: at most 64 KiB.")],
        take_over: TakeOver = False,
    ) -> Terminal:
        found = await info.context.terminals.write(
            id, text_or_base64(input.text, input.data, "data"), take_over=take_over
        )
        return shown(info.context, found)

    @mutation("Gives a terminal another size, of which its program is told.", WRITE, audited="terminal.resize")
    async def resize_terminal(
        self,
        info: Info[Context, None],
        id: Id,
        columns: Annotated[int, strawberry.argument(description="The width: 1 to 1,000.")],
        rows: Annotated[int, strawberry.argument(description="The height: 1 to 1,000.")],
        take_over: TakeOver = False,
    ) -> Terminal:
        found = await info.context.terminals.resize(id, columns, rows, take_over=take_over)
        return shown(info.context, found)

    @mutation(
        "Closes a terminal: its program and all that it started end. Its last output can be read for an hour.",
        WRITE,
        audited="terminal.close",
    )
    async def close_terminal(self, info: Info[Context, None], id: Id) -> Terminal:
        return shown(info.context, await info.context.terminals.close(id))

    @mutation(
        "A ticket with which a browser opens the terminal's WebSocket: once, within 30 seconds, with your rights.",
        READ,
        audited="terminal.ticket",
    )
    async def create_terminal_ticket(
        self,
        info: Info[Context, None],
        id: Id,
        origin: Annotated[
            str | None,
            strawberry.argument(
                description="The origin of the page that will use it, such as `https://app.example`; left out, only "
                "clients that are no browsers can."
            ),
        ] = None,
    ) -> TerminalTicket:
        ticket = await info.context.terminals.ticket(id, origin or "")
        path = f"{PATH}?terminal={id}"
        return TerminalTicket(id=id, ticket=ticket, expires_in=int(LIFE_SECONDS), path=path)
