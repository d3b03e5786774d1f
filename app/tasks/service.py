"""The verbs of tasks."""

from __future__ import annotations

from typing import Any

from app.agents import repository as agents
from app.agents.models import AgentStatus
from app.core.actor import Actor
from app.core.clock import Clock, now
from app.core.errors import Conflict, PreconditionFailed
from app.core.ids import new_id
from app.core.paging import NEWEST, Page
from app.database.unit_of_work import UnitOfWork
from app.members import repository as members
from app.tasks import repository
from app.tasks.errors import BadTask, TaskNotFound, TaskStateConflict, TooManyTasks, UnknownAssignee
from app.tasks.models import CLOSED, STEPS, Task, TaskAction, TaskState
from app.workspaces import repository as workspaces
from app.workspaces.errors import SessionNotFound

MOST_TASKS = 2_000
LONGEST_TITLE, LONGEST_TEXT = 200, 10_000


class Tasks:
    """The tasks of an actor's sessions."""

    def __init__(self, work: UnitOfWork, actor: Actor, clock: Clock = now) -> None:
        self.work, self.actor, self.clock = work, actor, clock

    async def find(self, task_id: str) -> Task | None:
        """One task, or None where none is visible."""
        return await self.work.one(repository.TASK, id=task_id)

    async def get(self, task_id: str) -> Task:
        """The same; raises `TaskNotFound`."""
        found = await self.find(task_id)
        if found is None:
            raise TaskNotFound()
        return found

    async def page(self, session_id: str, limit: int, before: str | None, state: TaskState | None = None) -> Page[Task]:
        """The tasks of a session from the newest on; raises `SessionNotFound`."""
        await self._check_session(session_id)
        found = await self.work.all(
            repository.OF_SESSION_BEFORE,
            session_id=session_id,
            before=before or NEWEST,
            state=state or "",
            limit=limit + 1,
        )
        return Page(found[:limit], len(found) > limit)

    async def create(self, session_id: str, title: str, *, description: str = "", assignee_id: str = "") -> Task:
        """A new task, which is open; raises `BadTask`, `UnknownAssignee` and `TooManyTasks`."""
        await self._check_session(session_id)
        [held] = await self.work.all(repository.COUNT, session_id=session_id)
        if held["count"] >= MOST_TASKS:
            raise TooManyTasks(f"A session has at most {MOST_TASKS:,} tasks.")
        await self._check_assignee(assignee_id)
        moment = self.clock()
        task = Task(
            id=new_id("tsk"),
            organization_id=self.actor.organization_id,
            session_id=session_id,
            title=_title(title),
            description=_text("description", description),
            state=TaskState.OPEN,
            assignee_id=assignee_id,
            created_by=self.actor.user_id or self.actor.agent_id,
            created_at=moment,
            updated_at=moment,
        )
        self.work.write(repository.ADD, **task.__dict__)
        return task

    async def manage(
        self,
        task_id: str,
        action: TaskAction,
        *,
        title: str | None = None,
        description: str | None = None,
        assignee_id: str | None = None,
        reason: str | None = None,
        expected_version: int | None = None,
    ) -> Task:
        """Does one thing with a task, and changes what is given beside it."""
        found = await self.get(task_id)
        if expected_version is not None and found.version != expected_version:
            raise PreconditionFailed()
        if action is TaskAction.DELETE:
            self.work.write(repository.REMOVE, expect=1, otherwise=Conflict(), id=found.id, seen=found.version)
            return found
        changes = self._step(found, action)
        if action is TaskAction.UNASSIGN:
            changes["assignee_id"] = ""
        elif action is TaskAction.ASSIGN and not assignee_id:
            raise BadTask("Say whom the task is assigned to: `assigneeId`, a member or an agent.")
        elif assignee_id is not None:
            await self._check_assignee(assignee_id)
            changes["assignee_id"] = assignee_id
        given = {
            "title": None if title is None else _title(title),
            "description": None if description is None else _text("description", description),
            "reason": None if reason is None else _text("reason", reason),
        }
        changes |= {key: value for key, value in given.items() if value is not None}
        changed = found.changed(**changes, updated_at=self.clock(), version=found.version + 1)
        self.work.write(repository.CHANGE, expect=1, otherwise=Conflict(), seen=found.version, **changed.__dict__)
        return changed

    def _step(self, task: Task, action: TaskAction) -> dict[str, Any]:
        step = STEPS.get(action)
        if step is None:
            return {}
        begins, ends = step
        if task.state not in begins:
            raise TaskStateConflict(
                f"A task that is {task.state} cannot be asked to {action}; one that is {' or '.join(sorted(begins))} "
                f"can."
            )
        return {"state": ends, "reason": "", "closed_at": self.clock() if ends in CLOSED else None}

    async def _check_session(self, session_id: str) -> None:
        if await self.work.one(workspaces.SESSION, id=session_id) is None:
            raise SessionNotFound()

    async def _check_assignee(self, assignee_id: str) -> None:
        if not assignee_id:
            return
        agent = await self.work.one(agents.AGENT, id=assignee_id)
        if agent is not None and agent.status is not AgentStatus.RETIRED:
            return
        if agent is not None or await self.work.one(members.MEMBER, user_id=assignee_id) is None:
            raise UnknownAssignee()


def _title(title: str) -> str:
    title = title.strip()
    if not 1 <= len(title) <= LONGEST_TITLE:
        raise BadTask(f"A title has 1 to {LONGEST_TITLE} characters.")
    return title


def _text(what: str, text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise BadTask(f"The {what} has at most {LONGEST_TEXT:,} characters.")
    return text
