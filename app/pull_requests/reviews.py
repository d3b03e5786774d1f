"""Reviews, and comments on lines that follow their line as the code changes."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.core.actor import Actor
from app.core.ids import new_id
from app.database.unit_of_work import UnitOfWork
from app.git import diffs
from app.git.diffs import FileDiff, FileStatus
from app.git.errors import RevisionNotFound
from app.git.paths import check_path
from app.pull_requests import repository
from app.pull_requests.announcing import tell_reviewed
from app.pull_requests.errors import BadPullRequest, PullRequestNotFound
from app.pull_requests.models import PullRequest, Review, ReviewComment, Side, Verdict
from app.pull_requests.service import LONGEST_TEXT, PullRequests, Standing
from app.workspaces.service import WorkspaceParts
from app.workspaces.sessions import Sessions

MOST_COMMENTS, MOST_REVIEWS = 100, 1_000


@dataclass(frozen=True, slots=True)
class Remark:
    """A comment that is to be made."""

    path: str
    line: int
    body: str
    side: Side = Side.NEW


@dataclass(frozen=True, slots=True)
class Placed:
    """A comment with where its line is now: another path or line, or nowhere (it was changed since)."""

    comment: ReviewComment
    path: str
    line: int | None


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A review with its comments."""

    review: Review
    comments: list[Placed]
    #: Whether the source branch has moved since.
    outdated: bool


class Reviews:
    """An actor's reviews, in a session of the pull request's workspace."""

    def __init__(self, work: UnitOfWork, actor: Actor, parts: WorkspaceParts) -> None:
        self.work, self.actor, self.parts = work, actor, parts
        self.pulls, self.sessions = PullRequests(work, actor, parts), Sessions(work, actor, parts)

    async def pull_of(self, workspace_id: str, session_id: str, pull_request_id: str) -> PullRequest:
        """The pull request; raises `SessionNotFound` or `PullRequestNotFound` unless all are of one workspace."""
        session = await self.sessions.get(session_id)
        pull = await self.pulls.get(pull_request_id, workspace_id)
        if session.workspace_id != pull.workspace_id:
            raise PullRequestNotFound()
        return pull

    async def add(
        self, pull: PullRequest, session_id: str, verdict: Verdict, body: str, remarks: Sequence[Remark]
    ) -> Reviewed:
        """A review at the present heads. Raises `BadPullRequest` for an empty one and for lines that are not there."""
        if not body.strip() and not remarks and verdict is Verdict.COMMENT:
            raise BadPullRequest("A review without a verdict has a text or comments.")
        if len(body) > LONGEST_TEXT or len(remarks) > MOST_COMMENTS:
            raise BadPullRequest(f"A review has at most {LONGEST_TEXT:,} characters and {MOST_COMMENTS} comments.")
        standing = await self.pulls.standing(pull)
        if standing.source is None:
            raise RevisionNotFound("The source branch of this pull request is gone.")
        review = Review(
            id=new_id("rev"),
            organization_id=self.actor.organization_id,
            pull_request_id=pull.id,
            session_id=session_id,
            verdict=verdict,
            body=body,
            commit=standing.source,
            created_by=self.actor.user_id or self.actor.agent_id,
            created_at=self.parts.clock(),
        )
        comments = [await self._comment(pull, review, standing, remark) for remark in remarks]
        self.work.write(repository.ADD_REVIEW, **review.__dict__)
        for comment in comments:
            self.work.write(repository.ADD_COMMENT, **comment.__dict__)
        tell_reviewed(self.work, pull, review, len(comments))
        return Reviewed(review, [Placed(comment, comment.path, comment.line) for comment in comments], False)

    async def all(self, pull: PullRequest) -> list[Reviewed]:
        """The reviews, oldest first, with each comment where its line is now."""
        wanted = {"pull_request_id": pull.id, "limit": MOST_REVIEWS}
        reviews = await self.work.all(repository.REVIEWS, **wanted)
        comments = await self.work.all(repository.COMMENTS, **wanted)
        standing = await self.pulls.standing(pull)
        placed = await place(self.parts.folders.repository(pull.workspace_id).folder, comments, standing)
        return [
            Reviewed(
                review,
                [each for each in placed if each.comment.review_id == review.id],
                outdated=standing.source != review.commit,
            )
            for review in reviews
        ]

    async def _comment(self, pull: PullRequest, review: Review, standing: Standing, remark: Remark) -> ReviewComment:
        path, commit = check_path(remark.path), standing.source if remark.side is Side.NEW else standing.base
        folder = self.parts.folders.repository(pull.workspace_id).folder
        lines = await _lines(folder, commit, path)
        if not 1 <= remark.line <= lines:
            where = f"{path} has {lines} lines" if lines else f"there is no text file {path}"
            raise BadPullRequest(f"The {remark.side} side has no line {remark.line}: {where}.")
        if not remark.body.strip() or len(remark.body) > LONGEST_TEXT:
            raise BadPullRequest(f"A comment has 1 to {LONGEST_TEXT:,} characters.")
        return ReviewComment(
            id=new_id("rcm"),
            organization_id=review.organization_id,
            pull_request_id=pull.id,
            review_id=review.id,
            path=path,
            side=remark.side,
            line=remark.line,
            commit=commit or "",
            body=remark.body,
        )


async def place(folder: Path, comments: Sequence[ReviewComment], standing: Standing) -> list[Placed]:
    """Where the lines of comments are at the present heads, with one comparison for each commit."""
    now = {Side.NEW: standing.source, Side.OLD: standing.base}
    changed: dict[tuple[str, str], dict[str, FileDiff]] = {}
    for comment in comments:
        head = now[comment.side]
        if head is not None and (comment.commit, head) not in changed:
            files = await diffs.changed_files(folder, comment.commit, head)
            paths = {each.path for each in comments}
            touched = [file for file in files if file.path in paths or file.old_path in paths]
            touched = await diffs.with_hunks(folder, touched, comment.commit, head, context=0)
            changed[comment.commit, head] = {file.old_path or file.path: file for file in touched}
    return [_place(comment, changed.get((comment.commit, now[comment.side] or ""), {})) for comment in comments]


def _place(comment: ReviewComment, changed: dict[str, FileDiff]) -> Placed:
    file = changed.get(comment.path)
    if file is None:
        return Placed(comment, comment.path, comment.line)
    if file.status is FileStatus.DELETED or file.binary or file.truncated:
        return Placed(comment, file.path, None)
    return Placed(comment, file.path, moved_line(comment.line, file))


def moved_line(line: int, file: FileDiff) -> int | None:
    """The number that a line of the old file has in the new one; None where it was changed or removed."""
    starts = [hunk.old_start + (hunk.old_lines == 0) for hunk in file.hunks]
    before = file.hunks[: bisect.bisect_right(starts, line)]
    if before and before[-1].old_start <= line < before[-1].old_start + before[-1].old_lines:
        return None
    return line + sum(hunk.new_lines - hunk.old_lines for hunk in before)


async def _lines(folder: Path, commit: str | None, path: str) -> int:
    """How many lines a text file has at a commit; 0 where there is none."""
    if commit is None or not path:
        return 0
    files = await diffs.changed_files(folder, diffs.state(None), commit, paths=[path])
    filled = await diffs.with_hunks(folder, files, diffs.state(None), commit, context=0)
    return sum(file.additions for file in filled if file.path == path and not file.binary)
