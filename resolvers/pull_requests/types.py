"""What pull requests look like in GraphQL."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry.types import Info

from app.git.diffs import FileDiff
from app.pull_requests import models, reviews, service
from resolvers.context import Context
from resolvers.node import Node
from resolvers.version_control.types import Diff, diff_of

PullRequestStatus = models.PullRequestStatus
strawberry.enum(PullRequestStatus, name="PullRequestStatus", description="Where a pull request is in its life.")
MergeMethod = models.MergeMethod
strawberry.enum(
    MergeMethod,
    name="MergeMethod",
    description="How commits come into the target: by a merge commit, as one commit, or each anew on top.",
)
ReviewVerdict = models.Verdict
strawberry.enum(ReviewVerdict, name="ReviewVerdict", description="What a review comes to.")
DiffSide = models.Side
strawberry.enum(DiffSide, name="DiffSide", description="Which file a line number counts in.")


@strawberry.type(description="How a pull request stands now.")
class Mergeability:
    mergeable: bool | None = strawberry.field(description="Whether it merges cleanly; null where a branch is gone.")
    conflicts: list[str] = strawberry.field(description="The files that both branches changed in one place.")
    ahead: int = strawberry.field(description="Commits that the source has and the target lacks.")
    behind: int = strawberry.field(description="Commits that the target has and the source lacks.")
    source_commit: str | None = strawberry.field(description="The head of the source branch; null where it is gone.")
    target_commit: str | None = strawberry.field(description="The head of the target branch; null where it is gone.")
    base_commit: str | None = strawberry.field(description="Their common ancestor; null where they have none.")


@strawberry.type(description="A wish to bring the commits of one branch into another.")
class PullRequest(Node):
    record: strawberry.Private[models.PullRequest]
    workspace_id: strawberry.ID = strawberry.field(description="The workspace.")
    number: int = strawberry.field(description="Counts up in the workspace.")
    title: str = strawberry.field(description="What it is about, in a line.")
    description: str = strawberry.field(description="The rest of it.")
    source_branch: str = strawberry.field(description="The branch whose commits are to come in.")
    target_branch: str = strawberry.field(description="The branch that they are to come into.")
    status: PullRequestStatus = strawberry.field(description="Where it is in its life.")
    merged_commit: str | None = strawberry.field(description="The target's head that the merge made; else null.")
    merged_by: strawberry.ID | None = strawberry.field(description="The member or agent who merged it; else null.")
    merged_at: datetime | None = strawberry.field(description="When it was merged; else null.")
    method: MergeMethod | None = strawberry.field(
        description="How it was merged; null where it is not, or its commits came in by other ways."
    )
    created_by: strawberry.ID = strawberry.field(description="The member or agent who opened it.")
    created_at: datetime = strawberry.field(description="When it was opened.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    version: int = strawberry.field(description="Counts the changes; the ETag of REST.")

    @strawberry.field(description="How it stands now, by the heads of its branches.")  # type: ignore[untyped-decorator]
    async def mergeability(self, info: Info[Context, None]) -> Mergeability:
        return mergeability(await info.context.pull_requests.standing(self.record))


@strawberry.type(description="How many pull requests are in each status.")
class PullRequestCounts:
    open: int = strawberry.field(description="Open ones.")
    merged: int = strawberry.field(description="Merged ones.")
    closed: int = strawberry.field(description="Ones that were closed without a merge.")


@strawberry.type(description="What a pull request would bring in.")
class PullRequestDiff:
    mergeability: Mergeability = strawberry.field(description="How it stands now.")
    diff: Diff = strawberry.field(description="The source branch against the common ancestor.")


@strawberry.type(description="A file in conflict, on all sides. A side is null where the file is not there or no text.")
class ConflictContent:
    path: str = strawberry.field(description="The file.")
    base: str | None = strawberry.field(description="As it is in the common ancestor.")
    ours: str | None = strawberry.field(description="As it is in the target branch.")
    theirs: str | None = strawberry.field(description="As it is in the source branch.")
    merged: str | None = strawberry.field(description="Both, with conflict markers.")


@strawberry.type(description="A remark on a line.")
class ReviewComment:
    id: strawberry.ID = strawberry.field(description="Its id.")
    path: str = strawberry.field(description="The file, where it is now.")
    line: int | None = strawberry.field(
        description="The line's number now; null where the line was changed or removed since."
    )
    side: DiffSide = strawberry.field(description="Which file the number counts in.")
    original_path: str = strawberry.field(description="The file when the comment was made.")
    original_line: int = strawberry.field(description="The line's number when the comment was made.")
    body: str = strawberry.field(description="The remark.")


@strawberry.type(description="What somebody thinks of a pull request.")
class Review:
    id: strawberry.ID = strawberry.field(description="Its id.")
    verdict: ReviewVerdict = strawberry.field(description="What it comes to.")
    body: str = strawberry.field(description="Its text.")
    commit: str = strawberry.field(description="The head of the source branch that was looked at.")
    outdated: bool = strawberry.field(description="Whether the source branch has moved since.")
    session_id: strawberry.ID = strawberry.field(description="The session it was made in.")
    created_by: strawberry.ID = strawberry.field(description="The member or agent who made it.")
    created_at: datetime = strawberry.field(description="When it was made.")
    comments: list[ReviewComment] = strawberry.field(description="Its remarks on lines.")


@strawberry.type(description="The reviews of a pull request.")
class ReviewList:
    reviews: list[Review] = strawberry.field(description="Oldest first; at most 1,000.")


def pull_request(record: models.PullRequest) -> PullRequest:
    """The record as GraphQL shows it."""
    return PullRequest(
        record=record,
        id=strawberry.ID(record.id),
        workspace_id=strawberry.ID(record.workspace_id),
        number=record.number,
        title=record.title,
        description=record.description,
        source_branch=record.source_branch,
        target_branch=record.target_branch,
        status=record.status,
        merged_commit=record.merged_commit,
        merged_by=None if record.merged_by is None else strawberry.ID(record.merged_by),
        merged_at=record.merged_at,
        method=record.method,
        created_by=strawberry.ID(record.created_by),
        created_at=record.created_at,
        updated_at=record.updated_at,
        version=record.version,
    )


def mergeability(found: service.Standing) -> Mergeability:
    """How it stands, as GraphQL shows it."""
    return Mergeability(
        mergeable=found.mergeable,
        conflicts=[conflict.path for conflict in found.conflicts],
        ahead=found.ahead,
        behind=found.behind,
        source_commit=found.source,
        target_commit=found.target,
        base_commit=found.base,
    )


def difference(found: service.Standing, files: list[FileDiff]) -> PullRequestDiff:
    """What it would bring in, as GraphQL shows it: the files that have hunks."""
    return PullRequestDiff(
        mergeability=mergeability(found),
        diff=diff_of(found.base, found.source, files[:300], len(files)),
    )


def conflict(found: service.ConflictContent) -> ConflictContent:
    """A file in conflict as GraphQL shows it."""
    return ConflictContent(path=found.path, base=found.base, ours=found.ours, theirs=found.theirs, merged=found.merged)


def review(found: reviews.Reviewed) -> Review:
    """A review as GraphQL shows it."""
    record = found.review
    return Review(
        id=strawberry.ID(record.id),
        verdict=record.verdict,
        body=record.body,
        commit=record.commit,
        outdated=found.outdated,
        session_id=strawberry.ID(record.session_id),
        created_by=strawberry.ID(record.created_by),
        created_at=record.created_at,
        comments=[_comment(each) for each in found.comments],
    )


def _comment(found: reviews.Placed) -> ReviewComment:
    return ReviewComment(
        id=strawberry.ID(found.comment.id),
        path=found.path,
        line=found.line,
        side=found.comment.side,
        original_path=found.comment.path,
        original_line=found.comment.line,
        body=found.comment.body,
    )
