"""Waits until an environment is what was asked for, and tells why when it does not become so."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from app.cli.api import Api
from app.cli.exits import CliError, Exit
from app.cli.follow import Follower
from app.cli.output import harmless, note
from app.cli.progress import Display

Json = dict[str, Any]
UP, DOWN, GONE = "RUNNING", "STOPPED", "TERMINATED"
#: Seconds without news after which to look: an event is a hint.
_LOOK_AGAIN = 5.0
_LAST_LINES = 20
_ENDS = {"FAILED", "DEGRADED", "STOPPED", "TERMINATED"}


class WaitFailed(CliError):
    """What was waited for does not come. `environment` is how it is now."""

    def __init__(self, environment: Json, message: str, hint: str) -> None:
        super().__init__(message, hint, exit_code=Exit.FAILED)
        self.environment = environment


def wait(api: Api, environment: Json, wanted: str, display: Display, limit: float) -> Json:
    """The environment once it is `wanted`; raises `WaitFailed`."""
    if _reached(api, environment, wanted):
        return environment
    since = datetime.fromisoformat(environment["updatedAt"])
    follower = Follower(api, "WatchProgress", id=environment["id"])
    deadline = time.monotonic() + limit
    with display:
        while (left := deadline - time.monotonic()) > 0:
            item = follower.next(min(left, _LOOK_AGAIN))
            if item is not None:
                if item["at"] and datetime.fromisoformat(item["at"]) < since:
                    continue
                if item["kind"] not in ("GAP", "END"):
                    display.show(item)
                if item["status"] not in {wanted} | _ENDS and not item["end"]:
                    continue
            environment = api.run("GetEnvironment", id=environment["id"]) or environment
            if _reached(api, environment, wanted):
                return environment
    status = environment["status"].lower()
    raise WaitFailed(
        environment,
        f"{environment['name']} is {status} after {limit:g} s, not {wanted.lower()}; the server goes on.",
        api.where.command("env", "get", environment["id"]),
    )


def _reached(api: Api, environment: Json, wanted: str) -> bool:
    """Whether it is what was wanted; raises `WaitFailed` when it will not become so by itself."""
    status, name, command = environment["status"], environment["name"], api.where.command
    if status == wanted:
        return True
    if status == "TERMINATED":
        raise WaitFailed(environment, f"{name} was deleted meanwhile.", command("env", "list"))
    if wanted != UP:
        return False
    if status == "FAILED" or (status == "DEGRADED" and _failed_services(environment)):
        raise WaitFailed(environment, f"{name} failed: {environment['message']}", _next(api, environment))
    if status == "STOPPED":
        why = environment["message"] or "It was stopped meanwhile."
        raise WaitFailed(environment, f"{name} is stopped. {why}", command("env", "resume", environment["id"]))
    return False


def explain(api: Api, failure: WaitFailed) -> None:
    """The last lines of the service that failed: mostly they tell why."""
    services = _failed_services(failure.environment)
    if not services:
        return
    lines = api.run("RecentLogs", id=failure.environment["id"], service=services[0], tail=_LAST_LINES)
    note(
        f"{services[0]} failed; the last lines that it wrote:" if lines else f"{services[0]} failed and wrote nothing."
    )
    for line in lines:
        note(f"  {harmless(line['text'])}")


def _failed_services(environment: Json) -> list[str]:
    return [service["name"] for service in environment["services"] if service["status"] == "FAILED"]


def _next(api: Api, environment: Json) -> str:
    services = _failed_services(environment)
    named = ["--service", services[0]] if services else []
    return api.where.command("env", "logs", environment["id"], *named)
