"""What happens to workspaces, sessions, commits and pull requests is announced with the change, and only with it."""

from __future__ import annotations

from typing import Any

import pytest

from app.database.unit_of_work import UnitOfWork
from app.outbox import repository
from app.pull_requests.models import MergeMethod, Verdict
from app.pull_requests.reviews import Reviews
from app.pull_requests.service import PullRequests
from app.version_control.service import VersionControl
from app.workspaces.service import Workspaces
from app.workspaces.sessions import Sessions
from tests.support.working import Working

pytestmark = pytest.mark.anyio


async def told(working: Working) -> list[tuple[str, dict[str, Any]]]:
    """What was announced since the last look."""
    work = UnitOfWork(working.tenant.database, None)
    found = await work.all(repository.OLDEST, limit=100)
    for each in found:
        work.write(repository.REMOVE, id=each.id)
    await work.commit()
    assert {each.organization_id for each in found} <= {working.tenant.id}
    return [(each.type, each.data) for each in found]


async def test_workspaces_and_sessions_are_announced(working: Working) -> None:
    begun = await told(working)

    work = working.tenant.work()
    changed = await Workspaces(work, working.tenant.actor, working.parts).update(working.workspace, name="renamed")
    await work.commit()
    work = working.tenant.work()
    await Sessions(work, working.tenant.actor, working.parts).delete(working.id)
    await Workspaces(work, working.tenant.actor, working.parts).delete(working.workspace)
    await work.commit()

    assert [each for each, _ in begun] == ["workspace.created", "session.created"]
    assert begun[1][1]["workspaceId"] == working.workspace
    after = await told(working)
    assert [each for each, _ in after] == ["workspace.updated", "session.deleted", "workspace.deleted"]
    assert after[0][1]["name"] == changed.name == "renamed"


async def test_commits_are_announced_where_they_are_recorded(working: Working) -> None:
    await told(working)
    first = working.git("rev-parse", "HEAD").strip()
    working.write("cart.py", "items = []\n")

    work = working.tenant.work()
    made = await VersionControl(work, working.tenant.actor, working.parts).commit(working.id, "Add a cart\n\nEmpty.")
    before = await told(working)
    await work.commit()
    work = working.tenant.work()
    await VersionControl(work, working.tenant.actor, working.parts).rollback(working.id, first)
    await work.commit()

    assert before == []
    [(kind, data), (_, back)] = await told(working)
    assert kind == "commit.created"
    assert (data["id"], data["subject"], data["branch"]) == (made.id, "Add a cart", "work")
    assert back["parents"] == [made.id]


async def test_pull_requests_are_announced_in_each_step(working: Working) -> None:
    working.write("cart.py", "items = []\n")
    working.git("add", ".")
    working.git("-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "Add a cart")
    await told(working)

    work = working.tenant.work()
    pulls, reviews = (kind(work, working.tenant.actor, working.parts) for kind in (PullRequests, Reviews))
    assert isinstance(pulls, PullRequests)
    assert isinstance(reviews, Reviews)
    pull = await pulls.open(working.workspace, "A cart", "work")
    await work.commit()
    for closed in (True, False):
        await pulls.update(pull.id, closed=closed)
        await work.commit()
    await pulls.update(pull.id, title="A better cart")
    await work.commit()
    await reviews.add(await pulls.get(pull.id), working.id, Verdict.APPROVE, "Fine", [])
    await work.commit()
    await pulls.merge(pull.id, method=MergeMethod.SQUASH)
    await work.commit()

    found = await told(working)
    assert [each for each, _ in found] == [
        "pull_request.opened",
        "pull_request.closed",
        "pull_request.reopened",
        "pull_request.updated",
        "pull_request.reviewed",
        "pull_request.merged",
    ]
    assert found[3][1]["title"] == "A better cart"
    assert found[4][1]["review"]["verdict"] == "approve"
    assert found[5][1]["mergedCommit"]
