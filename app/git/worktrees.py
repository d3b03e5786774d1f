"""What happens in a working copy: what changed, committing it, taking it back. Callers wait for their turn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.core.errors import Conflict, NotFound, Unprocessable
from app.git.diffs import FileStatus
from app.git.errors import GitFailed
from app.git.looking import changes
from app.git.program import LITERAL, git
from app.git.repository import Author

_FROM_INPUT = ("--pathspec-from-file=-", "--pathspec-file-nul")


class NothingToCommit(Conflict):
    """There is nothing to commit: the working copy is as the last commit is, or the paths name nothing that changed."""

    code = "NOTHING_TO_COMMIT"


class UncommittedChanges(Conflict):
    """Uncommitted changes are in the way. Commit or discard them, then retry."""

    code = "UNCOMMITTED_CHANGES"


class WorkingCopyLocked(Conflict):
    """Another git program is at work in this working copy. Wait until it has ended, then retry."""

    code = "WORKING_COPY_LOCKED"


class PathNotFound(NotFound):
    """No changed file has this path."""

    code = "PATH_NOT_FOUND"


async def head(folder: Path) -> str:
    """The commit that the working copy is at."""
    return (await git("rev-parse", "--verify", "HEAD", folder=folder)).text.strip()


async def commit(folder: Path, message: str, author: Author, paths: Sequence[str] = ()) -> str:
    """Commits all changes, or those of these paths; returns the commit. Raises `NothingToCommit`."""
    if not message.strip():
        raise Unprocessable("A commit needs a message.")
    given = "\0".join(paths or (".",)).encode()
    variables = {**LITERAL, **author.variables()}
    only = ("--only", *_FROM_INPUT) if paths else ()
    before = await head(folder)
    try:
        await git("add", "--all", *_FROM_INPUT, folder=folder, variables=variables, given=given)
        words = ("commit", "--quiet", "--no-verify", "--no-gpg-sign", "--cleanup=whitespace", f"--message={message}")
        await git(*words, *only, folder=folder, variables=variables, given=given if paths else None, ok=(0, 1))
    except GitFailed as error:
        raise _told(error) from error
    after = await head(folder)
    if after == before:
        raise NothingToCommit()
    return after


async def discard(folder: Path, paths: Sequence[str] = ()) -> list[str]:
    """Takes back all changes, or those of these paths, untracked files included; returns what was taken back."""
    changed = [file for file in await changes(folder) if not (file.submodule and file.status is FileStatus.ADDED)]
    known = {path for file in changed for path in (file.path, file.old_path) if path}
    wanted = {path.rstrip("/") for path in paths}
    touched = sorted(path for path in known if not paths or any(_within(path, each) for each in wanted))
    missing = [path for path in wanted if not any(_within(known_path, path) for known_path in known)]
    if missing:
        raise PathNotFound(f"No changed file has the path {missing[0][:200]!r}.")
    if not touched:
        return []
    tracked = set((await git("ls-tree", "-r", "-z", "--name-only", "HEAD", folder=folder)).text.split("\0"))
    try:
        await git(
            "reset",
            "--quiet",
            *_FROM_INPUT,
            "HEAD",
            folder=folder,
            given=_lines(touched),
            variables=LITERAL,
            ok=(0, 1),
        )
        if old := [path for path in touched if path in tracked]:
            words = ("checkout", "--quiet", *_FROM_INPUT, "HEAD")
            await git(*words, folder=folder, given=_lines(old), variables=LITERAL)
    except GitFailed as error:
        raise _told(error) from error
    for path in touched:
        if path not in tracked:
            _remove(folder, path)
    return touched


async def become(folder: Path, old: str, new: str) -> None:
    """Makes the files of a working copy at `old` those of `new`; raises `UncommittedChanges`, changing nothing."""
    try:
        await git("read-tree", "-m", "-u", old, new, folder=folder, timeout=300)
    except GitFailed as error:
        raise _told(error, UncommittedChanges()) from error


def _remove(folder: Path, path: str) -> None:
    """A file that git listed, and folders that it leaves empty. A link is removed, never what it points to."""
    file = folder / path
    file.unlink(missing_ok=True)
    for parent in file.parents:
        if parent == folder or next(parent.iterdir(), None) is not None:
            return
        parent.rmdir()


def _within(path: str, wanted: str) -> bool:
    return wanted in ("", ".") or path == wanted or path.startswith(f"{wanted}/")


def _lines(paths: Sequence[str]) -> bytes:
    return "\0".join(paths).encode()


def _told(error: GitFailed, otherwise: Conflict | None = None) -> Exception:
    """What git refused, in our words."""
    if ".lock" in error.message and "File exists" in error.message:
        return WorkingCopyLocked()
    if "did not match any file" in error.message:
        return PathNotFound()
    return otherwise or error
