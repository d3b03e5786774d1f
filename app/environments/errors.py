"""What can go wrong with environments."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, Unprocessable


class EnvironmentNotFound(NotFound):
    """No environment with this id is visible to you."""

    code = "NOT_FOUND"


class EnvironmentDeleted(Conflict):
    """The environment is being deleted or is gone; create a new one."""

    code = "ENVIRONMENT_DELETED"


class EnvironmentChanged(Conflict):
    """Somebody else changed the environment at the same moment. Read it again, then retry."""

    code = "CONFLICT"


class NotStopped(Conflict):
    """Only a stopped environment can be resumed."""

    code = "ENVIRONMENT_NOT_STOPPED"


class NotFailed(Conflict):
    """Only an environment that failed or is degraded can be retried."""

    code = "ENVIRONMENT_NOT_FAILED"


class OfSession(Conflict):
    """The environment's services are those of a session: change them there."""

    code = "ENVIRONMENT_OF_SESSION"


class UnknownService(Unprocessable):
    """The environment's Blueprint has no service of this name."""

    code = "SERVICE_NOT_FOUND"


class BadReplicas(Unprocessable):
    """The number of replicas is outside 0 to 20."""

    code = "REPLICAS_OUT_OF_RANGE"


class BadName(Unprocessable):
    """A name has 1 to 100 characters and is not only spaces."""

    code = "NAME_INVALID"


class BadDuration(Unprocessable):
    """The automatic shutdown takes a number of seconds from 1 to 31,536,000 (a year), or null for none."""

    code = "DURATION_INVALID"
