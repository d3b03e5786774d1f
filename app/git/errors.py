"""What can go wrong with git."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, SoundstageError, Unavailable, Unprocessable


class GitMissing(Unavailable):
    """The program git is not installed. Install git 2.38 or later (Debian, Ubuntu: apt install git), then retry."""

    code = "GIT_MISSING"


class GitFailed(SoundstageError):
    """git could not do this. The details hold what it said."""

    code = "GIT_FAILED"


class GitTimeout(Unavailable):
    """git took too long and was ended. Ask for less at once, or retry."""

    code = "GIT_TIMEOUT"


class GitOutputTooLarge(Unprocessable):
    """git's answer is larger than is answered at once. Ask for fewer files or a smaller range."""

    code = "GIT_OUTPUT_TOO_LARGE"


class RevisionNotFound(NotFound):
    """There is no such branch, tag or commit."""

    code = "REVISION_NOT_FOUND"


class BranchExists(Conflict):
    """A branch of this name exists. Choose another name."""

    code = "BRANCH_EXISTS"


class BadBranchName(Unprocessable):
    """This is not a name that git allows for a branch."""

    code = "BAD_BRANCH_NAME"


class RefMoved(Conflict):
    """The branch moved meanwhile: nothing was changed. Read it again, then retry."""

    code = "REF_MOVED"
