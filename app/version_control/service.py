"""Version control of a session: its history, its differences, and what it commits."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime

from app.core.actor import Actor
from app.core.errors import InvalidRequest, Unprocessable
from app.database.unit_of_work import UnitOfWork
from app.git import diffs, history, worktrees
from app.git.diffs import FileDiff, FileStatus
from app.git.history import Commit
from app.git.looking import changes, looking
from app.git.paths import check_path
from app.outbox.service import announce
from app.workspaces.authors import author
from app.workspaces.service import WorkspaceParts
from app.workspaces.sessions import Sessions, WorkingCopy

#: Files of one answer that have their hunks.
MOST_FILES = 300
LONGEST_MESSAGE = 64 * 1024
_CURSOR = re.compile(r"([0-9a-f]{40,64}):(\d{1,9})")


class NotAnAncestor(Unprocessable):
    """The commit is not in the history of this session's branch. `log` lists those that are."""

    code = "NOT_AN_ANCESTOR"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which commits of a history are wanted."""

    path: str = ""
    author: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class History:
    """A page of commits; `cursor` leads on to the next, None on the last."""

    commits: list[Commit]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Diff:
    """A page of the files that differ; `cursor` leads on to the next, None on the last."""

    old: str | None
    #: None: the working copy.
    new: str | None
    files: list[FileDiff]
    #: How many files differ in all.
    count: int
    cursor: str | None


class VersionControl:
    """An actor's version control of sessions. Changes of one working copy wait for each other."""

    def __init__(self, work: UnitOfWork, actor: Actor, parts: WorkspaceParts) -> None:
        self.work, self.actor, self.parts = work, actor, parts
        self.sessions = Sessions(work, actor, parts)

    async def log(
        self, session_id: str, limit: int, after: str | None = None, *, ref: str = "", wanted: Filter | None = None
    ) -> History:
        """Commits from the newest on. Raises `RevisionNotFound`; a cursor is of the history that gave it."""
        copy = await self.sessions.working_copy(session_id)
        wanted = wanted or Filter()
        if after is None:
            start, skip = await copy.repository.resolve(ref or copy.session.branch), 0
        else:
            start, skip = _position(after)
            start = await copy.repository.resolve(start)
        found = await history.log(
            copy.repository.folder,
            start,
            skip=skip,
            limit=limit + 1,
            path=check_path(wanted.path),
            author=wanted.author,
            since=wanted.since,
            until=wanted.until,
        )
        return History(found[:limit], f"{start}:{skip + limit}" if len(found) > limit else None)

    async def commit_of(self, session_id: str, commit_id: str) -> Commit:
        """One commit, by (the beginning of) its hash or a branch's name; raises `RevisionNotFound`."""
        copy = await self.sessions.working_copy(session_id)
        found = await copy.repository.resolve(commit_id)
        return await history.commit(copy.repository.folder, found)

    async def diff_of_commit(self, session_id: str, commit: Commit) -> Diff:
        """What a commit changed against its first parent."""
        return await self.diff(session_id, commit.parents[0] if commit.parents else None, commit.id)

    async def diff(
        self,
        session_id: str,
        old: str | None,
        new: str,
        *,
        path: str = "",
        context: int = 3,
        first: int = MOST_FILES,
        after: str | None = None,
    ) -> Diff:
        """What differs between two revisions; `old` None is nothing at all."""
        copy = await self.sessions.working_copy(session_id)
        begin = await copy.repository.resolve(old) if old is not None else None
        end = await copy.repository.resolve(new)
        states = (diffs.state(begin), end)
        paths = [check_path(path)] if path else []
        files = await diffs.changed_files(copy.repository.folder, *states, paths=paths)
        page, cursor = _page(files, first, after)
        page = await diffs.with_hunks(copy.repository.folder, page, *states, context=context)
        return Diff(begin, end, page, len(files), cursor)

    async def working_copy_diff(
        self, session_id: str, *, context: int = 3, first: int = MOST_FILES, after: str | None = None
    ) -> Diff:
        """What differs between the last commit and the working copy, untracked files included."""
        copy = await self.sessions.working_copy(session_id)
        async with looking(copy.folder) as look:
            page, cursor = _page(look.files, first, after)
            page = await look.with_hunks(page, context)
            return Diff(look.commit, None, page, len(look.files), cursor)

    async def suggested_message(self, session_id: str) -> str:
        """A message for a commit of all changes, from what changed; raises `NothingToCommit`."""
        copy = await self.sessions.working_copy(session_id)
        changed = await changes(copy.folder)
        if not changed:
            raise worktrees.NothingToCommit()
        return message_for(changed)

    async def commit(self, session_id: str, message: str, paths: Sequence[str] = ()) -> Commit:
        """Commits all changes, or those of these paths, as the actor. Raises `NothingToCommit`."""
        if len(message) > LONGEST_MESSAGE or "\0" in message:
            raise InvalidRequest(f"A message has at most {LONGEST_MESSAGE:,} characters, none of them NUL.")
        copy = await self.sessions.working_copy(session_id)
        writer = await author(self.work, self.actor)
        async with self._turn(copy):
            made = await worktrees.commit(copy.folder, message, writer, [check_path(path) for path in paths])
        return await self._told(copy, made)

    async def discard(self, session_id: str, paths: Sequence[str] = ()) -> list[str]:
        """Takes back uncommitted changes, all or those of these paths; returns the paths. They cannot be had again."""
        copy = await self.sessions.working_copy(session_id)
        async with self._turn(copy):
            return await worktrees.discard(copy.folder, [check_path(path) for path in paths])

    async def rollback(self, session_id: str, commit_id: str, message: str = "") -> Commit:
        """A new commit whose files are those of an earlier one. Raises `NotAnAncestor`, `UncommittedChanges`."""
        copy = await self.sessions.working_copy(session_id)
        target = await copy.repository.resolve(commit_id)
        writer = await author(self.work, self.actor)
        async with self._turn(copy):
            head = await worktrees.head(copy.folder)
            if not await history.is_ancestor(copy.folder, target, head):
                raise NotAnAncestor()
            if not await diffs.changed_files(copy.folder, target, head):
                raise worktrees.NothingToCommit("The files are those of this commit already.")
            text = message or f"Roll back to {target[:10]}"
            made = await copy.repository.commit_tree(f"{target}^{{tree}}", [head], text, writer)
            await worktrees.become(copy.folder, head, made)
            await copy.repository.move(copy.session.branch, made, head)
        return await self._told(copy, made)

    async def _told(self, copy: WorkingCopy, made: str) -> Commit:
        """The new commit, announced."""
        commit = await history.commit(copy.folder, made)
        data = {
            "id": commit.id,
            "workspaceId": copy.session.workspace_id,
            "sessionId": copy.session.id,
            "branch": copy.session.branch,
            "parents": list(commit.parents),
            "subject": commit.subject,
            "createdBy": self.actor.user_id or self.actor.agent_id,
        }
        announce(self.work, "commit.created", data)
        return commit

    def _turn(self, copy: WorkingCopy) -> AbstractAsyncContextManager[None]:
        return self.parts.folders.turns.of(copy.session.id)


