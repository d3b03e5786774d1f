"""What of pull requests is announced to webhooks and automations."""

from __future__ import annotations

from typing import Any

from app.database.unit_of_work import UnitOfWork
from app.outbox.service import announce
from app.pull_requests.models import PullRequest, PullRequestStatus, Review


def tell_opened(work: UnitOfWork, pull: PullRequest) -> None:
    """Announces a new pull request."""
    announce(work, "pull_request.opened", _data(pull))


def tell_changed(work: UnitOfWork, before: PullRequest, after: PullRequest) -> None:
    """Announces what became of a pull request."""
    verb = "updated"
    if after.status is not before.status:
        verb = "reopened" if after.status is PullRequestStatus.OPEN else str(after.status)
    announce(work, f"pull_request.{verb}", _data(after))


def tell_reviewed(work: UnitOfWork, pull: PullRequest, review: Review, comments: int) -> None:
    """Announces a review."""
    told = {"id": review.id, "verdict": review.verdict, "comments": comments, "createdBy": review.created_by}
    announce(work, "pull_request.reviewed", {**_data(pull), "review": told})


def _data(pull: PullRequest) -> dict[str, Any]:
    return {
        "id": pull.id,
        "workspaceId": pull.workspace_id,
        "number": pull.number,
        "title": pull.title,
        "status": pull.status,
        "sourceBranch": pull.source_branch,
        "targetBranch": pull.target_branch,
        "sourceCommit": pull.source_commit,
        "mergedCommit": pull.merged_commit,
        "createdBy": pull.created_by,
    }
