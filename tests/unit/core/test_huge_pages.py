"""The heap is moved to huge pages where the kernel can, and nothing happens where it cannot."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from app.core import huge_pages

#: Fills some forty megabytes, and tells what was moved, the huge pages and the size before and after.
PROGRAM = """
import json, re
from pathlib import Path
from app.core.huge_pages import collapse_heap

def now():
    told = Path("/proc/self/smaps_rollup").read_text()
    return [int(re.search(rf"^{name}: +(\\d+) kB", told, re.MULTILINE)[1]) for name in ("AnonHugePages", "Rss")]

kept = [str(number) for number in range(800_000)]
before, moved, after = now(), collapse_heap(), now()
assert kept == [str(number) for number in range(800_000)]
print(json.dumps([moved, before, after]))
"""


def test_what_is_in_use_is_on_huge_pages_afterwards() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    moved, (huge_before, used_before), (huge_after, used_after) = json.loads(done.stdout)

    if not moved:
        pytest.skip("this kernel does not move memory to huge pages: MADV_COLLAPSE takes Linux 6.1")
    assert huge_after - huge_before >= moved / 1024 * 0.9
    assert used_after - used_before < 16_000


def test_memory_that_is_little_used_is_left_alone() -> None:
    mapping = "7f0000000000-7f0000c00000 {} 00000000 00:00 0{}\nSize: 12288 kB\nKernelPageSize: 4 kB\nRss: {} kB\n"
    found = [
        list(huge_pages._dense(mapping.format(*given) * 2))
        for given in (("rw-p", "", 12_000), ("rw-p", "", 4_000), ("r--p", "", 12_000), ("rw-p", " /file", 12_000))
    ]

    assert found == [[(0x7F0000000000, 0x7F0000C00000)] * 2, [], [], []]


def test_a_machine_without_it_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: object) -> object:
        raise OSError("there is no libc")

    monkeypatch.setattr(huge_pages.ctypes, "CDLL", missing)

    assert huge_pages.collapse_heap() == 0
