"""Tickets for the WebSockets of a session's language servers."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.terminals.tickets import LIFE_SECONDS
from resolvers.access import mutation
from resolvers.context import Context
from resolvers.language_servers.types import LanguageServerTicket
from resolvers.terminals.queries import READ, SessionId

PATH, WATCH_PATH = "/api/v1/ws/lsp", "/api/v1/ws/lsp-fs-watch"


@strawberry.type
class LanguageServerMutations:
    @mutation(
        "A ticket with which a browser opens one WebSocket of the session, a language server's or that of changed "
        "files: once, within 30 seconds, with your rights. With `language`, `LANGUAGE_SERVER_MISSING` tells how to "
        "install what is not there.",
        READ,
        audited="language_server.ticket",
    )
    async def create_language_server_ticket(
        self,
        info: Info[Context, None],
        session_id: SessionId,
        language: Annotated[
            str | None,
            strawberry.argument(description="Such as `python`; left out, only to watch files."),
        ] = None,
        server: Annotated[
            str | None, strawberry.argument(description="The language server by name; else the first installed one.")
        ] = None,
        origin: Annotated[
            str | None,
            strawberry.argument(
                description="The origin of the page that will use it, such as `https://app.example`; left out, only "
                "clients that are no browsers can."
            ),
        ] = None,
    ) -> LanguageServerTicket:
        language, server = language or "", server or ""
        ticket = await info.context.language_servers.ticket(session_id, origin or "", language, server)
        path = f"{PATH}?session={session_id}"
        if language:
            path += f"&language={language}" + (f"&server={server}" if server else "")
        return LanguageServerTicket(
            ticket=ticket,
            expires_in=int(LIFE_SECONDS),
            path=path,
            watch_path=f"{WATCH_PATH}?session={session_id}",
        )
