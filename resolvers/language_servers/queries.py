"""Reading which language servers there are."""

from __future__ import annotations

import strawberry
from strawberry.types import Info

from resolvers.access import query
from resolvers.context import Context
from resolvers.language_servers.types import LanguageServer, language_server
from resolvers.terminals.queries import READ, SessionId


@strawberry.type
class LanguageServerQueries:
    @query(
        "The language servers that are known, with what this session has of them. `/api/v1/ws/lsp` connects to one.",
        READ,
    )
    async def language_servers(self, info: Info[Context, None], session_id: SessionId) -> list[LanguageServer]:
        return [language_server(found) for found in await info.context.language_servers.offered(session_id)]
