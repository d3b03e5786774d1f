"""`make bench`: measures, prints, and writes benchmarks/RESULTS.md. `make bench ARGS=logs` measures one part alone."""

from __future__ import annotations

import platform
import re
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks import audit, fanout, logs, policies, provisioning, repositories, requests, storage, terminals, tokens

PARTS = {
    "provisioning": (
        "Bringing up ten services",
        "| what | median | beyond by hand |\n|---|---|---|",
        provisioning.measure,
    ),
    "logs": (
        "Logs under load",
        "| what | lines | gaps | accounting | API beside it | CPU |\n|---|---|---|---|---|---|",
        logs.measure,
    ),
    "audit": ("The audit log", "| what | median |\n|---|---|", audit.measure),
    "policies": (
        "A policy decision in process",
        "| engine | rules | median | p99 |\n|---|---|---|---|",
        policies.measure,
    ),
    "repositories": (
        "A repository of 20,000 commits and 50,000 files",
        "| question | REST, median | REST, p95 | git, median | git, p95 |\n|---|---|---|---|---|",
        repositories.measure,
    ),
    "fanout": (
        "One event to 1,000 subscribers, CPU of the server process each message",
        "| server | CPU µs | to ours | messages/s |\n|---|---|---|---|",
        fanout.measure,
    ),
    "requests": (
        "Requests, CPU of the server process each",
        "| work | server | CPU µs | to ours | requests/s |\n|---|---|---|---|---|",
        requests.measure,
    ),
    "storage": ("The data layer", "| what | ours | peer | ratio |\n|---|---|---|---|", storage.measure),
    "terminals": ("Terminals", "| what | | |\n|---|---|---|", terminals.measure),
    "tokens": ("Tokens", "| what | median | p99 | characters |\n|---|---|---|---|", tokens.measure),
}
RESULTS = Path(__file__).with_name("RESULTS.md")
PACKAGES = ("strawberry-graphql", "starlette", "uvicorn", "sqlmodel", "sqlalchemy", "aiosqlite", "cryptography")


def main() -> None:
    """Measures the parts that were named, or all."""
    named = [name for name in sys.argv[1:] if name in PARTS] or list(PARTS)
    sections: dict[str, str] = {}
    for name in named:
        title, head, measure = PARTS[name]
        section = "\n".join([f"## {title}", "", head, *measure(), ""])
        print(section)
        sections[title] = section
    if named == list(PARTS):
        versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
        lines = [
            "# Results",
            "",
            f"Written by `make bench` on {datetime.now(UTC):%Y-%m-%d}. Python {platform.python_version()}, "
            f"{platform.system()} {platform.machine()}; {versions}.",
            "Machines are noisy: trust ratios and medians, not single figures.",
            "",
            *sections.values(),
        ]
        RESULTS.write_text("\n".join(lines))
    else:
        _rewrite(sections)


def _rewrite(sections: dict[str, str]) -> None:
    """Puts new sections in the place of the old ones."""
    head, *old = re.split(r"^(?=## )", RESULTS.read_text(), flags=re.MULTILINE)
    kept = [sections.get(text.partition("\n")[0].removeprefix("## "), text.rstrip("\n") + "\n") for text in old]
    RESULTS.write_text("\n".join([head.rstrip("\n") + "\n", *kept]))


if __name__ == "__main__":
    main()
