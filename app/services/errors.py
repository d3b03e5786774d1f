"""What can be wrong with the services of a session."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, Unprocessable


class ServiceNotFound(NotFound):
    """The session has no service with this id."""


class ServiceNameTaken(Conflict):
    """The session has a service of this name. Choose another name."""

    code = "SERVICE_NAME_TAKEN"


class ServiceNeeded(Conflict):
    """Another service of the session needs this one. Change that one first."""

    code = "SERVICE_NEEDED"


class BadService(Unprocessable):
    """The service is not valid."""

    code = "BAD_SERVICE"


class NothingToRun(Conflict):
    """The session has no services. Define one first, or import some."""

    code = "NOTHING_TO_RUN"


class BadOrder(Unprocessable):
    """The order has to name each service of the session exactly once."""

    code = "BAD_ORDER"


class NotRecognized(Unprocessable):
    """Nothing in the repository says how it is run. Give `run`: the command that starts it."""

    code = "NOT_RECOGNIZED"


class FolderTaken(Conflict):
    """The working copy has something at this place already. Give another `directory`."""

    code = "FOLDER_TAKEN"


class NoDatabase(NotFound):
    """The service has no `database` block: it does not say how its database is reached."""

    code = "NO_DATABASE"
