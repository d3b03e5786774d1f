"""What commits and differences look like in GraphQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import strawberry

from app.git import diffs, history
from app.version_control import service

FileStatus = diffs.FileStatus
strawberry.enum(FileStatus, name="FileStatus", description="What became of a file.")
LineKind = diffs.LineKind
strawberry.enum(LineKind, name="LineKind", description="What became of a line.")


@strawberry.type(description="A commit of a workspace's repository.")
class Commit:
    id: strawberry.ID = strawberry.field(description="Its hash.")
    parents: list[str] = strawberry.field(description="The hashes of its parents: two and more for a merge.")
    subject: str = strawberry.field(description="The first line of its message.")
    body: str = strawberry.field(description="The rest of its message.")
    author_name: str = strawberry.field(description="Who wrote it.")
    author_email: str = strawberry.field(description="The author's address.")
    authored_at: datetime = strawberry.field(description="When it was written.")
    committer_name: str = strawberry.field(description="Who committed it.")
    committed_at: datetime = strawberry.field(description="When it was committed.")


@strawberry.type(description="A page of a history, newest first.")
class CommitPage:
    commits: list[Commit] = strawberry.field(description="The commits.")
    next_cursor: str | None = strawberry.field(description="Leads on to the next page; null on the last.")
    has_more: bool = strawberry.field(description="Whether a next page is there.")


@strawberry.type(description="A line of a hunk.")
class DiffLine:
    kind: LineKind = strawberry.field(description="What became of it.")
    old_number: int | None = strawberry.field(description="Its number in the old file; null where it is not there.")
    new_number: int | None = strawberry.field(description="Its number in the new file; null where it is not there.")
    text: str = strawberry.field(description="The line, without its end.")
    unended: bool = strawberry.field(description="Whether it is the file's last line and has no line end.")


@strawberry.type(description="Lines that follow each other, with some unchanged ones around them.")
class DiffHunk:
    old_start: int = strawberry.field(description="The first line's number in the old file.")
    old_lines: int = strawberry.field(description="How many lines of the old file it covers.")
    new_start: int = strawberry.field(description="The first line's number in the new file.")
    new_lines: int = strawberry.field(description="How many lines of the new file it covers.")
    heading: str = strawberry.field(description="The function or section that it is in, as git tells it.")
    lines: list[DiffLine] = strawberry.field(description="The lines.")


@strawberry.type(description="What became of one file.")
class FileDiff:
    path: str = strawberry.field(description="Its path; of a deleted file, the old one.")
    old_path: str | None = strawberry.field(description="Where it was before it was renamed or copied; else null.")
    status: FileStatus = strawberry.field(description="What became of it.")
    binary: bool = strawberry.field(description="Whether it is no text: then it has no hunks.")
    submodule: bool = strawberry.field(description="Whether it is a commit of another repository.")
    old_mode: str = strawberry.field(description="Its kind and rights before: `100644`; zeros where it was not there.")
    new_mode: str = strawberry.field(description="Its kind and rights now; zeros where it is not there.")
    additions: int = strawberry.field(description="Lines that were added.")
    deletions: int = strawberry.field(description="Lines that were removed.")
    truncated: bool = strawberry.field(
        description="Whether lines are left out, since there are more than 5,000 of a file or 50,000 in all; then it "
        "has no patch."
    )
    hunks: list[DiffHunk] = strawberry.field(description="What changed, in the order of the file.")
    patch: str = strawberry.field(description="The same as a patch that `git apply` takes.")


@strawberry.type(description="What differs between two states: a page of its files.")
class Diff:
    from_commit: str | None = strawberry.field(description="The old state's commit; null for an empty one.")
    to_commit: str | None = strawberry.field(description="The new state's commit; null for the working copy.")
    files: list[FileDiff] = strawberry.field(description="The files of this page, by path.")
    count: int = strawberry.field(description="How many files differ in all.")
    additions: int = strawberry.field(description="Lines added in the files of this page.")
    deletions: int = strawberry.field(description="Lines removed in the files of this page.")
    next_cursor: str | None = strawberry.field(description="Leads on to the next files; null on the last page.")
    has_more: bool = strawberry.field(description="Whether a next page is there.")


@strawberry.type(description="A commit with what it changed against its first parent.")
class CommitDetail:
    commit: Commit = strawberry.field(description="The commit.")
    diff: Diff = strawberry.field(description="What it changed; its first 300 files.")


@strawberry.type(description="A message for a commit.")
class SuggestedMessage:
    message: str = strawberry.field(description="A first line, and more behind an empty one where it helps.")
    model: str | None = strawberry.field(description="The model that wrote it; null where it tells what changed.")


@strawberry.type(description="Changes that were taken back.")
class Discarded:
    paths: list[str] = strawberry.field(description="The files, by path.")


def commit(found: history.Commit) -> Commit:
    """A commit as GraphQL shows it."""
    return Commit(
        id=strawberry.ID(found.id),
        parents=list(found.parents),
        subject=found.subject,
        body=found.body,
        author_name=found.author_name,
        author_email=found.author_email,
        authored_at=found.authored_at,
        committer_name=found.committer_name,
        committed_at=found.committed_at,
    )


def commit_page(found: service.History) -> CommitPage:
    """A page of a history as GraphQL shows it."""
    return CommitPage(
        commits=[commit(each) for each in found.commits],
        next_cursor=found.cursor,
        has_more=found.cursor is not None,
    )


def diff(found: service.Diff) -> Diff:
    """A comparison as GraphQL shows it."""
    return diff_of(found.old, found.new, found.files, found.count, found.cursor)


def diff_of(
    old: str | None, new: str | None, files: Sequence[diffs.FileDiff], count: int, cursor: str | None = None
) -> Diff:
    """A page of differing files as GraphQL shows it."""
    return Diff(
        from_commit=old,
        to_commit=new,
        files=[_file(each) for each in files],
        count=count,
        additions=sum(each.additions for each in files),
        deletions=sum(each.deletions for each in files),
        next_cursor=cursor,
        has_more=cursor is not None,
    )


def _file(found: diffs.FileDiff) -> FileDiff:
    return FileDiff(
        path=found.path,
        old_path=found.old_path or None,
        status=found.status,
        binary=found.binary,
        submodule=found.submodule,
        old_mode=found.old_mode,
        new_mode=found.new_mode,
        additions=found.additions,
        deletions=found.deletions,
        truncated=found.truncated,
        hunks=[_hunk(each) for each in found.hunks],
        patch=found.patch,
    )


def _hunk(found: diffs.Hunk) -> DiffHunk:
    lines = [
        DiffLine(kind=line.kind, old_number=line.old, new_number=line.new, text=line.text, unended=line.unended)
        for line in found.lines
    ]
    return DiffHunk(
        old_start=found.old_start,
        old_lines=found.old_lines,
        new_start=found.new_start,
        new_lines=found.new_lines,
        heading=found.heading,
        lines=lines,
    )
