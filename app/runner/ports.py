"""Ports for units, so that neither another runner of this machine nor a foreign program has the same.

A port is held by binding the abstract Unix socket of its number: the kernel lets go of it when the runner dies, and
the next runner takes it again. Binding the port itself would keep the unit from it.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import random
import socket
from collections.abc import Collection, Mapping
from pathlib import Path

from app.runner.model import EngineRefused, PortTaken

_log = logging.getLogger(__name__)
_LISTEN = "0A"
#: How long a runner that ends may still hold its ports, in steps of 20 ms.
_RETAKE_STEPS = 50


class Ports:
    def __init__(self, first: int = 20_000, last: int = 29_999) -> None:
        self._range = range(first, last + 1)
        self._held: dict[int, socket.socket] = {}

    def choose(self, kept: Mapping[str, int], wanted: Mapping[str, int], fixed: Collection[str] = ()) -> dict[str, int]:
        """`kept` and a held port for each other name in `wanted`. All or nothing."""
        chosen = dict(kept)
        taken: list[int] = []
        dropped: list[int] = []
        try:
            for name, preferred in wanted.items():
                if name in kept and (name not in fixed or kept[name] == preferred):
                    continue
                chosen[name] = self._take_fixed(name, preferred) if name in fixed else self._take(preferred)
                taken.append(chosen[name])
                dropped += [kept[name]] if name in kept else []
        except BaseException:
            self.release(taken)
            raise
        self.release(dropped)
        return chosen

    def _take_fixed(self, name: str, port: int) -> int:
        if not 0 < port < 65536:
            raise EngineRefused(f"{port} is no port number (for {name}).", port=port)
        if port in self._held:
            raise PortTaken(f"Port {port} (for {name}) is reserved by another environment.", port=port)
        if not self._hold(port):
            raise PortTaken(f"Port {port} (for {name}) is reserved by another runner of this machine.", port=port)
        if not is_free(port):
            self.release([port])
            raise PortTaken(f"Port {port} (for {name}) is taken by {owner_of(port)}.", port=port)
        return port

    def _take(self, preferred: int) -> int:
        if preferred and self._take_if_free(preferred):
            return preferred
        begin = random.randrange(len(self._range))  # noqa: S311
        for step in range(len(self._range)):
            port = self._range[(begin + step) % len(self._range)]
            if self._take_if_free(port):
                return port
        raise PortTaken(f"No port between {self._range[0]} and {self._range[-1]} is free.")

    def _take_if_free(self, port: int) -> bool:
        if port in self._held or not 0 < port < 65536 or not self._hold(port):
            return False
        if is_free(port):
            return True
        self.release([port])
        return False

    def _hold(self, port: int) -> bool:
        holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            holder.bind(f"\0soundstage-port-{port}")
        except OSError:
            holder.close()
            return False
        self._held[port] = holder
        return True

    async def retake(self, ports: Collection[int]) -> None:
        """Hold again what a former runner of this data directory held; it may be about to end."""
        missing = [port for port in ports if port not in self._held and not self._hold(port)]
        for _ in range(_RETAKE_STEPS):
            if not missing:
                return
            await asyncio.sleep(0.02)
            missing = [port for port in missing if not self._hold(port)]
        for port in missing:
            _log.warning("port %d was taken by another runner while none was here", port)

    def release(self, ports: Collection[int]) -> None:
        for port in ports:
            holder = self._held.pop(port, None)
            if holder is not None:
                holder.close()


def is_free(port: int) -> bool:
    """Whether a program could listen on it: on this machine only, and on all addresses."""
    for address in ("127.0.0.1", "0.0.0.0"):  # noqa: S104
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    return False
    return True


def owner_of(port: int) -> str:
    """`nginx (pid 123)`, or what can be said where the owner is not to be seen."""
    inodes = _listening_inodes(port)
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            for handle in (folder / "fd").iterdir():
                if str(handle.readlink()) in inodes:
                    program = (folder / "comm").read_text().strip()
                    return f"{program} (pid {folder.name})"
        except OSError:
            continue
    return "another program"


def _listening_inodes(port: int) -> set[str]:
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(f"socket:[{fields[9]}]")
    return found
