"""Reading pull requests."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.paging import decode_cursor, page_size
from app.pull_requests import models
from resolvers.access import query
from resolvers.context import Context
from resolvers.node import After, Connection, First, Id, connection
from resolvers.pull_requests.types import (
    ConflictContent,
    PullRequest,
    PullRequestCounts,
    PullRequestDiff,
    PullRequestStatus,
    ReviewList,
    conflict,
    difference,
    pull_request,
    review,
)
from resolvers.version_control.queries import SessionId
from resolvers.workspaces.queries import READ, WorkspaceId


@strawberry.type
class PullRequestQueries:
    @query("One pull request; null where none with this id is visible to you.", READ)
    async def pull_request(self, info: Info[Context, None], id: Id) -> PullRequest | None:
        found = await info.context.pull_requests.find(id)
        return pull_request(found) if found else None

    @query("The pull requests of a workspace, newest first.", READ)
    async def pull_requests(
        self,
        info: Info[Context, None],
        workspace_id: WorkspaceId,
        status: Annotated[
            PullRequestStatus | None, strawberry.argument(description="Only those in this status.")
        ] = None,
        first: First = None,
        after: After = None,
    ) -> Connection[PullRequest]:
        limit = page_size(first, info.context.largest_page)
        page = await info.context.pull_requests.page(workspace_id, limit, decode_cursor(after), status)
        return connection(page, _id, pull_request, after)

    @query("How many pull requests of a workspace are in each status.", READ)
    async def pull_request_counts(self, info: Info[Context, None], workspace_id: WorkspaceId) -> PullRequestCounts:
        found = await info.context.pull_requests.counts(workspace_id)
        return PullRequestCounts(
            open=found[models.PullRequestStatus.OPEN],
            merged=found[models.PullRequestStatus.MERGED],
            closed=found[models.PullRequestStatus.CLOSED],
        )

    @query("The files in conflict of a pull request, on all sides.", READ)
    async def conflict_content(
        self,
        info: Info[Context, None],
        workspace_id: WorkspaceId,
        id: Id,
        path: Annotated[str | None, strawberry.argument(description="Only this file.")] = None,
    ) -> list[ConflictContent]:
        pulls = info.context.pull_requests
        found = await pulls.conflict_content(await pulls.get(id, workspace_id), path)
        return [conflict(each) for each in found]

    @query("What a pull request would bring in.", READ)
    async def pull_request_diff(
        self, info: Info[Context, None], workspace_id: WorkspaceId, session_id: SessionId, id: Id
    ) -> PullRequestDiff:
        context = info.context
        pull = await context.reviews.pull_of(workspace_id, session_id, id)
        return difference(*await context.pull_requests.diff(pull))

    @query("The reviews of a pull request; each comment where its line is now.", READ)
    async def pull_request_reviews(
        self, info: Info[Context, None], workspace_id: WorkspaceId, session_id: SessionId, id: Id
    ) -> ReviewList:
        reviews = info.context.reviews
        pull = await reviews.pull_of(workspace_id, session_id, id)
        return ReviewList(reviews=[review(each) for each in await reviews.all(pull)])


def _id(record: models.PullRequest) -> str:
    return record.id
