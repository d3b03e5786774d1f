"""All queries about pull requests, their reviews and comments."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Integer, bindparam, func, select

from app.database.statements import ORGANIZATION, adding, change, changing, readable, statement, table
from app.pull_requests.models import (
    PullRequest,
    PullRequestStatus,
    PullRequestTable,
    Review,
    ReviewComment,
    ReviewCommentTable,
    ReviewTable,
)

_pull, _review, _comment = table(PullRequestTable).c, table(ReviewTable).c, table(ReviewCommentTable).c
_OF_WORKSPACE = _pull.workspace_id == bindparam("workspace_id")
_PAGE = readable(PullRequestTable).where(_OF_WORKSPACE, _pull.id < bindparam("before")).order_by(_pull.id.desc())
_LIMIT = bindparam("limit", type_=Integer)

PULL_REQUEST = statement(readable(PullRequestTable).where(_pull.id == bindparam("id")), PullRequest)
PAGE_BEFORE = statement(_PAGE.limit(_LIMIT), PullRequest)
PAGE_OF_STATUS_BEFORE = statement(_PAGE.where(_pull.status == bindparam("status")).limit(_LIMIT), PullRequest)
OPEN_OF_BRANCHES = statement(
    readable(PullRequestTable).where(
        _OF_WORKSPACE,
        _pull.source_branch == bindparam("source_branch"),
        _pull.target_branch == bindparam("target_branch"),
        _pull.status == PullRequestStatus.OPEN,
    ),
    PullRequest,
)
COUNTS = statement(
    select(_pull.status, func.count().label("count"))
    .where(_pull.organization_id == bindparam(ORGANIZATION), _OF_WORKSPACE)
    .group_by(_pull.status),
    dict[str, Any],
)
LAST_NUMBER = statement(
    select(func.coalesce(func.max(_pull.number), 0).label("number")).where(
        _pull.organization_id == bindparam(ORGANIZATION), _OF_WORKSPACE
    ),
    dict[str, Any],
)
ADD = change(adding(PullRequestTable))
#: Guarded by the version that was read: of two merges at once, one is done.
CHANGE = change(
    changing(PullRequestTable)
    .where(_pull.id == bindparam("id"), _pull.version == bindparam("seen"))
    .values(
        {
            name: bindparam(name)
            for name in (
                "title",
                "description",
                "target_branch",
                "status",
                "source_commit",
                "target_commit",
                "merged_commit",
                "merged_by",
                "merged_at",
                "method",
                "updated_at",
                "version",
            )
        }
    )
)

REVIEWS = statement(
    readable(ReviewTable)
    .where(_review.pull_request_id == bindparam("pull_request_id"))
    .order_by(_review.id)
    .limit(_LIMIT),
    Review,
)
COMMENTS = statement(
    readable(ReviewCommentTable)
    .where(_comment.pull_request_id == bindparam("pull_request_id"))
    .order_by(_comment.id)
    .limit(_LIMIT),
    ReviewComment,
)
ADD_REVIEW = change(adding(ReviewTable))
ADD_COMMENT = change(adding(ReviewCommentTable))
