"""What follows the end of a run: why it ended, whether it is started again, and when. Pure functions."""

from __future__ import annotations

import random
import signal
from dataclasses import dataclass

from app.runner.model import Cause, Isolation, Restart, RestartPolicy, Unit, UnitStatus

#: Seconds of health that end a row of restarts.
HEALTHY_SECONDS = 60.0
_COMMAND_NOT_FOUND = 127
_NOT_EXECUTABLE = 126


@dataclass(frozen=True, slots=True)
class Verdict:
    status: UnitStatus
    #: Seconds until the next start, where the status is `restarting`.
    delay: float = 0.0


def judge(unit: Unit, cause: Cause | None, row: int) -> Verdict:
    """`cause` is None for a run that ended with 0, `row` counts the restarts in a row before it."""
    policy = unit.restart.policy
    failed = cause is not None
    if unit.one_shot and not failed:
        return Verdict(UnitStatus.COMPLETED)
    again = policy is RestartPolicy.ALWAYS or (failed and policy is RestartPolicy.ON_FAILURE)
    if not again:
        return Verdict(UnitStatus.FAILED if failed else UnitStatus.COMPLETED)
    if unit.restart.max is not None and row >= unit.restart.max:
        return Verdict(UnitStatus.FAILED)
    return Verdict(UnitStatus.RESTARTING, backoff(unit.restart, row))


def backoff(restart: Restart, row: int) -> float:
    """Doubled each time up to the limit, ±10 % so that many units do not start at one moment."""
    # A float overflows at the 1024th doubling.
    delay = min(restart.backoff * 2.0 ** min(row, 64), restart.backoff_limit)
    return delay * random.uniform(0.9, 1.1)  # noqa: S311


def cause_of_exit(code: int | None, *, out_of_memory: bool, isolation: Isolation) -> Cause | None:
    """None for a good end."""
    if out_of_memory and code != 0:
        return Cause("out_of_memory", "Killed for using more memory than its limit.", code)
    if code is None:
        return Cause("lost", "It ended while no runner was there to see how.")
    if isolation is Isolation.NAMESPACE and code > 128:
        code = 128 - code  # bubblewrap tells a signal as shells do
    if code < 0:
        name = _signal_name(-code)
        return Cause("signal", f"Ended by {name}.", signal=name)
    if code == _COMMAND_NOT_FOUND:
        return Cause("spawn", "Exit code 127: a command was not found. Its name is in the log.", code)
    if code == _NOT_EXECUTABLE:
        return Cause("spawn", "Exit code 126: the command is there but cannot be executed.", code)
    return Cause("exit", f"Exited with code {code}.", code) if code else None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
