"""Pull requests of a workspace, and what is said about them."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from app.database.statements import Record
from app.database.types import Choice, Moment


class PullRequestStatus(enum.StrEnum):
    """Where a pull request is in its life."""

    OPEN = "open"
    MERGED = "merged"
    CLOSED = "closed"


class MergeMethod(enum.StrEnum):
    """How the commits come into the target branch."""

    MERGE = "merge"
    SQUASH = "squash"
    REBASE = "rebase"


class Verdict(enum.StrEnum):
    """What a review comes to."""

    COMMENT = "comment"
    APPROVE = "approve"
    REQUEST_CHANGES = "request_changes"


class Side(enum.StrEnum):
    """Which file a comment's line number counts in."""

    OLD = "old"
    NEW = "new"


class PullRequest(Record):
    """A wish to bring the commits of one branch into another."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    workspace_id: str = Field(foreign_key="workspaces.id", ondelete="CASCADE")
    #: Counts up in the workspace.
    number: int
    title: str
    description: str = ""
    source_branch: str
    target_branch: str
    status: PullRequestStatus = Field(sa_type=Choice(PullRequestStatus))
    #: The heads of both branches when they were last looked at; of a merged one, what was merged.
    source_commit: str
    target_commit: str
    #: What the merge made the target branch's head.
    merged_commit: str | None = None
    merged_by: str | None = None
    merged_at: datetime | None = Field(default=None, sa_type=Moment)
    method: MergeMethod | None = Field(default=None, sa_type=Choice(MergeMethod))
    created_by: str
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)
    version: int = 1


class PullRequestTable(PullRequest, table=True):
    __tablename__ = "pull_requests"
    __table_args__ = (
        UniqueConstraint("workspace_id", "number", name="pull_requests_number"),
        Index("pull_requests_of_workspace", "organization_id", "workspace_id", "id"),
    )


class Review(Record):
    """What somebody thinks of a pull request at one commit."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    pull_request_id: str = Field(foreign_key="pull_requests.id", ondelete="CASCADE")
    session_id: str
    verdict: Verdict = Field(sa_type=Choice(Verdict))
    body: str
    #: The head of the source branch that was looked at.
    commit: str
    created_by: str
    created_at: datetime = Field(sa_type=Moment)


class ReviewTable(Review, table=True):
    __tablename__ = "pull_request_reviews"
    __table_args__ = (Index("pull_request_reviews_of", "organization_id", "pull_request_id", "id"),)


class ReviewComment(Record):
    """A remark on a line, as it was at the review's commit."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    pull_request_id: str = Field(foreign_key="pull_requests.id", ondelete="CASCADE")
    review_id: str = Field(foreign_key="pull_request_reviews.id", ondelete="CASCADE")
    path: str
    side: Side = Field(sa_type=Choice(Side))
    line: int
    #: The commit in whose file the line is counted.
    commit: str
    body: str


class ReviewCommentTable(ReviewComment, table=True):
    __tablename__ = "pull_request_comments"
    __table_args__ = (Index("pull_request_comments_of", "organization_id", "pull_request_id", "id"),)
