"""The work that every server is given: one object of ten scalars and a nested one, and a list of a hundred of eight."""

from __future__ import annotations

import strawberry

ONE = (
    "query One($id: ID!) { workspace(id: $id) { id name slug status region cpu memoryMb diskGb createdAt active "
    "owner { id name email } } }"
)
MANY = "query Many { workspaces { id name slug status region cpu diskGb active } }"
ROW = ONE.replace("One", "Row").replace("workspace(id", "stored(id")
COUNT = 100


@strawberry.type(description="Who owns a workspace.")
class Owner:
    id: strawberry.ID = strawberry.field(description="Its id.")
    name: str = strawberry.field(description="Its name.")
    email: str = strawberry.field(description="Its address.")


@strawberry.type(description="Something of ten fields.")
class Item:
    id: strawberry.ID = strawberry.field(description="Its id.")
    name: str = strawberry.field(description="Its name.")
    slug: str = strawberry.field(description="Its name in a path.")
    status: str = strawberry.field(description="How it is.")
    region: str = strawberry.field(description="Where it is.")
    cpu: int = strawberry.field(description="Cores.")
    memory_mb: int = strawberry.field(description="Memory.")
    disk_gb: float = strawberry.field(description="Disk.")
    created_at: str = strawberry.field(description="When it was made.")
    active: bool = strawberry.field(description="Whether it is used.")
    owner: Owner = strawberry.field(description="Who owns it.")


OWNER = Owner(id=strawberry.ID("u1"), name="Ada Lovelace", email="ada@example.com")


def item(number: int) -> Item:
    """One of the objects."""
    return Item(
        id=strawberry.ID(f"ws_{number}"),
        name=f"workspace {number}",
        slug=f"workspace-{number}",
        status="RUNNING",
        region="eu-west-1",
        cpu=4,
        memory_mb=8192,
        disk_gb=20.5,
        created_at="2026-08-01T10:00:00Z",
        active=True,
        owner=OWNER,
    )


ITEMS = [item(number) for number in range(COUNT)]
BY_ID = {each.id: each for each in ITEMS}
