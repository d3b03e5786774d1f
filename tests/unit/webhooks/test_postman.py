"""The postman: each announcement told once, in order, and one that fails holds up no other."""

from __future__ import annotations

import asyncio

import pytest
import structlog

from app.database.unit_of_work import UnitOfWork
from app.outbox.models import Announcement
from app.outbox.postman import AT_ONCE, Postman
from app.outbox.repository import OLDEST
from app.outbox.service import LARGEST_DATA, announce
from tests.support.tenants import Tenant
from tests.support.waiting import until

pytestmark = pytest.mark.anyio


class Listener:
    """Notes what it is told, and refuses what it is told to refuse."""

    def __init__(self, *refused: str) -> None:
        self.refused, self.told = refused, list[str]()

    async def listen(self, work: UnitOfWork, announcement: Announcement) -> None:
        name = str(announcement.data["name"])
        if name in self.refused:
            raise RuntimeError("a defect")
        work.after_commit(lambda: self.told.append(name))


async def _announce(tenant: Tenant, *names: str) -> None:
    work = tenant.work()
    for name in names:
        announce(work, "environment.created", {"name": name})
    await work.commit()


async def test_what_was_announced_is_told_once_and_in_order(organization: Tenant) -> None:
    names = [f"{number:04d}" for number in range(AT_ONCE + 20)]
    for name in names:
        await _announce(organization, name)
    listener = Listener()
    postman = Postman(organization.database, [listener.listen])

    counts = [await postman.tell() for _ in range(3)]

    assert listener.told == names
    assert counts == [AT_ONCE, 20, 0]


async def test_several_postmen_tell_of_each_once(organization: Tenant) -> None:
    listener = Listener()
    postmen = [Postman(organization.database, [listener.listen]) for _ in range(3)]
    for number in range(30):
        await _announce(organization, str(number))

    while await UnitOfWork(organization.database, None).all(OLDEST, limit=1):
        await asyncio.gather(*(postman.tell() for postman in postmen))

    assert sorted(listener.told, key=int) == [str(number) for number in range(30)]


async def test_one_that_fails_holds_up_no_other_and_is_told_later(organization: Tenant) -> None:
    await _announce(organization, "a", "bad", "c")
    failing, mended = Listener("bad"), Listener()
    with structlog.testing.capture_logs() as logs:
        told = await Postman(organization.database, [failing.listen]).tell()

    assert (told, sorted(failing.told)) == (2, ["a", "c"])
    assert [log["event"] for log in logs if log["log_level"] == "error"] == ["outbox.not_told"]
    await Postman(organization.database, [mended.listen]).tell()
    assert mended.told == ["bad"]


async def test_a_postman_at_work_tells_at_once(organization: Tenant) -> None:
    listener = Listener()
    postman = Postman(organization.database, [listener.listen])
    postman.start()
    await asyncio.sleep(0)

    await _announce(organization, "a")

    async def told() -> bool:
        return listener.told == ["a"]

    await until(told, 0.9)
    await postman.close()


async def test_what_is_too_large_is_told_by_its_id(organization: Tenant) -> None:
    work = organization.work()

    made = announce(work, "environment.failed", {"id": "env_1", "message": "x" * LARGEST_DATA})

    assert made.data == {"id": "env_1", "truncated": True}


async def test_the_system_has_to_say_whose_event_it_is(organization: Tenant) -> None:
    with pytest.raises(ValueError, match="organization"):
        announce(UnitOfWork(organization.database, None), "environment.failed", {})
