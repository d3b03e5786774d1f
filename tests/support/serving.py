"""The whole server in this process, and a client that asks it."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from typing import Any, Self

import httpx

from app.core.actor import Role
from app.engines.memory import Behaviour, MemoryEngine
from app.identity.models import Plan
from app.main import Server
from app.settings import Settings
from tests.support.signing import SIGNER
from tests.support.tenants import PASSWORD, Tenant, found
from tests.support.waiting import until

#: One service with a port: enough for most tests.
BLUEPRINT: dict[str, Any] = {"name": "shop", "services": {"web": {"run": "serve", "ports": ["http"]}}}

#: Fails at once, with code 3.
BROKEN: dict[str, Any] = {"name": "bad", "services": {"broken": {"run": "fail", "restart": "never"}}}

ENVIRONMENT = "query ($id: ID!) { environment(id: $id) { id name status version reason message } }"


class Client:
    """Asks a server, as the holder of a key."""

    def __init__(self, http: httpx.AsyncClient, tenant: Tenant, key: str | None, cookie: str | None = None) -> None:
        self.http, self.tenant, self.key, self.cookie = http, tenant, key, cookie

    def with_key(self, key: str | None) -> Client:
        """The same with another key, or without one."""
        return Client(self.http, self.tenant, key)

    async def as_(self, role: Role, *scopes: str) -> Client:
        """A member of the same organization in this role, with a key of these scopes."""
        return self.with_key(await self.tenant.key(role, *scopes))

    async def signed_in(self) -> Client:
        """The owner of the same organization, with a session cookie instead of a key."""
        asked = "mutation ($input: SignInInput!) { signIn(input: $input) { id } }"
        given = {"email": self.tenant.email, "password": PASSWORD, "means": "COOKIE"}
        response = await self.http.post("/graphql", json={"query": asked, "variables": {"input": given}})
        self.http.cookies.clear()
        return Client(self.http, self.tenant, None, response.headers["set-cookie"].partition(";")[0])

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Any request, with the key."""
        credentials = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        if self.cookie:
            credentials = {"Cookie": self.cookie, "X-Requested-With": "test"}
        headers = {**credentials, **options.pop("headers", {})}
        return await self.http.request(method, path, headers=headers, **options)

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.request("GET", path, **options)

    async def post(self, path: str, **options: Any) -> httpx.Response:
        return await self.request("POST", path, **options)

    async def patch(self, path: str, **options: Any) -> httpx.Response:
        return await self.request("PATCH", path, **options)

    async def delete(self, path: str, **options: Any) -> httpx.Response:
        return await self.request("DELETE", path, **options)

    async def ask(self, query: str, variables: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
        """The answer to a GraphQL request, errors included."""
        response = await self.post("/graphql", json={"query": query, "variables": variables or {}}, **options)
        body: dict[str, Any] = response.json()
        return body

    async def data(self, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
        """The data of a GraphQL answer without errors."""
        answer = await self.ask(query, variables)
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    async def code(self, query: str, variables: dict[str, Any] | None = None) -> str:
        """The code of the first error of a GraphQL answer; empty for none."""
        answer = await self.ask(query, variables)
        return str(answer["errors"][0]["extensions"]["code"]) if "errors" in answer else ""

    async def create(self, **fields: Any) -> dict[str, Any]:
        """A new environment, through REST."""
        response = await self.post("/v1/environments", json={"blueprint": BLUEPRINT, **fields})
        assert response.status_code == 202, response.text
        made: dict[str, Any] = response.json()["data"]
        return made

    async def reach(self, environment_id: str, status: str, seconds: float = 10.0) -> dict[str, Any]:
        """The environment, once it is in this status."""

        async def look() -> dict[str, Any] | None:
            found: dict[str, Any] = (await self.data(ENVIRONMENT, {"id": environment_id}))["environment"]
            return found if found["status"] == status.upper() else None

        return await until(look, seconds)

    async def settled(self, environment_id: str, status: str) -> None:
        """Waits until the environment is in this status, and all that was wanted of it has been acted on."""
        query = "query ($id: ID!) { environment(id: $id) { status generation observedGeneration } }"

        async def look() -> bool:
            found = (await self.data(query, {"id": environment_id}))["environment"]
            return bool(found["generation"] == found["observedGeneration"] and found["status"] == status.upper())

        await until(look)

    async def running(self, **fields: Any) -> str:
        """The id of a new environment that runs."""
        return await self.environment("running", **fields)

    async def environment(self, status: str, **fields: Any) -> str:
        """The id of a new environment in this status: running, failed, stopped or terminated."""
        if status == "failed":
            fields.setdefault("blueprint", BROKEN)
        made: str = (await self.create(**fields))["id"]
        await self.reach(made, "failed" if status == "failed" else "running")
        if status == "stopped":
            await self.post(f"/v1/environments/{made}/stop")
        elif status == "terminated":
            await self.delete(f"/v1/environments/{made}")
        await self.reach(made, status)
        return made

    async def stream(self, query: str, variables: dict[str, Any]) -> list[dict[str, Any]]:
        """All results of a subscription that ends, by graphql-sse."""
        accept = {"Accept": "text/event-stream"}
        response = await self.post("/graphql", json={"query": query, "variables": variables}, headers=accept)
        if not response.headers["content-type"].startswith("text/event-stream"):
            return [response.json()]
        lines = (line.removeprefix("data:").strip() for line in response.text.splitlines() if line.startswith("data:"))
        return [json.loads(line) for line in lines if line]


class Served(Client):
    """A server in this process, asked by the owner of `tenant`."""

    def __init__(self, settings: Settings, engine: MemoryEngine | None = None) -> None:
        self.engine = engine or MemoryEngine({"broken": Behaviour(exit_code=3)})
        self.product = Server(settings, engine=self.engine, signer=SIGNER)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self.product.open()
        self._stack.push_async_callback(self.product.close)
        transport = httpx.ASGITransport(app=self.product.app)
        http = httpx.AsyncClient(transport=transport, base_url="http://soundstage.test", timeout=30)
        await self._stack.enter_async_context(http)
        tenant = await found(self.product.database)
        super().__init__(http, tenant, tenant.api_key)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def newcomer(self, plan: Plan = Plan.ENTERPRISE, *, operator: bool = False) -> Client:
        """The owner of a new organization."""
        tenant = await found(self.product.database, plan, operator=operator)
        return Client(self.http, tenant, tenant.api_key)
