"""Reading single sign-on, and beginning it."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from app.sso.transactions import LIFETIME
from resolvers.access import Access, query
from resolvers.context import Context
from resolvers.cookies import set_transaction
from resolvers.sso.types import SsoConnection, SsoDiscovery, SsoRedirect, sso_connection

ADMIN = Access(scope=Scope.ORGANIZATION, kind=Kind.ADMIN)
Email = Annotated[str | None, strawberry.argument(description="An e-mail address; only its domain counts.")]


@strawberry.type
class SsoQueries:
    @query("The organization's identity providers: at most one of each kind.", ADMIN)
    async def sso_connections(self, info: Info[Context, None]) -> list[SsoConnection]:
        found = await info.context.sso.connections()
        return [sso_connection(each, info.context.product.sso) for each in found]

    @query(
        "Whether the people of a domain can sign on. The answer depends on the domain alone, and has the same form for "
        "domains that nobody knows: it never tells whether an account exists.",
        None,
    )
    async def sso_discover(
        self,
        info: Info[Context, None],
        email: Email = None,
        domain: Annotated[str | None, strawberry.argument(description="A domain, in the place of an address.")] = None,
    ) -> SsoDiscovery:
        name, available = await info.context.sign_on.discover(email, domain)
        return SsoDiscovery(domain=name, available=available)

    @query(
        "Begins a single sign-on: where the browser goes, and in the answer's header a cookie that it has to bring "
        "back to `ssoCallback` within ten minutes. A browser begins one at a time.",
        None,
    )
    async def sso_login(
        self,
        info: Info[Context, None],
        email: Annotated[
            str | None,
            strawberry.argument(description="The person's address: its domain tells the provider, which sees it."),
        ] = None,
        connection_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="The connection, in the place of an address.")
        ] = None,
        return_to: Annotated[
            str | None,
            strawberry.argument(description="Where to go afterwards: a path of this server; `/` by default."),
        ] = None,
    ) -> SsoRedirect:
        begun = await info.context.sign_on.begin(email, connection_id, return_to)
        headers = info.context.response_headers
        set_transaction(headers, begun.cookie, int(LIFETIME.total_seconds()))
        headers["Cache-Control"], headers["Referrer-Policy"] = "no-store", "no-referrer"
        return SsoRedirect(url=begun.url)
