"""The peers in Python: `python -m benchmarks.peers.python_server KIND FOLDER PORT`."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import orjson
import strawberry
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute

from benchmarks.peers.items import BY_ID, ITEMS, Item
from benchmarks.peers.rows import StoredItemTable, item_of
from benchmarks.peers.ticks import Hub, Tick

CACHE = 128


def sessions(folder: Path) -> Any:
    """A maker of SQLModel sessions on the file that our server has filled, as durable as it."""
    from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
    from sqlmodel.ext.asyncio.session import AsyncSession

    from benchmarks.storage import make_durable

    engine = create_async_engine(f"sqlite+aiosqlite:///{folder}/soundstage.db")
    make_durable(engine)
    return async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)


def strawberry_app(folder: Path) -> Any:
    """Strawberry with its caches of documents and of validation."""
    from sqlmodel import select
    from strawberry.asgi import GraphQL
    from strawberry.extensions import ParserCache, ValidationCache

    made = sessions(folder)

    @strawberry.type
    class Query:
        @strawberry.field
        async def workspace(self, id: strawberry.ID) -> Item | None:
            return BY_ID.get(id)

        @strawberry.field
        async def workspaces(self) -> list[Item]:
            return ITEMS

        @strawberry.field
        async def stored(self, id: strawberry.ID) -> Item | None:
            async with made() as session:
                row = (await session.exec(select(StoredItemTable).where(StoredItemTable.id == id))).first()
            return item_of(row) if row is not None else None

    hub = Hub()

    @strawberry.type
    class Subscription:
        @strawberry.subscription
        async def ticks(self, of: strawberry.ID) -> AsyncGenerator[Tick, None]:
            async for each in hub.watch():
                yield each

    caches: list[Any] = [lambda: ParserCache(maxsize=CACHE), lambda: ValidationCache(maxsize=CACHE)]
    schema = strawberry.Schema(Query, subscription=Subscription, extensions=caches)
    endpoint: Any = GraphQL(schema)
    return Starlette(routes=[Route("/graphql", endpoint), WebSocketRoute("/graphql", endpoint)])


def fastapi_app(folder: Path) -> Any:
    """FastAPI with response models."""
    from fastapi import FastAPI  # type: ignore[import-not-found]
    from pydantic import BaseModel, ConfigDict
    from pydantic.alias_generators import to_camel
    from sqlmodel import select

    class Model(BaseModel):
        model_config = ConfigDict(from_attributes=True, alias_generator=to_camel, populate_by_name=True)

    class OwnerModel(Model):
        id: str
        name: str
        email: str

    class Short(Model):
        id: str
        name: str
        slug: str
        status: str
        region: str
        cpu: int
        disk_gb: float
        active: bool

    class Long(Short):
        memory_mb: int
        created_at: str
        owner: OwnerModel

    made = sessions(folder)
    app = FastAPI()

    async def one(id: str) -> Any:
        return BY_ID[id]

    async def many() -> Any:
        return ITEMS

    async def stored(id: str) -> Any:
        async with made() as session:
            row = (await session.exec(select(StoredItemTable).where(StoredItemTable.id == id))).first()
        return item_of(row)

    app.get("/items/{id}", response_model=Long)(one)
    app.get("/items", response_model=list[Short])(many)
    app.get("/stored-items/{id}", response_model=Long)(stored)
    return app


async def handwritten(scope: Any, receive: Any, send: Any) -> None:
    """What a person would write for just this: no framework, no checks, nothing around it."""
    if scope["type"] != "http":
        return
    message = await receive()
    asked = orjson.loads(message["body"])
    if "variables" in asked:
        body = orjson.dumps({"data": {"workspace": _long(BY_ID[asked["variables"]["id"]])}})
    else:
        body = orjson.dumps({"data": {"workspaces": [_short(each) for each in ITEMS]}})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _long(v: Item) -> dict[str, Any]:
    o = v.owner
    return {
        "id": v.id,
        "name": v.name,
        "slug": v.slug,
        "status": v.status,
        "region": v.region,
        "cpu": v.cpu,
        "memoryMb": v.memory_mb,
        "diskGb": v.disk_gb,
        "createdAt": v.created_at,
        "active": v.active,
        "owner": {"id": o.id, "name": o.name, "email": o.email},
    }


def _short(v: Item) -> dict[str, Any]:
    return {
        "id": v.id,
        "name": v.name,
        "slug": v.slug,
        "status": v.status,
        "region": v.region,
        "cpu": v.cpu,
        "diskGb": v.disk_gb,
        "active": v.active,
    }


def main(kind: str, folder: str, port: str) -> None:
    """Serves until it is killed."""
    sys.path.insert(0, "build/peers")  # FastAPI, which is not ours
    apps = {"strawberry": strawberry_app, "fastapi": fastapi_app, "handwritten": lambda _: handwritten}
    uvicorn.run(
        apps[kind](Path(folder)),
        host="127.0.0.1",
        port=int(port),
        loop="uvloop",
        http="httptools",
        log_level="error",
        access_log=False,
        lifespan="off",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
