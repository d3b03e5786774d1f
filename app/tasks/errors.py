"""What can be wrong with a task."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, Unprocessable


class TaskNotFound(NotFound):
    """No task with this id is visible to you."""


class TaskStateConflict(Conflict):
    """The task is in a state that does not permit this."""

    code = "TASK_STATE_CONFLICT"


class BadTask(Unprocessable):
    """The task is not valid."""

    code = "BAD_TASK"


class UnknownAssignee(Unprocessable):
    """The assignee is no member and no agent of your organization, or an agent that was retired."""

    code = "UNKNOWN_ASSIGNEE"


class TooManyTasks(Conflict):
    """The session has as many tasks as it can have. Delete some that are done."""

    code = "TOO_MANY_TASKS"
