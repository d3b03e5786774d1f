"""Commits: one, and pages of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.git.program import LITERAL, git

#: Separates fields and ends commits: neither occurs in a message that git made.
_FIELD, _END = "\x1f", "\x1e"
_FORMAT = _FIELD.join(("%H", "%P", "%an", "%ae", "%aI", "%cn", "%cI", "%s", "%b")) + _END
LONGEST_UPKEEP = 600.0


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit as it is told; `message` is the subject and, behind an empty line, the rest."""

    id: str
    parents: tuple[str, ...]
    author_name: str
    author_email: str
    authored_at: datetime
    committer_name: str
    committed_at: datetime
    subject: str
    body: str


async def log(
    folder: Path,
    start: str,
    *,
    skip: int = 0,
    limit: int = 50,
    path: str = "",
    author: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    without: str = "",
) -> list[Commit]:
    """Commits that can be reached from the commit `start`, newest first; without those reached from `without`."""
    words = ["log", f"--format={_FORMAT}", f"--skip={skip}", f"--max-count={limit}"]
    if author:
        words += ["--fixed-strings", "--regexp-ignore-case", f"--author={author}"]
    if since is not None:
        words.append(f"--since={since.isoformat()}")
    if until is not None:
        words.append(f"--until={until.isoformat()}")
    words += [start, *([f"^{without}"] if without else []), "--", *([path] if path else [])]
    return _parse((await git(*words, folder=folder, variables=LITERAL)).text)


async def commit(folder: Path, commit_id: str) -> Commit:
    """One commit, by its full hash."""
    words = ("log", f"--format={_FORMAT}", "--max-count=1", "--no-walk", commit_id, "--")
    [found] = _parse((await git(*words, folder=folder)).text)
    return found


async def merge_base(folder: Path, one: str, other: str) -> str | None:
    """The best common ancestor of two commits; None where they have none."""
    found = await git("merge-base", one, other, folder=folder, ok=(0, 1))
    return found.text.strip() or None


async def is_ancestor(folder: Path, ancestor: str, descendant: str) -> bool:
    """Whether one commit can be reached from another."""
    return (await git("merge-base", "--is-ancestor", ancestor, descendant, folder=folder, ok=(0, 1))).code == 0


async def count(folder: Path, start: str, without: str) -> int:
    """How many commits are reached from one and not from another."""
    return int((await git("rev-list", "--count", start, f"^{without}", "--", folder=folder)).text)


async def maintain(folder: Path) -> None:
    """Packs what has piled up, and writes what makes long histories fast to walk, by path too (git-commit-graph)."""
    await git("-c", "gc.auto=2000", "gc", "--auto", "--quiet", folder=folder, timeout=LONGEST_UPKEEP)
    words = ("commit-graph", "write", "--reachable", "--changed-paths", "--split=replace")
    await git(*words, folder=folder, timeout=LONGEST_UPKEEP)


def _parse(text: str) -> list[Commit]:
    return [_commit(part.lstrip("\n").split(_FIELD)) for part in text.split(_END) if part.strip("\n")]


def _commit(fields: Sequence[str]) -> Commit:
    made, parents, name, email, authored, committer, committed, subject, body = fields
    return Commit(
        id=made,
        parents=tuple(parents.split()),
        author_name=name,
        author_email=email,
        authored_at=datetime.fromisoformat(authored),
        committer_name=committer,
        committed_at=datetime.fromisoformat(committed),
        subject=subject,
        body=body.strip("\n"),
    )
