"""Programs that are started by vfork: nothing of them is left, however they end, on either event loop."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest
import uvloop

from app.git.errors import GitFailed, GitOutputTooLarge, GitTimeout
from app.git.program import git
from app.git.spawning import spawn

#: Programs that are started beside threads that open files, and how many at once.
TIMES, AT_ONCE = 150, 8

LOOPS = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])


def left(folder: Path, work: Callable[[], Awaitable[None]], run: Callable[..., None]) -> tuple[int, int]:
    """How many children and open files there are more, after the work was done three times."""

    others = set(psutil.Process().children())  # of other tests, in this process

    def children() -> set[psutil.Process]:
        return set(psutil.Process().children()) - others

    async def measured() -> None:
        before: tuple[int, int] | None = None
        for _ in range(4):
            await work()
            async with asyncio.timeout(10):
                while children():
                    await asyncio.sleep(0.005)
            await asyncio.sleep(0.01)  # transports are closed by the loop's next turns
            now = (len(children()), len(list(Path("/proc/self/fd").iterdir())))
            before = before or now
            found[:] = [now[0] - before[0], now[1] - before[1]]

    found: list[int] = []
    run(measured())
    return found[0], found[1]


@LOOPS
def test_one_that_ends_leaves_nothing(tmp_path: Path, run: Callable[..., None]) -> None:
    async def work() -> None:
        assert (await git("hash-object", "--stdin", folder=tmp_path, given=b"x" * 1_000_000)).text
        with pytest.raises(GitFailed):
            await git("rev-parse", "HEAD", folder=tmp_path)

    assert left(tmp_path, work, run) == (0, 0)


@LOOPS
def test_one_that_is_cancelled_leaves_nothing(tmp_path: Path, run: Callable[..., None]) -> None:
    async def work() -> None:
        before = set(psutil.Process().children())
        task = asyncio.ensure_future(git("-c", "alias.x=!sleep 1000", "x", folder=tmp_path))
        while not set(psutil.Process().children()) - before:
            await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        with pytest.raises(GitTimeout):
            await git("-c", "alias.x=!sleep 1000", "x", folder=tmp_path, timeout=0.1)

    assert left(tmp_path, work, run) == (0, 0)


@LOOPS
def test_one_that_writes_too_much_leaves_nothing(tmp_path: Path, run: Callable[..., None]) -> None:
    async def work() -> None:
        with pytest.raises(GitOutputTooLarge):
            await git("-c", "alias.x=!yes", "x", folder=tmp_path, limit=100_000)

    assert left(tmp_path, work, run) == (0, 0)


@LOOPS
def test_a_folder_that_is_gone_is_told(tmp_path: Path, run: Callable[..., None]) -> None:
    async def work() -> None:
        with pytest.raises(GitFailed, match="gone"):
            await git("status", folder=tmp_path / "nothing")

    assert left(tmp_path, work, run) == (0, 0)


@LOOPS
def test_no_descriptor_of_another_thread_is_closed(tmp_path: Path, run: Callable[..., list[bytes]]) -> None:
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
        outputs = run(_many(tmp_path))
    finally:
        stop.set()
        for thread in threads:
            thread.join()

    assert outputs == [b"asked\n"] * TIMES
    assert not broken


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
