"""Lets a program write only below some folders, then becomes it: `landlock_exec.py FOLDER … -- PROGRAM ARGUMENT …`.

Run as a file of its own with `python -I -S`: it may import nothing of ours.
"""

import ctypes
import os
import struct
import sys

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_RULE_PATH_BENEATH = 1
_GET_VERSION = 1
_PR_SET_NO_NEW_PRIVS = 38

_WRITE_FILE, _REFER, _TRUNCATE = 1 << 1, 1 << 13, 1 << 14
_REMOVE_AND_MAKE = sum(1 << bit for bit in range(4, 13))
#: The rights that a rule on a file, not a folder, may give.
_OF_FILES = _WRITE_FILE | _TRUNCATE

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def version() -> int:
    """The kernel's Landlock ABI, 0 where there is none."""
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, 0, _GET_VERSION)))


def restrict(folders: list[str]) -> None:
    abi = version()
    if abi == 0:
        raise OSError("this kernel has no Landlock")
    rights = _WRITE_FILE | _REMOVE_AND_MAKE | (_REFER if abi >= 2 else 0) | (_TRUNCATE if abi >= 3 else 0)
    attributes = struct.pack("=Q", rights)
    ruleset = _checked(_libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0))
    for folder in folders:
        handle = os.open(folder, os.O_PATH | os.O_CLOEXEC)
        allowed = rights if os.path.isdir(folder) else rights & _OF_FILES  # noqa: PTH112
        rule = struct.pack("=Qi", allowed, handle)
        _checked(_libc.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0))
        os.close(handle)
    _checked(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _checked(_libc.syscall(_RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def main() -> None:
    divider = sys.argv.index("--")
    restrict(sys.argv[1:divider])
    program = sys.argv[divider + 1 :]
    try:
        os.execvp(program[0], program)  # noqa: S606
    except FileNotFoundError:
        sys.exit(127)


if __name__ == "__main__":
    main()
