"""Where things lie in the data directory, and which names may become part of a path."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from app.runner.model import EngineRefused, Unit

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
#: A Unix socket's path has 107 bytes at most.
_SOCKET_PATH_LIMIT = 107


def check_name(kind: str, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise EngineRefused(f"The {kind} {name!r} may hold letters, digits, dot, dash and underscore only.")
    return name


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock on this file: asked by who does not want it."""
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False


def make_private(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


@dataclass(frozen=True, slots=True)
class EnvironmentFolder:
    """What belongs to one environment. `work` and `volumes` are kept until destroy."""

    root: Path
    #: Where its units work, if not in a folder of its own.
    elsewhere: Path | None = None

    @property
    def work(self) -> Path:
        return self.elsewhere or self.root / "work"

    @property
    def volumes(self) -> Path:
        return self.root / "volumes"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def temporary(self) -> Path:
        """Seen as /tmp by units in a namespace of their own."""
        return self.root / "tmp"

    def log(self, unit: Unit) -> Path:
        return self.logs / f"{unit.service}.{unit.replica}.log"

    def working_directory(self, unit: Unit) -> Path:
        given = Path(unit.working_directory)
        if given.is_absolute() and self.elsewhere is None:
            return given
        folder = Path(os.path.normpath(self.work / given))
        if not folder.is_relative_to(self.work):
            raise EngineRefused(f"The working directory {unit.working_directory!r} leaves the environment's folder.")
        return folder

    def make(self) -> None:
        for folder in (self.root, self.root / "work", self.volumes, self.logs, self.temporary):
            make_private(folder)


@dataclass(frozen=True, slots=True)
class DataFolder:
    root: Path

    @property
    def runner(self) -> Path:
        return self.root / "runner"

    @property
    def lock(self) -> Path:
        return self.runner / "runner.lock"

    @property
    def log(self) -> Path:
        return self.runner / "runner.log"

    @property
    def address(self) -> Path:
        """Holds the path of the socket that the runner listens on."""
        return self.runner / "address"

    @property
    def trash(self) -> Path:
        return self.runner / "trash"

    @property
    def terminals(self) -> Path:
        """The output and the records of terminals."""
        return self.runner / "terminals"

    def terminal_output(self, terminal_id: str) -> Path:
        """The ring that holds the last output of a terminal."""
        check_name("terminal id", terminal_id)
        return self.terminals / f"{terminal_id}.out"

    def environment(self, environment_id: str) -> EnvironmentFolder:
        check_name("environment id", environment_id)
        return EnvironmentFolder(self.root / "environments" / environment_id)

    def folder_of(self, unit: Unit) -> EnvironmentFolder:
        """The environment's folder, as this unit sees it."""
        own = self.environment(unit.environment_id)
        return EnvironmentFolder(own.root, self.inside(unit.folder)) if unit.folder else own

    def inside(self, path: str) -> Path:
        """A path that is given relative to the data directory, and stays in it."""
        found = Path(os.path.normpath(self.root / path))
        if found == self.root or not found.is_relative_to(self.root):
            raise EngineRefused(f"The path {path!r} leaves the data directory.")
        return found

    def make_socket_path(self) -> Path:
        """`runner.sock`, or a short path outside where that one is longer than sockets allow."""
        path = self.runner / "runner.sock"
        if len(os.fsencode(path)) <= _SOCKET_PATH_LIMIT:
            return path
        base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
        folder = base / f"soundstage-{os.getuid()}"
        make_private(folder)
        seen = folder.lstat()
        if seen.st_uid != os.getuid() or seen.st_mode & 0o077 or not folder.is_dir() or folder.is_symlink():
            raise EngineRefused(f"{folder} belongs to somebody else or is open to others; remove it.")
        return folder / f"{hashlib.sha256(os.fsencode(self.root)).hexdigest()[:24]}.sock"
