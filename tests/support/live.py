"""The whole server on a real port: uvicorn in a thread, for clients that need a socket."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine
from typing import Any, Self, TypeVar

import httpx
import uvicorn

from app.engines.memory import MemoryEngine
from app.main import Server
from app.settings import Settings
from tests.support.serving import BLUEPRINT
from tests.support.signing import SIGNER
from tests.support.tenants import Tenant, found
from tests.support.waiting import soon

T = TypeVar("T")


class LiveServer:
    """`live.url`, `live.tenant.api_key`; `live.run(coroutine)` runs something in the server's own event loop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.engine: MemoryEngine
        self.product: Server
        self.tenant: Tenant
        self._failure: BaseException | None = None
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop
        self._uvicorn: uvicorn.Server
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._main, name="live server", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(60)
        if self._failure is not None:
            raise self._failure
        self.http = httpx.Client(base_url=self.url, timeout=30, headers={"Authorization": f"Bearer {self.key}"})
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        self._uvicorn.should_exit = self._uvicorn.force_exit = True
        self._thread.join(30)
        assert not self._thread.is_alive(), "the server does not end"
        if self._failure is not None:
            raise self._failure

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws")

    @property
    def key(self) -> str:
        return self.tenant.api_key

    def run(self, work: Coroutine[Any, Any, T], seconds: float = 30) -> T:
        """What a coroutine gives, run where the server runs."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    def print(self, unit_id: str, text: str) -> None:
        """Output of a unit."""

        async def act() -> None:
            self.engine.print(unit_id, text)

        self.run(act())

    def create(self, **fields: Any) -> str:
        """The id of a new environment."""
        response = self.http.post("/v1/environments", json={"blueprint": BLUEPRINT, **fields})
        assert response.status_code == 202, response.text
        return str(response.json()["data"]["id"])

    def reach(self, environment_id: str, status: str) -> None:
        """Waits until an environment is in this status."""
        soon(lambda: self.http.get(f"/v1/environments/{environment_id}").json()["data"]["status"] == status)

    def running(self, **fields: Any) -> str:
        """The id of a new environment that runs."""
        made = self.create(**fields)
        self.reach(made, "running")
        return made

    def _main(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # told to the test that waits
            self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.engine = MemoryEngine()
        self.product = Server(self.settings, engine=self.engine, signer=SIGNER)
        await self.product.open()
        try:
            self.tenant = await found(self.product.database)
            config = uvicorn.Config(
                self.product.app, ws="websockets-sansio", lifespan="off", log_level="error", timeout_graceful_shutdown=5
            )
            self._uvicorn = uvicorn.Server(config)
            serving = asyncio.create_task(self._uvicorn.serve([self._socket]))
            while not self._uvicorn.started and not serving.done():
                await asyncio.sleep(0.005)
            self._ready.set()
            await serving
        finally:
            await self.product.close()
