"""What can be wrong with automations."""

from __future__ import annotations

from app.core.errors import Conflict, Forbidden, NotFound, Unprocessable


class AutomationNotFound(NotFound):
    """No automation with this id is visible to you."""


class RunNotFound(NotFound):
    """No run with this id is visible to you."""


class BadSchedule(Unprocessable):
    """A schedule has five fields, as cron has them: minute, hour, day of month, month, day of week."""

    code = "BAD_SCHEDULE"


class BadTrigger(Unprocessable):
    """An automation is triggered by a schedule (`cron`) or by events (`events`): by one of the two."""

    code = "BAD_TRIGGER"


class BadAction(Unprocessable):
    """The action lacks something, or has something that it does not take."""

    code = "BAD_ACTION"


class NotForAgents(Forbidden):
    """An agent cannot make or run automations: nobody would judge what they do. Ask a member."""


class ActionFailed(Unprocessable):
    """The action failed."""

    code = "ACTION_FAILED"


class MakerGone(Forbidden):
    """Who it runs for is no member of the organization any more."""

    code = "MAKER_GONE"


class RunTaken(Conflict):
    """Another server has this run at present."""

    code = "RUN_TAKEN"


class Claimed(Conflict):
    """Another server has begun this run already, or the automation was changed."""

    code = "CLAIMED"
