"""What can be wrong with pull requests."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, Unprocessable


class PullRequestNotFound(NotFound):
    """No pull request with this id is visible to you."""


class PullRequestExists(Conflict):
    """There is an open pull request of these branches. Go on with that one, or close it."""

    code = "PULL_REQUEST_EXISTS"


class PullRequestClosed(Conflict):
    """The pull request is not open."""

    code = "PULL_REQUEST_CLOSED"


class NothingToMerge(Unprocessable):
    """The source branch has no commit that the target branch lacks."""

    code = "NOTHING_TO_MERGE"


class AlreadyMerged(Conflict):
    """All changes are in the target branch already. Refresh the pull request."""

    code = "ALREADY_MERGED"


class MergeConflicts(Conflict):
    """Both branches changed the same lines. `conflictContent` shows all three sides of each file."""

    code = "MERGE_CONFLICTS"


class MergeMoved(Conflict):
    """A branch moved while the merge was made: nothing was merged. Look at the pull request again, then retry."""

    code = "MERGE_MOVED"


class BadPullRequest(Unprocessable):
    """The title, a branch or a comment is not valid."""

    code = "BAD_PULL_REQUEST"
