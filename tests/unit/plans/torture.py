"""A schema that has everything a plan has to be careful with, and data in which much is wrong."""

from __future__ import annotations

import asyncio
import enum
from random import Random
from typing import Annotated, Any

import strawberry
from strawberry.dataloader import DataLoader
from strawberry.extensions import FieldExtension
from strawberry.scalars import JSON
from strawberry.types import Info


@strawberry.enum
class Status(enum.Enum):
    RUNNING = "running"
    STOPPED = "stopped"


@strawberry.enum
class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@strawberry.interface
class Node:
    id: strawberry.ID


@strawberry.interface
class Named:
    name: str


@strawberry.type
class Owner(Node, Named):
    name: str
    email: str | None


@strawberry.type
class Agent(Node, Named):
    name: str
    tools: list[str]
    owner: Owner | None


@strawberry.type
class Mock(Node):
    port: int
    ratio: float | None
    data: JSON


@strawberry.type
class Plain:
    """No interface: any object with its attributes is one."""

    name: str
    size: float
    level: Level | None


Resource = Annotated[Agent | Mock, strawberry.union("Resource")]


class Shouting(FieldExtension):
    """An extension that changes arguments and result."""

    async def resolve_async(self, next_: Any, source: Any, info: Any, **arguments: Any) -> Any:
        found = await next_(source, info, **{**arguments, "times": arguments["times"] + 1})
        return f"{found}!"


@strawberry.input
class Filter:
    text: str | None = None
    status: Status = Status.RUNNING
    tags: list[str] = strawberry.field(default_factory=list)


@strawberry.type
class Workspace(Node, Named):
    name: str
    status: Status
    level: Level | None
    cpu: int | None
    load: float
    ready: bool
    owner: Owner | None
    owners: list[Owner | None] | None
    must: list[Owner]
    plain: Plain
    plains: list[Plain] | None
    matrix: list[list[int]] | None
    resources: list[Resource]
    maybe: list[Resource | None]
    first: Node | None
    named: list[Named]
    data: JSON | None
    key: strawberry.Private[str]
    pause: strawberry.Private[int]

    @strawberry.field
    async def loaded(self, info: Info) -> Owner | None:
        return await info.context["loader"].load(self.key)

    @strawberry.field
    async def surely_loaded(self, info: Info) -> Owner:
        await asyncio.sleep(0)
        found: Owner = await info.context["loader"].load(self.key)
        return found

    @strawberry.field
    def shout(self, times: int = 1, filter: Filter | None = None) -> str:
        if times > 3:
            raise ValueError("too loud")
        return f"{self.name}" * times + (f"{filter.text}{filter.status}{filter.tags}" if filter else "")

    @strawberry.field(extensions=[Shouting()])
    async def extended(self, times: int) -> str:
        return "x" * times

    @strawberry.field
    async def slow(self, info: Info, rounds: int = 1) -> str | None:
        for _ in range((rounds + self.pause) % 4):
            await asyncio.sleep(0)
        if self.pause == 3:
            raise RuntimeError(f"slow failed in {info.field_name} at {info.path.as_list()}")
        return None if self.pause == 2 else self.key

    @strawberry.field
    async def surely(self, info: Info) -> str:
        await asyncio.sleep(0)
        if self.pause == 1:
            raise RuntimeError(f"surely failed: {sorted(info.context)}")
        return self.key

    @strawberry.field
    async def self_again(self) -> Workspace:
        return self

    @strawberry.field
    def returns_error(self) -> str | None:
        return ValueError("returned")  # type: ignore[return-value]


