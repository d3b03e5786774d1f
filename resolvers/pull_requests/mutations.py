"""Opening, changing, reviewing and merging pull requests."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.pull_requests import models
from app.pull_requests.reviews import Remark
from resolvers.access import mutation
from resolvers.context import Context
from resolvers.node import Id, IfVersion
from resolvers.pull_requests.types import (
    DiffSide,
    MergeMethod,
    PullRequest,
    Review,
    ReviewVerdict,
    pull_request,
    review,
)
from resolvers.version_control.queries import SessionId
from resolvers.workspaces.mutations import WRITE
from resolvers.workspaces.queries import WorkspaceId


@strawberry.input(description="A pull request to open.")
class OpenPullRequestInput:
    title: str = strawberry.field(description="What it is about: a line of 1 to 300 characters.")
    source_branch: str = strawberry.field(description="The branch whose commits are to come in.")
    target_branch: str | None = strawberry.field(
        default=None, description="The branch that they are to come into; the default branch by default."
    )
    description: str | None = strawberry.field(default=None, description="The rest of it: at most 64 Ki characters.")


@strawberry.input(description="What of a pull request can change. What is left out stays as it is.")
class UpdatePullRequestInput:
    title: str | None = strawberry.field(default=None, description="A line of 1 to 300 characters.")
    description: str | None = strawberry.field(default=None, description="At most 64 Ki characters.")
    target_branch: str | None = strawberry.field(default=None, description="Another branch to come into.")
    closed: bool | None = strawberry.field(default=None, description="Closes it, or opens it again.")


@strawberry.input(description="A remark on a line.")
class ReviewCommentInput:
    path: str = strawberry.field(description="The file.")
    line: int = strawberry.field(description="The line's number, from 1.")
    side: DiffSide = strawberry.field(default=models.Side.NEW, description="Which file the number counts in.")
    body: str = strawberry.field(description="The remark: 1 to 64 Ki characters.")


@strawberry.input(description="A review.")
class AddReviewInput:
    verdict: ReviewVerdict = strawberry.field(default=models.Verdict.COMMENT, description="What it comes to.")
    body: str | None = strawberry.field(default=None, description="Its text: at most 64 Ki characters.")
    comments: list[ReviewCommentInput] | None = strawberry.field(default=None, description="At most 100 remarks.")


@strawberry.type
class PullRequestMutations:
    @mutation("Opens a pull request.", WRITE, audited="pull_request.open")
    async def open_pull_request(
        self,
        info: Info[Context, None],
        workspace_id: WorkspaceId,
        input: Annotated[OpenPullRequestInput, strawberry.argument(description="The pull request to open.")],
    ) -> PullRequest:
        made = await info.context.pull_requests.open(
            workspace_id,
            input.title,
            input.source_branch,
            target=input.target_branch,
            description=input.description or "",
        )
        return pull_request(made)

    @mutation("Changes a pull request, closes it or opens it again.", WRITE, audited="pull_request.update")
    async def update_pull_request(
        self,
        info: Info[Context, None],
        workspace_id: WorkspaceId,
        id: Id,
        input: Annotated[UpdatePullRequestInput, strawberry.argument(description="What to change.")],
        if_version: IfVersion = None,
    ) -> PullRequest:
        changed = await info.context.pull_requests.update(
            id,
            workspace_id,
            title=input.title,
            description=input.description,
            target=input.target_branch,
            closed=input.closed,
            expected_version=if_version,
        )
        return pull_request(changed)

    @mutation(
        "Takes note of where a pull request's branches are now; one whose changes all came in is merged.",
        WRITE,
        audited="pull_request.refresh",
    )
    async def refresh_pull_request(self, info: Info[Context, None], workspace_id: WorkspaceId, id: Id) -> PullRequest:
        return pull_request(await info.context.pull_requests.refresh(id, workspace_id))

    @mutation(
        "Merges a pull request. Of two merges at once one wins; the other is told `MERGE_MOVED` or `ALREADY_MERGED`.",
        WRITE,
        audited="pull_request.merge",
    )
    async def merge_pull_request(
        self,
        info: Info[Context, None],
        workspace_id: WorkspaceId,
        id: Id,
        method: Annotated[
            MergeMethod, strawberry.argument(description="How the commits come in.")
        ] = models.MergeMethod.MERGE,
        message: Annotated[
            str | None, strawberry.argument(description="The commit's message; title and text by default.")
        ] = None,
        expected_source: Annotated[
            str | None, strawberry.argument(description="Merge only if the source branch is still at this commit.")
        ] = None,
    ) -> PullRequest:
        merged = await info.context.pull_requests.merge(
            id, workspace_id, method=method, message=message or "", expected_source=expected_source
        )
        return pull_request(merged)

    @mutation("Reviews a pull request: a verdict, a text, remarks on lines.", WRITE, audited="pull_request.review")
    async def add_review(
        self,
        info: Info[Context, None],
        workspace_id: WorkspaceId,
        session_id: SessionId,
        id: Id,
        input: Annotated[AddReviewInput, strawberry.argument(description="The review.")],
    ) -> Review:
        reviews = info.context.reviews
        pull = await reviews.pull_of(workspace_id, session_id, id)
        remarks = [Remark(each.path, each.line, each.body, each.side) for each in input.comments or ()]
        return review(await reviews.add(pull, session_id, input.verdict, input.body or "", remarks))
