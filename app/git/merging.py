"""Merges without a working copy: git merges trees, and the branch moves by compare and swap.

`git merge-tree --write-tree` (git 2.38) merges two commits and lists the conflicts. It takes the merge base from the
commits; where another one is wanted (a rebase puts a commit onto a branch), a commit is made whose parent is that base.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.core.errors import Unprocessable
from app.git import history
from app.git.program import LITERAL, git
from app.git.repository import Author, Repository

#: Commits that a rebase puts onto a branch at most.
MOST_REBASED = 500
_STAGES = {"1": "base", "2": "ours", "3": "theirs"}


class TooManyCommits(Unprocessable):
    """There are more commits than a rebase takes. Merge or squash them instead."""

    code = "TOO_MANY_COMMITS"


@dataclass(frozen=True, slots=True)
class Conflict:
    """A file that both sides changed: its blob on each side, None where it is not there."""

    path: str
    base: str | None = None
    ours: str | None = None
    theirs: str | None = None


@dataclass(frozen=True, slots=True)
class Merged:
    """What came of a merge: a tree, with conflict markers where there are conflicts."""

    tree: str
    conflicts: tuple[Conflict, ...]


async def merge_trees(folder: Path, ours: str, theirs: str) -> Merged:
    """Merges two commits; nothing moves."""
    words = ("merge-tree", "--write-tree", "-z", "--no-messages", "--allow-unrelated-histories", ours, theirs)
    found = await git(*words, folder=folder, ok=(0, 1))
    tree, *rest = found.text.split("\0")
    return Merged(tree, _conflicts(rest) if found.code == 1 else ())


def _conflicts(entries: list[str]) -> tuple[Conflict, ...]:
    """`<mode> <blob> <stage>\\t<path>`, an entry for each side (git-merge-tree, "Conflicted file info")."""
    sides: dict[str, dict[str, str]] = {}
    for entry in entries:
        head, tab, path = entry.partition("\t")
        if tab:
            _, blob, stage = head.split(" ")
            sides.setdefault(path, {})[_STAGES[stage]] = blob
    return tuple(Conflict(path, **blobs) for path, blobs in sorted(sides.items()))


async def squash(repository: Repository, tree: str, onto: str, message: str, author: Author) -> str:
    """One commit of a merged tree."""
    return await repository.commit_tree(tree, [onto], message, author)


async def rebase(repository: Repository, start: str, onto: str, committer: Author) -> tuple[str, Merged | None]:
    """Puts the commits of `start` that `onto` lacks onto it, one by one, merges left out.

    Returns the new head; at the first conflict the merge that has it. Authors and their dates are kept. Raises
    `TooManyCommits` beyond 500.
    """
    commits = await history.log(repository.folder, start, limit=MOST_REBASED + 1, without=onto)
    if len(commits) > MOST_REBASED:
        raise TooManyCommits()
    linear = all(len(commit.parents) == 1 for commit in commits)
    if linear and commits and commits[-1].parents[0] == onto:
        return start, None  # it is on top already: the branch only goes forward
    for commit in reversed([each for each in commits if len(each.parents) == 1]):
        tree = await repository.tree(onto)
        [parent] = commit.parents
        stand_in = await repository.commit_tree(tree, [parent], "stands in for the branch", committer)
        merged = await merge_trees(repository.folder, stand_in, commit.id)
        if merged.conflicts:
            return onto, merged
        if merged.tree == tree:
            continue  # what it changes is there already
        onto = await _again(repository, merged.tree, onto, commit, committer)
    return onto, None


async def _again(repository: Repository, tree: str, parent: str, commit: history.Commit, committer: Author) -> str:
    variables = {
        **committer.variables(),
        "GIT_AUTHOR_NAME": commit.author_name or "Somebody",
        "GIT_AUTHOR_EMAIL": commit.author_email or "nobody@soundstage.invalid",
        "GIT_AUTHOR_DATE": commit.authored_at.isoformat(),
    }
    message = f"{commit.subject}\n\n{commit.body}".rstrip() + "\n"
    words = ("commit-tree", tree, "-p", parent)
    made = await git(*words, folder=repository.folder, given=message.encode(), variables=variables)
    return made.text.strip()


async def content(folder: Path, blob: str | None, limit: int) -> bytes | None:
    """A file's content by its blob; None for none. Raises `GitOutputTooLarge`."""
    if blob is None:
        return None
    return (await git("cat-file", "blob", blob, folder=folder, limit=limit)).out


async def blob_at(folder: Path, tree: str, path: str) -> str | None:
    """The blob at a path of a tree; None where there is none."""
    words = ("ls-tree", "-z", tree, "--", path)
    found = await git(*words, folder=folder, variables=LITERAL)
    fields = found.text.partition("\t")[0].split(" ")
    return fields[2] if len(fields) == 3 and fields[1] == "blob" else None