@strawberry.type
class Query:
    @strawberry.field
    async def workspaces(self, info: Info, n: int = 3, statuses: list[Status] | None = None) -> list[Workspace]:
        found: list[Workspace] = info.context["data"][:n]
        return found

    @strawberry.field
    async def workspace(self, info: Info, i: int, filter: Filter | None = None) -> Workspace | None:
        if i < 0:
            raise ValueError("negative")
        data = info.context["data"]
        return data[i] if i < len(data) else None

    @strawberry.field
    def resource(self, info: Info) -> Resource | None:
        return info.context["data"][0].resources[0]

    @strawberry.field
    def sure(self, info: Info) -> Workspace:
        found: Workspace = info.context["data"][1]
        return found


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def touch(self, info: Info, by: int) -> Workspace | None:
        info.context["order"].append(by)
        await asyncio.sleep(0)
        return info.context["data"][by % 4]

    @strawberry.mutation
    def touch_now(self, info: Info, by: int) -> Workspace:
        info.context["order"].append(by)
        found: Workspace = info.context["data"][by % 4]
        return found


SCHEMA = strawberry.Schema(query=Query, mutation=Mutation, types=[Owner, Agent, Mock, Plain])._schema
OWNERS = {
    f"u{number}": Owner(id=strawberry.ID(f"u{number}"), name=f"o{number}", email=None if number % 2 else "e")
    for number in range(4)
}
_WRONG: list[Any] = [None, 12, "x", True, 2**40, 1.5, float("nan"), [], {}, object, ValueError("as a value")]


def context(data: list[Workspace]) -> dict[str, Any]:
    """What an execution gets; `batches` tells what the data loader was asked for."""
    batches: list[list[str]] = []

    async def load(keys: list[str]) -> list[Owner | None]:
        batches.append(list(keys))
        return [OWNERS.get(key) for key in keys]

    return {"data": data, "loader": DataLoader(load), "batches": batches, "order": []}


class Data:
    """Workspaces with wrong values in them, now and then."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def some(self) -> list[Workspace]:
        """Four of them."""
        return [self.workspace(number) for number in range(4)]

    def wrong(self, value: Any, chance: float = 0.03) -> Any:
        """The value, or another by chance."""
        return self.random.choice(_WRONG) if self.random.random() < chance else value

    def owner(self, number: int) -> Owner:
        """An owner."""
        return Owner(id=self.wrong(f"u{number}"), name=self.wrong("n"), email=self.wrong(None))

    def resource(self) -> Any:
        """One of a union."""
        if self.random.random() < 0.5:
            tools = self.wrong(["t", self.wrong("u")])
            return Agent(id=strawberry.ID("a"), name=self.wrong("ag"), tools=tools, owner=self.owner(1))
        return Mock(id=strawberry.ID("m"), port=self.wrong(80), ratio=self.wrong(1.5), data=self.wrong({"a": [1]}))

    def plain(self) -> Any:
        """An object of a type without an interface: of its class, or of another with the same attributes."""
        made = Plain(name=self.wrong("p"), size=self.wrong(2), level=self.wrong(Level.HIGH))
        return self.random.choice([made, made, type("Other", (), dict(vars(made)))()])

    def workspace(self, number: int) -> Workspace:
        """A workspace."""
        wrong, random = self.wrong, self.random
        return Workspace(
            id=strawberry.ID(f"w{number}"),
            name=wrong(f"ws{number}"),
            status=wrong(random.choice(list(Status)), 0.02),
            level=wrong(random.choice([None, *Level])),
            cpu=wrong(4),
            load=wrong(random.choice([0.5, 3])),
            ready=wrong(True),
            owner=wrong(self.owner(number)),
            owners=wrong([self.owner(1), None, self.owner(2)]),
            must=wrong((self.owner(1), wrong(self.owner(2)))),
            plain=wrong(self.plain()),
            plains=wrong([self.plain(), self.plain()]),
            matrix=wrong([[1, wrong(2)], wrong([3])]),
            resources=wrong([self.resource(), wrong(self.resource())], 0.02),
            maybe=wrong([self.resource(), None]),
            first=wrong(self.resource(), 0.02),
            named=wrong([self.owner(3), wrong(self.owner(1))]),
            data=wrong({"any": ["thing", number]}),
            key=f"u{random.randrange(5)}",
            pause=random.choice([0, 0, 0, 1, 2, 3]),
        )
