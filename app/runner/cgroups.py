"""Control groups, v2 or v1: limits for a unit's whole tree, and the surest list of its processes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from app.runner.model import Limits

_log = logging.getLogger(__name__)
_MOUNT = Path("/sys/fs/cgroup")
_PERIOD = 100_000  # microseconds, over which the share of processor time is counted
_CONTROLLERS = ("cpu", "memory", "pids")


def own_groups(text: str) -> dict[str, str]:
    """Controller -> our path in its hierarchy, from /proc/self/cgroup; the key of v2 is empty."""
    groups = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            groups[controller] = path
    return groups


class Cgroups:
    """Finds at start what this process may use, below its own group, so that limits set on us go on to hold."""

    def __init__(self, runner_id: str, mount: Path = _MOUNT, own: str | None = None) -> None:
        self._name = f"soundstage-{runner_id}"
        #: Controller -> the folder in which our groups are made.
        self.bases: dict[str, Path] = {}
        self.version = 0
        groups = own_groups(Path("/proc/self/cgroup").read_text() if own is None else own)
        if not self._use_version_2(mount, groups.get("", "/")):
            self._use_version_1(mount, groups)

    @property
    def available(self) -> bool:
        return bool(self.bases)

    def mechanism(self, limit: str) -> str:
        return "cgroup" if limit in self.bases else "none"

    def _use_version_2(self, mount: Path, own: str) -> bool:
        parent = mount / own.lstrip("/")
        try:
            offered = set((parent / "cgroup.controllers").read_text().split())
        except OSError:
            return False
        usable = [name for name in _CONTROLLERS if name in offered]
        base = parent / self._name
        try:
            base.mkdir(exist_ok=True)
            enable = " ".join(f"+{name}" for name in usable)
            _enable_below(parent, base, enable)
            (base / "cgroup.subtree_control").write_text(enable)
        except OSError as error:
            _log.warning("cgroup v2 cannot be used: %s", error)
            with contextlib.suppress(OSError):
                base.rmdir()
            return False
        self.bases = dict.fromkeys(usable, base)
        self.version = 2
        return bool(usable)

    def _use_version_1(self, mount: Path, groups: dict[str, str]) -> None:
        for name in _CONTROLLERS:
            base = mount / name / groups.get(name, "/").lstrip("/") / self._name
            if name not in groups or not (base.parent / "cgroup.procs").exists():
                continue
            with contextlib.suppress(OSError):
                base.mkdir(exist_ok=True)
                self.bases[name] = base
        self.version = 1 if self.bases else 0

    def place(self, unit_id: str, pid: int, limits: Limits) -> list[str]:
        """Put a process into the groups of its unit. The groups that limit nothing are left out, but for one."""
        wanted = {"cpu": limits.cpu, "memory": limits.memory, "pids": limits.pids}
        used = [n for n in self.bases if wanted[n] is not None]
        if not used or self.version == 2:
            used = used or list(self.bases)[-1:]
        folders: list[str] = []
        for name in used:
            folder = self.bases[name] / unit_id.replace("/", ":")
            folder.mkdir(parents=True, exist_ok=True)
            value = wanted[name]
            if value is not None:
                self._limit(folder, name, value)
            if str(folder) not in folders:
                (folder / "cgroup.procs").write_text(str(pid))
                folders.append(str(folder))
        return folders

    def _limit(self, folder: Path, name: str, value: float) -> None:
        if name == "cpu":
            quota = max(int(value * _PERIOD), 1000)
            if self.version == 2:
                (folder / "cpu.max").write_text(f"{quota} {_PERIOD}")
            else:
                (folder / "cpu.cfs_period_us").write_text(str(_PERIOD))
                (folder / "cpu.cfs_quota_us").write_text(str(quota))
        elif name == "pids":
            (folder / "pids.max").write_text(str(int(value)))
        elif self.version == 2:
            (folder / "memory.max").write_text(str(int(value)))
            with contextlib.suppress(OSError):
                (folder / "memory.swap.max").write_text("0")
        else:
            self._limit_memory_1(folder, str(int(value)))

    @staticmethod
    def _limit_memory_1(folder: Path, value: str) -> None:
        # The limit with swap may never be the lower one, whichever way both are moved.
        for _ in range(2):
            for file in ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"):
                with contextlib.suppress(OSError):
                    (folder / file).write_text(value)
        if (folder / "memory.limit_in_bytes").read_text().strip() == "0":
            raise OSError(f"{folder}: the memory limit was not taken")

    def failed(self, unit_id: str, error: OSError) -> None:
        """It is seen in the API that a limit is not enforced; the reason is seen here."""
        _log.warning("%s could not be put into a control group: %s", unit_id, error)

    def leftovers(self) -> Iterator[str]:
        """Groups of units that another runner made here."""
        for base in set(self.bases.values()):
            yield from (str(path) for path in base.iterdir() if path.is_dir())

    def close(self) -> None:
        """Remove our own folders where no unit is left in them."""
        for base in set(self.bases.values()):
            with contextlib.suppress(OSError):
                base.rmdir()


def _enable_below(parent: Path, base: Path, enable: str) -> None:
    """A v2 group that holds processes cannot hand controllers down: then step aside, if we are alone in it."""
    control = parent / "cgroup.subtree_control"
    if set(enable.replace("+", "").split()) <= set(control.read_text().split()):
        return
    try:
        control.write_text(enable)
    except OSError:
        aside = base.with_name(f"{base.name}-runner")
        aside.mkdir(exist_ok=True)
        (aside / "cgroup.procs").write_text(str(os.getpid()))
        control.write_text(enable)


def members(folders: Sequence[str]) -> list[int]:
    found: set[int] = set()
    for folder in folders:
        with contextlib.suppress(OSError):
            found.update(int(line) for line in (Path(folder) / "cgroup.procs").read_text().split())
    return list(found)


def memory_kills(folders: Sequence[str]) -> int:
    """How often the kernel killed a process of these groups for want of memory."""
    for folder in folders:
        for file in ("memory.events", "memory.oom_control"):
            with contextlib.suppress(OSError):
                for line in (Path(folder) / file).read_text().splitlines():
                    name, _, count = line.partition(" ")
                    if name == "oom_kill":
                        return int(count)
    return 0


async def remove(folders: Sequence[str]) -> None:
    """The kernel keeps a group busy for a moment after its last process is gone."""
    for folder in folders:
        for _ in range(50):
            try:
                os.rmdir(folder)  # noqa: PTH106
            except FileNotFoundError:
                break
            except OSError:
                await asyncio.sleep(0.01)
            else:
                break
