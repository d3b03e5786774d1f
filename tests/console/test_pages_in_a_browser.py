"""The bundled pages in a real browser: they work without anything from outside, and say nothing is wrong."""

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from app.console.routes import page_endpoint, routes
from tests.support.node import run_client

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")

OPENAPI = {
    "openapi": "3.1.0",
    "info": {"title": "Soundstage", "version": "0"},
    "paths": {"/v1/environments": {"get": {"tags": ["environments"], "responses": {"200": {"description": "Yes."}}}}},
    "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    "security": [{"key": []}],
}


async def _graphql(request: Request) -> JSONResponse:
    return JSONResponse({"data": {"authorization": request.headers.get("authorization")}})


async def _openapi(_: Request) -> JSONResponse:
    return JSONResponse(OPENAPI)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    pages = [Route("/graphiql", page_endpoint("graphiql.html")), Route("/api", page_endpoint("api.html"))]
    data = [Route("/graphql", _graphql, methods=["POST"]), Route("/openapi.json", _openapi)]
    listener = socket.create_server(("127.0.0.1", 0))
    app = Starlette(routes=[*routes(), *pages, *data])
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    listener.close()


def look(url: str, *steps: str, scheme: str = "light") -> dict[str, Any]:
    order = {"url": url, "chromium": CHROMIUM, "steps": steps, "scheme": scheme, "wait": 2500}
    seen: dict[str, Any]
    (seen,) = run_client("page.mjs", order)
    return seen


def outside(seen: dict[str, Any], address: str) -> list[str]:
    here = (address, address.replace("http", "ws", 1), "data:")
    return [request for request in seen["requests"] if not request.split(" ", 1)[1].startswith(here)]


def test_graphiql_takes_the_key_from_the_address_and_sends_it(address: str) -> None:
    run = "document.querySelector('.graphiql-execute-button').click()"
    answer = "document.querySelector('.result-window').textContent"

    seen = look(f"{address}/graphiql#key=sk_live_1", run, answer)

    assert "Bearer sk_live_1" in seen["results"][1].replace("\xa0", " ")
    assert seen["address"] == f"{address}/graphiql"
    assert outside(seen, address) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_api_viewer_follows_the_colours_of_the_reader(address: str, scheme: str) -> None:
    dark = "document.documentElement.classList.contains('dark-mode')"
    shown = "document.querySelector('.opblock-tag-section').textContent"

    seen = look(f"{address}/api#key=sk_live_1", dark, shown, scheme=scheme)

    assert seen["results"][0] is (scheme == "dark")
    assert "environments" in seen["results"][1]
    assert seen["problems"] == []
    assert outside(seen, address) == []
