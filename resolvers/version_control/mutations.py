"""Committing, discarding and rolling back."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from resolvers.access import mutation
from resolvers.context import Context
from resolvers.version_control.queries import Revision, SessionId
from resolvers.version_control.types import Commit, Discarded, SuggestedMessage, commit
from resolvers.workspaces.mutations import WRITE

Paths = Annotated[
    list[str] | None, strawberry.argument(description="Only these files and folders; everything by default.")
]


@strawberry.type
class VersionControlMutations:
    @mutation("Commits what changed in a working copy, as you.", WRITE, audited="session.commit")
    async def commit_changes(
        self,
        info: Info[Context, None],
        session_id: SessionId,
        message: Annotated[str, strawberry.argument(description="The message: at most 64 Ki characters.")],
        paths: Paths = None,
    ) -> Commit:
        return commit(await info.context.version_control.commit(session_id, message, paths or ()))

    @mutation(
        "A message for a commit of all changes of a working copy: by the organization's default model where it has one "
        "that you may ask and that answers within 10 seconds; else from what changed. Nothing is committed.",
        WRITE,
        audited="session.generate_message",
    )
    async def generate_commit_message(self, info: Info[Context, None], session_id: SessionId) -> SuggestedMessage:
        found = await info.context.completing.commit_message(session_id)
        return SuggestedMessage(message=found.text, model=found.model or None)

    @mutation(
        "Takes back uncommitted changes of a working copy, untracked files included. They cannot be had again.",
        WRITE,
        audited="session.discard",
    )
    async def discard_changes(self, info: Info[Context, None], session_id: SessionId, paths: Paths = None) -> Discarded:
        return Discarded(paths=await info.context.version_control.discard(session_id, paths or ()))

    @mutation(
        "Makes a new commit whose files are those of an earlier commit of the session's branch. No commit is lost.",
        WRITE,
        audited="session.rollback",
    )
    async def rollback(
        self,
        info: Info[Context, None],
        session_id: SessionId,
        commit_id: Revision,
        message: Annotated[str | None, strawberry.argument(description="The new commit's message.")] = None,
    ) -> Commit:
        return commit(await info.context.version_control.rollback(session_id, commit_id, message or ""))
