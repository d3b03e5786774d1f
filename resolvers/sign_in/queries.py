"""Reading one's own account."""

from __future__ import annotations

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from app.core.paging import decode_cursor, page_size
from app.sign_in import models
from resolvers.access import Access, query
from resolvers.context import Context
from resolvers.node import After, Connection, First, connection
from resolvers.sign_in.types import Account, SignInSession, account, session

READ = Access(scope=Scope.ACCOUNT, kind=Kind.READ)


@strawberry.type
class SignInQueries:
    @query("The account of the person who asks.", READ)
    async def account(self, info: Info[Context, None]) -> Account:
        return account(await info.context.account.account())

    @query("Your sessions in this organization that stand, newest first.", READ)
    async def sign_in_sessions(
        self, info: Info[Context, None], first: First = None, after: After = None
    ) -> Connection[SignInSession]:
        limit = page_size(first, info.context.largest_page)
        page = await info.context.account.sessions(limit, decode_cursor(after))
        return connection(page, _id, session, after)


def _id(record: models.SignInSession) -> str:
    return record.id
