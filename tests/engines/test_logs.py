"""Output as readers get it: every byte accounted for, whatever it is and however fast it comes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.engines import log_tailer
from app.engines.base import LINE_LIMIT, LogBatch
from app.engines.log_hub import LogHub
from app.engines.log_lines import Source, Splitter
from app.engines.log_reader import last_of
from app.engines.process import ProcessEngine
from app.runner import log_keeper
from app.runner.folders import DataFolder
from app.runner.log_files import IndexWriter, TimeIndex, read_start, write_start
from app.runner.log_keeper import LogKeeper
from tests.engines.support import Machine, assert_covers, collect, lines_of, shell, until

pytestmark = pytest.mark.anyio
SOURCE = Source("env1", "api", 0)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "environments/env1/logs/api.0.log"
    path.parent.mkdir(parents=True)
    path.touch()
    return path


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[LogHub]:
    hub = LogHub(DataFolder(tmp_path))
    yield hub
    await hub.close()


def write(log: Path, content: bytes) -> None:
    with log.open("ab") as file:
        file.write(content)


class Follower:
    def __init__(self, hub: LogHub, after: int = 0) -> None:
        self.seen: list[LogBatch] = []
        self.may_read = asyncio.Event()
        self.may_read.set()
        self.task = asyncio.create_task(self._follow(hub, after))

    async def _follow(self, hub: LogHub, after: int) -> None:
        async for batch in hub.follow("env1", "", {"env1/api/0": after}):
            self.seen.append(batch)
            await self.may_read.wait()

    async def until_end(self, end: int) -> None:
        await until(lambda: asyncio.sleep(0, bool(self.seen) and self.seen[-1].end >= end))
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.mark.parametrize("size", [1, 3, 7, 64, 4096])
def test_chunks_do_not_change_what_is_read(size: int) -> None:
    content = "one\n\nzwei ü\r\nbinary \udcff\udc80\nlast".encode("utf-8", "surrogateescape")
    splitter = Splitter(SOURCE, 10)
    batches = []
    for at in range(0, len(content), size):
        batches.extend(splitter.feed(content[at : at + size], 1.0))
    batches.append(splitter.flush(1.0))

    assert lines_of(batches) == ["one", "", "zwei ü", "binary \\xff\\x80", "last"]
    assert assert_covers(batches, 10) == 10 + len(content)


@pytest.mark.parametrize("chunk", [1000, 1 << 20, 3 << 20])
def test_a_long_line_is_cut_and_tells_its_length(chunk: int) -> None:
    content = b"before\n" + b"x" * 1_000_000 + b"\nafter\n"
    splitter = Splitter(SOURCE, 0)
    batches = [b for at in range(0, len(content), chunk) for b in splitter.feed(content[at : at + chunk], 1.0)]

    before, long, after = lines_of(batches)
    assert (before, after) == ("before", "after")
    assert long == "x" * LINE_LIMIT + "… [cut: the line has 1000000 bytes]"
    assert assert_covers(batches) == len(content)


def test_a_batch_has_at_most_a_thousand_lines() -> None:
    batches = list(Splitter(SOURCE, 0).feed(b"x\n" * 2500, 1.0))

    assert [len(batch.lines) for batch in batches] == [1000, 1000, 500]


async def test_a_real_program_prints_binary_and_a_megabyte(process_engine: ProcessEngine, machine: Machine) -> None:
    script = r"printf '\377\376 zero:\0 end\n'; head -c 1000000 /dev/zero | tr '\0' x; echo; echo done >&2"
    await process_engine.apply(shell(script), epoch=1)

    async def finished() -> list[LogBatch]:
        batches = await collect(process_engine.logs("env1"))
        return batches if lines_of(batches)[-1:] == ["done"] else []

    batches = await until(finished)
    size = (machine.data / "environments/env1/logs/api.0.log").stat().st_size
    assert lines_of(batches)[0] == "\\xff\\xfe zero:\0 end"
    assert lines_of(batches)[1].endswith("[cut: the line has 1000000 bytes]")
    assert assert_covers(batches) == size


async def test_an_incomplete_line_waits_and_is_shown_in_the_end(hub: LogHub, log: Path) -> None:
    follower = Follower(hub)
    write(log, b"pass")
    await asyncio.sleep(0.2)
    seen_early = lines_of(follower.seen)
    write(log, b"word: ")
    await until(lambda: asyncio.sleep(0, lines_of(follower.seen)))
    write(log, b"rest\n")
    await follower.until_end(15)

    assert seen_early == []
    assert lines_of(follower.seen) == ["password: ", "rest"]
    assert assert_covers(follower.seen) == 15


async def test_followers_from_anywhere_see_the_same(hub: LogHub, log: Path) -> None:
    write(log, b"".join(b"%d\n" % n for n in range(1000)))
    followers = [Follower(hub, after) for after in (0, 2, 110, 3890)]
    for n in range(1000, 3000):
        write(log, b"%d\n" % n)
        if n % 100 == 0:
            await asyncio.sleep(0.01)
            followers.append(Follower(hub, 490))
    end = log.stat().st_size
    for follower in followers:
        await follower.until_end(end)

    for follower, first in zip(followers, [0, 1, 40, 1000, *[150] * 20], strict=True):
        assert lines_of(follower.seen) == [str(n) for n in range(first, 3000)]
        assert_covers(follower.seen, follower.seen[0].start)


async def test_many_followers_cost_one_read(hub: LogHub, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    real = log_tailer.read_bytes
    monkeypatch.setattr(log_tailer, "read_bytes", lambda *a: (reads.append(a), real(*a))[1])
    followers = [Follower(hub) for _ in range(500)]
    await asyncio.sleep(0.1)
    line = b"x" * 99 + b"\n"
    began = time.process_time()
    for _ in range(20):
        write(log, line * 2500)
        await asyncio.sleep(0.05)
    end = log.stat().st_size
    for follower in followers:
        await follower.until_end(end)
    cost = time.process_time() - began

    print(f"50,000 lines to 500 followers: {cost:.2f} s of processor time, {len(reads)} reads")
    assert all(sum(len(batch.lines) for batch in follower.seen) == 50_000 for follower in followers)
    assert followers[0].seen[-1] is followers[-1].seen[-1]
    assert len(reads) < 120
    assert cost < 5


async def test_a_slow_follower_gets_a_gap_and_goes_on(hub: LogHub, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_tailer, "RING_BYTES", 20_000)
    slow, fast = Follower(hub), Follower(hub)
    write(log, b"first\n")
    await until(lambda: asyncio.sleep(0, slow.seen and fast.seen))
    slow.may_read.clear()
    for n in range(40):
        write(log, b"%06d\n" % n * 500)
        await until(lambda: asyncio.sleep(0, fast.seen[-1].end == log.stat().st_size))
    slow.may_read.set()
    write(log, b"last\n")
    end = log.stat().st_size
    await asyncio.gather(slow.until_end(end), fast.until_end(end))

    gaps = [batch for batch in slow.seen if batch.gap]
    assert len(gaps) == 1
    assert gaps[0].lines == ()
    assert assert_covers(slow.seen) == end
    assert assert_covers(fast.seen) == end
    assert not any(batch.gap for batch in fast.seen)
    assert lines_of(slow.seen)[-1] == "last"


async def test_the_oldest_part_is_freed_and_offsets_stay(hub: LogHub, log: Path) -> None:
    keeper = LogKeeper(lambda: [log], limit=400_000)
    for n in range(20):
        write(log, (b"%06d %s\n" % (n, b"x" * 92)) * 500)
        keeper.look()

    size, start = log.stat().st_size, read_start(log)
    batches = await collect(hub.read("env1", "", {}))
    assert size == 1_000_000
    assert size - start <= 400_000
    assert log.stat().st_blocks * 512 < 500_000
    assert (batches[0].gap, batches[0].start, batches[0].end) == (True, 0, start)
    assert assert_covers(batches) == size
    assert all(len(line) == 99 for line in lines_of(batches))
    assert lines_of(await collect(hub.read("env1", "", {"env1/api/0": size - 100}))) == ["000019 " + "x" * 92]


async def test_a_file_system_without_holes_frees_between_runs(
    hub: LogHub, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_keeper, "punch_hole", lambda path, end: False)
    keeper = LogKeeper(lambda: [log], limit=1000)
    write(log, b"old\n" * 1000)
    keeper.look()
    unchanged = read_start(log)
    keeper.shrink_between_runs(log)
    write(log, b"new\n")

    batches = await collect(hub.read("env1", "", {}))
    assert unchanged == 0
    assert [(b.start, b.end, b.gap, b.lines) for b in batches] == [(0, 4000, True, ()), (4000, 4004, False, ("new",))]


def test_each_line_has_its_own_time(log: Path) -> None:
    index = IndexWriter(log)
    for n in range(5):
        write(log, b"%d\n" % n)
        index.append(log.stat().st_size)
        time.sleep(0.002)
    times = TimeIndex.read(log)

    tail = last_of({SOURCE: log}, 3, None)
    assert [batch.lines for batch in tail] == [("2",), ("3",), ("4",)]
    assert [batch.at.timestamp() for batch in tail] == pytest.approx([times.time_of(n) for n in (4, 6, 8)], abs=1e-5)
    assert lines_of(last_of({SOURCE: log}, 9, times.time_of(2))) == ["2", "3", "4"]


def test_a_torn_index_is_mended(log: Path) -> None:
    write(log, b"one\n")
    IndexWriter(log).append(4)
    with log.with_suffix(".index").open("ab") as file:
        file.write(b"torn")
    write(log, b"two\n")
    IndexWriter(log).append(8)

    assert TimeIndex.read(log).sizes.tolist() == [4, 8]


def test_an_index_grows_thinner_not_longer(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.runner.log_files.INDEX_LIMIT", 100)
    index = IndexWriter(log)
    for size in range(1, 1001):
        index.append(size)

    sizes = TimeIndex.read(log).sizes.tolist()
    assert len(sizes) <= 100
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == 1000


@pytest.mark.parametrize("count", [1, 2, 999, 5000, 100_000])
def test_the_tail_of_a_long_log(log: Path, count: int) -> None:
    write(log, b"".join(b"%d %s\n" % (n, b"x" * 90) for n in range(10_000)))

    tail = last_of({SOURCE: log}, count, None)
    assert len(lines_of(tail)) == min(count, 10_000)
    assert tail[-1].end == log.stat().st_size
    assert_covers(tail, tail[0].start)


async def test_a_hole_is_never_shown_as_zeros(hub: LogHub, log: Path) -> None:
    write(log, b"a" * 9999 + b"\n" + b"kept\n")
    write_start(log, 10_000)
    log_keeper.punch_hole(log, 10_000)
    follower = Follower(hub, 5)
    await follower.until_end(10_005)

    assert [(batch.start, batch.gap) for batch in follower.seen] == [(5, True), (10_000, False)]
    assert log.read_bytes()[:1] == b"\0"


async def test_a_follow_of_a_destroyed_environment_ends(process_engine: ProcessEngine) -> None:
    await process_engine.apply(shell("echo hello; exec sleep 1000"), epoch=1)
    await process_engine.destroy("env1", epoch=1)

    assert await asyncio.wait_for(collect(process_engine.logs("env1", follow=True)), 2) == []
