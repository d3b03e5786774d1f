"""Connecting code hosts. For owners and admins: a token is the organization's, whoever uses it."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.actor import Kind, Scope
from resolvers.access import Access, mutation
from resolvers.context import Context
from resolvers.integrations.types import CodeHost, CodeHostConnection, code_host_connection
from resolvers.node import Id

ADMIN = Access(scope=Scope.INTEGRATIONS, kind=Kind.ADMIN)
Username = Annotated[
    str | None,
    strawberry.argument(description="Of Bitbucket's API tokens the e-mail address; nothing for all other tokens."),
]


@strawberry.input(description="A code host to connect.")
class ConnectCodeHostInput:
    host: CodeHost = strawberry.field(description="Which one.")
    token: str = strawberry.field(
        description="GitHub: a personal access token or an installation's. GitLab: a personal, group or project access "
        "token with `read_api` and `read_repository`. Bitbucket: an access token or an API token that reads the "
        "account and repositories. It is asked at once whether the code host accepts it, and kept encrypted."
    )
    base_url: str | None = strawberry.field(
        default=None,
        description="The address of its API where it is your own: `https://<host>/api/v3` of GitHub Enterprise, "
        "`https://<host>/api/v4` of GitLab. The public one by default.",
    )
    username: str | None = strawberry.field(
        default=None, description="Of Bitbucket's API tokens the e-mail address; nothing for all other tokens."
    )


@strawberry.type
class IntegrationMutations:
    @mutation("Connects a code host, once it has accepted the token.", ADMIN, audited="code_host.connect")
    async def connect_code_host(
        self,
        info: Info[Context, None],
        input: Annotated[ConnectCodeHostInput, strawberry.argument(description="The code host to connect.")],
    ) -> CodeHostConnection:
        made = await info.context.code_hosts.connect(
            input.host, token=input.token, base_url=input.base_url, username=input.username
        )
        return code_host_connection(made)

    @mutation(
        "Gives a connection another token, once the code host has accepted it. The old one stays valid there: revoke "
        "it at the code host.",
        ADMIN,
        audited="code_host.rotate",
    )
    async def rotate_code_host_token(
        self,
        info: Info[Context, None],
        id: Id,
        token: Annotated[str, strawberry.argument(description="The new token.")],
        username: Username = None,
    ) -> CodeHostConnection:
        return code_host_connection(await info.context.code_hosts.rotate(id, token=token, username=username))

    @mutation(
        "Forgets a connection and its token, which stays valid there: revoke it at the code host.",
        ADMIN,
        audited="code_host.disconnect",
    )
    async def disconnect_code_host(self, info: Info[Context, None], id: Id) -> CodeHostConnection:
        return code_host_connection(await info.context.code_hosts.disconnect(id))
