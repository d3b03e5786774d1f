"""What language servers look like in GraphQL."""

from __future__ import annotations

from datetime import datetime

import strawberry

from app.language_servers import service

LanguageServerStatus = service.ServerStatus
strawberry.enum(
    LanguageServerStatus,
    name="LanguageServerStatus",
    description="`AVAILABLE`: it starts with its first client. `FAILED`: it ended again and again, and is tried anew "
    "with the next client. `MISSING`: it is not installed.",
)


@strawberry.type(description="A program that knows a language: completion, definitions, diagnostics.")
class LanguageServer:
    name: str = strawberry.field(description="Its name: `server` at `/api/v1/ws/lsp`.")
    languages: list[str] = strawberry.field(description="What it knows: `language` at `/api/v1/ws/lsp`.")
    status: LanguageServerStatus = strawberry.field(description="Whether the session has it, or can have it.")
    install: str = strawberry.field(description="The command that installs it where Soundstage runs.")
    clients: int = strawberry.field(description="How many clients use it in this session.")
    restarts: int = strawberry.field(description="How often it ended and was started again.")
    started_at: datetime | None = strawberry.field(description="When it began to answer.")
    message: str | None = strawberry.field(description="Why it failed, or how to install it.")


@strawberry.type(description="What opens a WebSocket of a session once.")
class LanguageServerTicket:
    ticket: str = strawberry.field(description="Send it as the subprotocol `ticket.<ticket>`. It is good once.")
    expires_in: int = strawberry.field(description="Seconds in which it can be used.")
    path: str = strawberry.field(description="Where the WebSocket of the language server is.")
    watch_path: str = strawberry.field(description="Where the WebSocket is that tells of changed files.")


def language_server(found: service.Offered) -> LanguageServer:
    """What is offered, as GraphQL shows it."""
    missing = found.status is LanguageServerStatus.MISSING
    return LanguageServer(
        name=found.known.name,
        languages=list(found.known.languages),
        status=found.status,
        install=found.known.install,
        clients=found.viewers,
        restarts=found.restarts,
        started_at=found.started_at,
        message=found.known.hint if missing else found.reason or None,
    )
