"""Runs a program that ends with its parent, whatever becomes of that: a script of its own, without the packages.

`python -I -S leash.py <pid of the parent> <command…>`. The system tells it of its parent's death, also by `kill -9`;
then, and when the program has ended by itself, all that the program started is ended. A program's children that leave
its session become children of this one, so none is lost.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
import time
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
#: It gives way to the API server.
_NICENESS = 5
_PATIENCE_SECONDS = 5.0
#: Private memory of each of its processes.
_LARGEST_DATA = 4 * 1024**3


def main() -> int:
    """The program's exit code; 143 when it had to end with its parent."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    signal.signal(signal.SIGTERM, _ended)
    with contextlib.suppress(AttributeError):  # where there is no prctl, only the end of its input ends the program
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        return 143
    os.nice(_NICENESS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (_LARGEST_DATA, _LARGEST_DATA))
    try:
        child = os.posix_spawnp(command[0], command, os.environ, setsigdef=[signal.SIGTERM, signal.SIGPIPE])
        for number in (0, 1, 2):
            os.close(number)  # or nobody would see the program close them
        return _wait(child)
    except _Ended:
        return 143
    finally:
        _end_all()


class _Ended(Exception):
    pass


def _ended(number: int, frame: object) -> None:
    raise _Ended


def _wait(child: int) -> int:
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _end_all() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        for pid in _children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.005)


def _children() -> list[int]:
    own, found = os.getpid(), []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == own:
                found.append(int(folder.name))
    return found


if __name__ == "__main__":
    sys.exit(main())
