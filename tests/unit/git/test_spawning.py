"""Programs are started beside threads that open files: no descriptor is closed that is somebody else's."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest
import uvloop

from app.git.spawning import spawn

TIMES, AT_ONCE = 150, 8


@pytest.mark.parametrize("loop", [uvloop.new_event_loop, asyncio.new_event_loop])
def test_no_descriptor_of_another_thread_is_closed(tmp_path: Path, loop: type) -> None:
    (tmp_path / "file").write_text("x")
    stop, broken = threading.Event(), []

    def open_files() -> None:
        while not stop.is_set():
            handle = os.open(tmp_path / "file", os.O_RDONLY)
            try:
                os.fstat(handle)
                os.pread(handle, 1, 0)
                os.close(handle)
            except OSError as error:
                broken.append(error)

    threads = [threading.Thread(target=open_files) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        with asyncio.Runner(loop_factory=loop) as runner:
            before = len(list(Path("/proc/self/fd").iterdir()))
            outputs = runner.run(_many(tmp_path))
            after = len(list(Path("/proc/self/fd").iterdir()))
    finally:
        stop.set()
        for thread in threads:
            thread.join()

    assert outputs == [b"asked\n"] * TIMES
    assert not broken
    assert after < before + 20, "descriptors are left open"


async def _many(folder: Path) -> list[bytes]:
    bound = asyncio.Semaphore(AT_ONCE)

    async def one() -> bytes:
        async with bound:
            running = await spawn(["cat"], folder, {"PATH": os.environ["PATH"]}, 1_000)
            running.stdin.write(b"asked\n")
            running.stdin.close()
            told = await running.stdout.read()
            await running.wait()
            running.close()
            return told

    return list(await asyncio.gather(*(one() for _ in range(TIMES))))
