"""Isolation levels: which this machine offers, found by trying, and the command that puts a unit into one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from app.runner import landlock_exec
from app.runner.folders import DataFolder, EnvironmentFolder
from app.runner.model import EngineRefused, Isolation, IsolationUnavailable, Unit

_HINTS = {
    Isolation.NAMESPACE: "Install bubblewrap (`apt install bubblewrap`) and allow user namespaces.",
    Isolation.LANDLOCK: "It needs Linux 5.13 or later with Landlock switched on.",
}

#: Runs a command, without output and within a few seconds; the result is its exit code.
Try = Callable[[Sequence[str]], Awaitable[int | None]]


def find_bubblewrap() -> str | None:
    """The machine's own `bwrap`, or the one that `SOUNDSTAGE_BUBBLEWRAP` names.

    One that merely lies in the virtual environment, as a test dependency does, must not change how services run.
    """
    if named := os.environ.get("SOUNDSTAGE_BUBBLEWRAP"):
        return named if os.access(named, os.X_OK) else None
    own = str(Path(sys.executable).parent)
    folders = [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if folder != own]
    return shutil.which("bwrap", path=os.pathsep.join(folders))


class Isolator:
    def __init__(self, data: Path, attempt: Try) -> None:
        self._data_folder = DataFolder(data)
        self._attempt = attempt
        self._bubblewrap = find_bubblewrap()
        self._probe: asyncio.Task[tuple[Isolation, ...]] | None = None

    async def levels(self) -> tuple[Isolation, ...]:
        """Strongest first."""
        if self._probe is None:
            self._probe = asyncio.create_task(self._find_levels())
        return await asyncio.shield(self._probe)

    async def require(self, level: Isolation) -> None:
        if level is not Isolation.PLAIN and level not in await self.levels():
            raise IsolationUnavailable(
                f"This machine does not offer the isolation level {level.value!r}. {_HINTS[level]}",
                demanded=level.value,
                offered=[offered.value for offered in await self.levels()],
            )

    async def _find_levels(self) -> tuple[Isolation, ...]:
        found = []
        with tempfile.TemporaryDirectory() as name:
            folder = EnvironmentFolder(Path(name))
            folder.make()
            unit = Unit("try", "try", 0, ("/bin/true",))
            for level in (Isolation.NAMESPACE, Isolation.LANDLOCK):
                with contextlib.suppress(IsolationUnavailable):
                    if await self._attempt(self.command(level, unit, folder, folder.work)) == 0:
                        found.append(level)
        return (*found, Isolation.PLAIN)

    def command(
        self, level: Isolation, unit: Unit, folder: EnvironmentFolder, directory: Path, command: Sequence[str] = ()
    ) -> list[str]:
        """The unit's command, or another one for it (probe, shutdown), at this level."""
        program = list(command or unit.command)
        writable = [folder.work, folder.volumes]
        readable = [self._data_folder.inside(path) for path in unit.reads]
        mounts = []
        if level is Isolation.NAMESPACE:
            mounts = [(folder.volumes / name, _mount_point(mount, folder)) for name, mount in unit.volumes.items()]
        return self.command_in(level, program, writable, folder.temporary, directory, mounts, readable)

    def command_in(
        self,
        level: Isolation,
        program: Sequence[str],
        writable: Sequence[Path],
        temporary: Path,
        directory: Path,
        mounts: Sequence[tuple[Path, str]] = (),
        readable: Sequence[Path] = (),
    ) -> list[str]:
        """The command that may write to some folders; `temporary` is its /tmp where it has a namespace of its own."""
        if level is Isolation.PLAIN:
            return list(program)
        if level is Isolation.LANDLOCK:
            allowed = [str(path) for path in (*writable, temporary, Path("/tmp"), Path("/dev"))]  # noqa: S108
            return [sys.executable, "-I", "-S", landlock_exec.__file__, *allowed, "--", *program]
        if self._bubblewrap is None:
            raise IsolationUnavailable("bubblewrap is not installed.")
        arguments = _namespace_arguments(self._data_folder.root, writable, temporary, directory, mounts, readable)
        return [self._bubblewrap, *arguments, "--", *program]


def _namespace_arguments(
    data: Path,
    writable: Sequence[Path],
    temporary: Path,
    directory: Path,
    mounts: Sequence[tuple[Path, str]],
    readable: Sequence[Path],
) -> list[str]:
    arguments = ["--unshare-user-try", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--cap-drop", "ALL"]
    # The root is an empty one, into which the machine's folders are bound: so mount points can be made in it.
    for path in sorted(Path("/").iterdir()):
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir() and path.name not in ("proc", "dev", "tmp"):
            arguments += ["--ro-bind-try", str(path), str(path)]
    arguments += ["--proc", "/proc", "--dev", "/dev", "--bind", str(temporary), "/tmp"]  # noqa: S108
    if data.is_dir():
        # Other environments and the control plane's own files are not to be seen.
        arguments += ["--tmpfs", str(data)]
    for path in readable:
        arguments += ["--ro-bind-try", str(path), str(path)]
    for path in writable:
        arguments += ["--bind", str(path), str(path)]
    for source, place in mounts:
        arguments += ["--bind", str(source), place]
    return [*arguments, "--remount-ro", "/", "--chdir", str(directory)]


def _mount_point(mount: str, folder: EnvironmentFolder) -> str:
    path = Path(os.path.normpath(folder.work / mount))
    inside = path.is_relative_to(folder.work) or path.is_relative_to("/tmp")  # noqa: S108
    if not inside and not path.exists() and path.parent != Path("/"):
        raise EngineRefused(
            f"The volume path {mount} cannot be made: {path.parent} is the machine's. Use a path directly under /, "
            "one that exists, a relative one, or the variable SOUNDSTAGE_VOLUME_<NAME>.",
            path=mount,
        )
    return str(path)


def number_of(name: str) -> int:
    """The number of a signal's name, with or without SIG."""
    full = name.upper() if name.upper().startswith("SIG") else f"SIG{name.upper()}"
    try:
        return signal.Signals[full].value
    except KeyError:
        raise EngineRefused(f"There is no signal {name!r}.") from None
