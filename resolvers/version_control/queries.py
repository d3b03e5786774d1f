"""Reading the history and the differences of a session."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.errors import InvalidRequest
from app.core.paging import page_size
from app.version_control.service import MOST_FILES, Filter
from resolvers.access import query
from resolvers.context import Context
from resolvers.version_control.types import (
    CommitDetail,
    CommitPage,
    Diff,
    SuggestedMessage,
    commit,
    commit_page,
    diff,
)
from resolvers.workspaces.queries import READ

SessionId = Annotated[strawberry.ID, strawberry.argument(description="The session's id.")]
Revision = Annotated[
    str, strawberry.argument(description="A branch, a tag, or (the beginning of) the hash of a commit.")
]
ContextLines = Annotated[
    int, strawberry.argument(description="Unchanged lines around each change: 0 to 100; 3 by default.")
]
FirstFiles = Annotated[int | None, strawberry.argument(description="How many files at most: 1 to 300; 300 by default.")]
AfterCursor = Annotated[str | None, strawberry.argument(description="Continue behind this `nextCursor`.")]


@strawberry.type
class VersionControlQueries:
    @query("Commits of a session's branch or of another revision, newest first.", READ)
    async def commits(
        self,
        info: Info[Context, None],
        session_id: SessionId,
        ref: Annotated[
            str | None, strawberry.argument(description="Where to begin; the session's branch by default.")
        ] = None,
        path: Annotated[
            str | None, strawberry.argument(description="Only commits that changed this file or folder.")
        ] = None,
        author: Annotated[
            str | None, strawberry.argument(description="Only commits whose author's name or address holds this.")
        ] = None,
        since: Annotated[datetime | None, strawberry.argument(description="Only commits since this time.")] = None,
        until: Annotated[datetime | None, strawberry.argument(description="Only commits until this time.")] = None,
        first: Annotated[int | None, strawberry.argument(description="How many at most: 1 to 100.")] = None,
        after: AfterCursor = None,
    ) -> CommitPage:
        limit = page_size(first, info.context.largest_page)
        wanted = Filter(path or "", author or "", since, until)
        found = await info.context.version_control.log(session_id, limit, after, ref=ref or "", wanted=wanted)
        return commit_page(found)

    @query("One commit of a session's repository, with what it changed.", READ)
    async def commit(
        self,
        info: Info[Context, None],
        session_id: SessionId,
        commit_id: Revision,
    ) -> CommitDetail:
        control = info.context.version_control
        found = await control.commit_of(session_id, commit_id)
        return CommitDetail(commit=commit(found), diff=diff(await control.diff_of_commit(session_id, found)))

    @query("What differs between two revisions.", READ)
    async def diff(
        self,
        info: Info[Context, None],
        session_id: SessionId,
        from_: Annotated[
            str,
            strawberry.argument(name="from", description="The old state: a branch, a tag or a commit."),
        ],
        to: Annotated[
            str | None, strawberry.argument(description="The new state; the session's branch by default.")
        ] = None,
        path: Annotated[str | None, strawberry.argument(description="Only this file or folder.")] = None,
        context_lines: ContextLines = 3,
        first: FirstFiles = None,
        after: AfterCursor = None,
    ) -> Diff:
        context = info.context
        new = to or (await context.sessions.get(session_id)).branch
        found = await context.version_control.diff(
            session_id,
            from_,
            new,
            path=path or "",
            context=_lines(context_lines),
            first=page_size(first or MOST_FILES, MOST_FILES),
            after=after,
        )
        return diff(found)

    @query("What differs between the last commit and the working copy, untracked files included.", READ)
    async def working_copy_diff(
        self,
        info: Info[Context, None],
        session_id: SessionId,
        context_lines: ContextLines = 3,
        first: FirstFiles = None,
        after: AfterCursor = None,
    ) -> Diff:
        found = await info.context.version_control.working_copy_diff(
            session_id,
            context=_lines(context_lines),
            first=page_size(first or MOST_FILES, MOST_FILES),
            after=after,
        )
        return diff(found)

    @query("A message for a commit of all changes of a working copy, made from what changed.", READ)
    async def suggested_commit_message(self, info: Info[Context, None], session_id: SessionId) -> SuggestedMessage:
        return SuggestedMessage(message=await info.context.version_control.suggested_message(session_id), model=None)


def _lines(wanted: int) -> int:
    if not 0 <= wanted <= 100:
        raise InvalidRequest(f"`contextLines` is {wanted}; it has to be from 0 to 100.")
    return wanted
