"""What can be wanted of an environment, and what that makes of it."""

from __future__ import annotations

from app.blueprints.document import Blueprint
from app.environments.errors import BadDuration, BadName
from app.environments.models import Desired, Environment, EnvironmentStatus

LONGEST_SHUTDOWN = 365 * 24 * 3600


def rebuilt(environment: Environment, blueprint: Blueprint) -> list[str]:
    """The services that have to be built once more before they start with another definition."""
    before = environment.blueprint["services"]
    now = {name: each.model_dump(mode="json") for name, each in blueprint.services.items() if each.build is not None}
    return [name for name, definition in now.items() if name in before and before[name] != definition]


def redefined(environment: Environment, *, resume: bool) -> tuple[Desired, EnvironmentStatus]:
    """What a redefined environment is to be, and is until the reconciler has looked at it."""
    if environment.desired is Desired.STOPPED:
        return (Desired.RUNNING, EnvironmentStatus.RESUMING) if resume else (Desired.STOPPED, environment.status)
    failed = environment.status is EnvironmentStatus.FAILED
    return Desired.RUNNING, EnvironmentStatus.PROVISIONING if failed else environment.status


def name_of(name: str) -> str:
    """A name as it is kept; raises `BadName`."""
    name = name.strip()
    if not 1 <= len(name) <= 100:
        raise BadName()
    return name


def shutdown_of(seconds: float | None) -> int | None:
    """Seconds to an automatic stop; raises `BadDuration`."""
    if seconds is None:
        return None
    if not 1 <= seconds <= LONGEST_SHUTDOWN:
        raise BadDuration()
    return int(seconds)
