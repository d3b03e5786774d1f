"""What can be wrong with a Blueprint as a whole."""

from __future__ import annotations

from app.core.errors import NotFound, Unprocessable


class BlueprintInvalid(Unprocessable):
    """The Blueprint does not validate."""

    code = "BLUEPRINT_INVALID"


class BlueprintTooLarge(BlueprintInvalid):
    """The Blueprint is larger than 1 MiB."""

    code, status = "BLUEPRINT_TOO_LARGE", 413


class UnresolvedReference(Unprocessable):
    """A reference names something that this environment does not have."""

    code = "UNRESOLVED_REFERENCE"


class TemplateNotFound(NotFound):
    """No bundled template has this id."""

    code = "TEMPLATE_NOT_FOUND"