def message_for(changed: Sequence[FileDiff]) -> str:
    """`Update cart.py`, `Add 3 files in shop`: one line, and one for each file where there are a few."""
    counted = Counter(_WORDS.get(file.status, "Update") for file in changed)
    [(verb, most)] = counted.most_common(1)
    if len(changed) == 1:
        [file] = changed
        if file.status is FileStatus.RENAMED:
            return f"Rename {file.old_path} to {file.path}"
        return f"{verb} {file.path}"
    folder = _common_folder([file.path for file in changed])
    head = f"{verb if most == len(changed) else 'Update'} {len(changed)} files{f' in {folder}' if folder else ''}"
    if len(changed) > 20:
        return head
    return head + "\n\n" + "\n".join(f"- {_WORDS.get(file.status, 'Update')} {file.path}" for file in changed)


_WORDS = {FileStatus.ADDED: "Add", FileStatus.DELETED: "Remove", FileStatus.RENAMED: "Rename", FileStatus.COPIED: "Add"}


def _common_folder(paths: Sequence[str]) -> str:
    folders = [path.split("/")[:-1] for path in paths]
    common = []
    for parts in zip(*folders, strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return "/".join(common)


def _page(files: list[FileDiff], first: int, after: str | None) -> tuple[list[FileDiff], str | None]:
    """By number: the files of a comparison have a fixed order."""
    if after is not None and not (after.isascii() and after.isdigit() and len(after) < 10):
        raise InvalidRequest("The cursor is not one that this API gave out. Leave it away to start anew.")
    begin = int(after or 0)
    end = begin + first
    return files[begin:end], str(end) if end < len(files) else None


def _position(cursor: str) -> tuple[str, int]:
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise InvalidRequest("The cursor is not one that this API gave out. Leave it away to start anew.")
    return found[1], int(found[2])
