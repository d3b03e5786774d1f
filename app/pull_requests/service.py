"""The verbs of pull requests. A merge is made beside the branches and moves the target by compare and swap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.core.actor import Actor
from app.core.errors import Conflict, PreconditionFailed
from app.core.ids import new_id
from app.core.paging import NEWEST, Page
from app.database.unit_of_work import UnitOfWork
from app.git import diffs, history, merging
from app.git.diffs import FileDiff
from app.git.errors import GitOutputTooLarge, RefMoved, RevisionNotFound
from app.git.merging import Merged
from app.git.repository import Author, Repository
from app.pull_requests import repository
from app.pull_requests.announcing import tell_changed, tell_opened
from app.pull_requests.errors import (
    AlreadyMerged,
    BadPullRequest,
    MergeConflicts,
    MergeMoved,
    NothingToMerge,
    PullRequestClosed,
    PullRequestExists,
    PullRequestNotFound,
)
from app.pull_requests.models import MergeMethod, PullRequest, PullRequestStatus
from app.pull_requests.targets import move_branch
from app.workspaces.authors import author
from app.workspaces.models import Workspace
from app.workspaces.service import WorkspaceParts, Workspaces

LONGEST_TITLE, LONGEST_TEXT = 300, 64 * 1024
#: Bytes of one side of a conflict that are told.
LARGEST_SIDE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Standing:
    """How a pull request stands now: what is to be merged, and whether it can be."""

    source: str | None
    target: str | None
    #: The common ancestor: what the source's changes are told against.
    base: str | None
    ahead: int
    behind: int
    #: None where a branch is gone.
    mergeable: bool | None
    conflicts: tuple[merging.Conflict, ...] = ()


@dataclass(frozen=True, slots=True)
class ConflictContent:
    """A file in conflict on all sides; None where it is not there, is no text, or is over 1 MiB."""

    path: str
    base: str | None
    ours: str | None
    theirs: str | None
    #: Both with conflict markers, as git writes it.
    merged: str | None


class PullRequests:
    """An actor's pull requests."""

    def __init__(self, work: UnitOfWork, actor: Actor, parts: WorkspaceParts) -> None:
        self.work, self.actor, self.parts = work, actor, parts
        self.workspaces = Workspaces(work, actor, parts)

    # Reading.

    async def find(self, pull_request_id: str, workspace_id: str | None = None) -> PullRequest | None:
        """One pull request; None where none is visible, or it is another workspace's."""
        found = await self.work.one(repository.PULL_REQUEST, id=pull_request_id)
        return found if found is not None and workspace_id in (None, found.workspace_id) else None

    async def get(self, pull_request_id: str, workspace_id: str | None = None) -> PullRequest:
        """The same; raises `PullRequestNotFound`."""
        found = await self.find(pull_request_id, workspace_id)
        if found is None:
            raise PullRequestNotFound()
        return found

    async def page(
        self, workspace_id: str, limit: int, before: str | None, status: PullRequestStatus | None = None
    ) -> Page[PullRequest]:
        """A workspace's pull requests, newest first; raises `WorkspaceNotFound`."""
        await self.workspaces.get(workspace_id)
        wanted: dict[str, Any] = {"workspace_id": workspace_id, "before": before or NEWEST, "limit": limit + 1}
        if status is None:
            found = await self.work.all(repository.PAGE_BEFORE, **wanted)
        else:
            found = await self.work.all(repository.PAGE_OF_STATUS_BEFORE, status=status, **wanted)
        return Page(found[:limit], len(found) > limit)

    async def counts(self, workspace_id: str) -> dict[PullRequestStatus, int]:
        """How many are in each status; raises `WorkspaceNotFound`."""
        await self.workspaces.get(workspace_id)
        rows = await self.work.all(repository.COUNTS, workspace_id=workspace_id)
        found = {row["status"]: row["count"] for row in rows}
        return {status: found.get(status, 0) for status in PullRequestStatus}

    async def standing(self, pull: PullRequest) -> Standing:
        """How it stands now, by the heads of its branches; of one that is not open, by what they were at its end."""
        bare = self._repository(pull.workspace_id)
        if pull.status is PullRequestStatus.OPEN:
            source, target = await bare.branch(pull.source_branch), await bare.branch(pull.target_branch)
        else:
            source, target = pull.source_commit, pull.target_commit
        if source is None or target is None:
            return Standing(source, target, None, 0, 0, None)
        merged = await merging.merge_trees(bare.folder, target, source)
        return Standing(
            source=source,
            target=target,
            base=await history.merge_base(bare.folder, target, source),
            ahead=await history.count(bare.folder, source, target),
            behind=await history.count(bare.folder, target, source),
            mergeable=not merged.conflicts,
            conflicts=merged.conflicts,
        )

    async def diff(self, pull: PullRequest, *, context: int = 3) -> tuple[Standing, list[FileDiff]]:
        """What it would bring in: the source branch against the common ancestor. Its first 300 files have hunks."""
        standing = await self.standing(pull)
        if standing.source is None or standing.target is None:
            raise RevisionNotFound("A branch of this pull request is gone.")
        folder, states = self._repository(pull.workspace_id).folder, (diffs.state(standing.base), standing.source)
        files = await diffs.changed_files(folder, *states)
        filled = await diffs.with_hunks(folder, files[:300], *states, context=context)
        return standing, [*filled, *files[300:]]

    async def conflict_content(self, pull: PullRequest, path: str | None = None) -> list[ConflictContent]:
        """Each file in conflict, or one of them, on all sides."""
        standing, bare = await self.standing(pull), self._repository(pull.workspace_id)
        if standing.source is None or standing.target is None:
            raise RevisionNotFound("A branch of this pull request is gone.")
        merged = await merging.merge_trees(bare.folder, standing.target, standing.source)
        wanted = [conflict for conflict in merged.conflicts if path in (None, conflict.path)]
        return [await _content(bare, merged, conflict) for conflict in wanted[:50]]

    # Changing.

    async def open(
        self, workspace_id: str, title: str, source: str, *, target: str | None = None, description: str = ""
    ) -> PullRequest:
        """A new pull request. Raises `RevisionNotFound`, `NothingToMerge` or `PullRequestExists`."""
        workspace = await self.workspaces.get(workspace_id)
        target = target or workspace.default_branch
        if target == source:
            raise BadPullRequest("Source and target are the same branch.")
        bare = self._repository(workspace_id)
        heads = await self._heads(bare, source, target)
        if not await history.count(bare.folder, *heads):
            raise NothingToMerge()
        wanted = {"workspace_id": workspace_id, "source_branch": source, "target_branch": target}
        if await self.work.one(repository.OPEN_OF_BRANCHES, **wanted):
            raise PullRequestExists()
        [last] = await self.work.all(repository.LAST_NUMBER, workspace_id=workspace_id)
        moment = self.parts.clock()
        made = PullRequest(
            id=new_id("prq"),
            organization_id=self.actor.organization_id,
            workspace_id=workspace_id,
            number=last["number"] + 1,
            title=_title(title),
            description=_text(description),
            source_branch=source,
            target_branch=target,
            status=PullRequestStatus.OPEN,
            source_commit=heads[0],
            target_commit=heads[1],
            created_by=self.actor.user_id or self.actor.agent_id,
            created_at=moment,
            updated_at=moment,
        )
        # Two at once may get the same number: one of them is told to try again.
        self.work.write(repository.ADD, otherwise=Conflict(), **made.__dict__)
        tell_opened(self.work, made)
        return made

    async def update(
        self,
        pull_request_id: str,
        workspace_id: str | None = None,
        *,
        title: str | None = None,
        description: str | None = None,
        target: str | None = None,
        closed: bool | None = None,
        expected_version: int | None = None,
    ) -> PullRequest:
        """Changes what is given; closes it or opens it again. A merged one keeps all but its text."""
        pull = await self.get(pull_request_id, workspace_id)
        if expected_version is not None and pull.version != expected_version:
            raise PreconditionFailed()
        if pull.status is PullRequestStatus.MERGED and (closed is not None or target is not None):
            raise PullRequestClosed("The pull request is merged: its target and status stay.")
        changes: dict[str, Any] = {}
        if title is not None:
            changes["title"] = _title(title)
        if description is not None:
            changes["description"] = _text(description)
        if target is not None:
            heads = await self._heads(self._repository(pull.workspace_id), pull.source_branch, target)
            changes |= {"target_branch": target, "source_commit": heads[0], "target_commit": heads[1]}
        if closed is not None:
            changes["status"] = PullRequestStatus.CLOSED if closed else PullRequestStatus.OPEN
        return self._change(pull, **changes)

    async def refresh(self, pull_request_id: str, workspace_id: str | None = None) -> PullRequest:
        """Takes note of where its branches are now. One whose changes all came into the target is merged."""
        pull = await self.get(pull_request_id, workspace_id)
        if pull.status is not PullRequestStatus.OPEN:
            return pull
        bare = self._repository(pull.workspace_id)
        source, target = await self._heads(bare, pull.source_branch, pull.target_branch)
        if await _is_in(bare, source, target):
            return self._merged(pull, source, target, target, None)
        if (source, target) == (pull.source_commit, pull.target_commit):
            return pull
        return self._change(pull, source_commit=source, target_commit=target)

    async def merge(
        self,
        pull_request_id: str,
        workspace_id: str | None = None,
        *,
        method: MergeMethod = MergeMethod.MERGE,
        message: str = "",
        expected_source: str | None = None,
    ) -> PullRequest:
        """Brings the commits into the target branch.

        Raises `MergeConflicts`, `AlreadyMerged`, `PullRequestClosed`, and `MergeMoved` where a branch moved meanwhile
        or is not at `expected_source`. Where the branch moves and the row is not committed, `refresh` finds it merged.
        """
        pull = await self.get(pull_request_id, workspace_id)
        bare, workspace = self._repository(pull.workspace_id), await self.workspaces.get(pull.workspace_id)
        writer = await author(self.work, self.actor)
        async with self.parts.folders.turns.of(f"{pull.workspace_id}/{pull.target_branch}"):
            pull = await self.get(pull_request_id, workspace_id)
            if pull.status is not PullRequestStatus.OPEN:
                raise PullRequestClosed(f"The pull request is {pull.status}.")
            source, target = await self._heads(bare, pull.source_branch, pull.target_branch)
            if expected_source not in (None, source):
                raise MergeMoved("The source branch is not at the commit that you looked at.")
            if await _is_in(bare, source, target):
                raise AlreadyMerged()
            made = await self._made(bare, pull, method, message, source, target, writer)
            await self._move(workspace, pull.target_branch, made, target)
            return self._merged(pull, source, target, made, method)

    # Within.

    async def _made(
        self,
        bare: Repository,
        pull: PullRequest,
        method: MergeMethod,
        message: str,
        source: str,
        target: str,
        writer: Author,
    ) -> str:
        if method is MergeMethod.REBASE:
            head, conflict = await merging.rebase(bare, source, target, writer)
            if conflict is not None:
                raise _conflicts(conflict)
            return head
        merged = await merging.merge_trees(bare.folder, target, source)
        if merged.conflicts:
            raise _conflicts(merged)
        text = _text(message) or f"{pull.title} (#{pull.number})\n\n{pull.description}".rstrip()
        if method is MergeMethod.SQUASH:
            return await merging.squash(bare, merged.tree, target, text, writer)
        return await bare.commit_tree(merged.tree, [target, source], text, writer)

    async def _move(self, workspace: Workspace, branch: str, new: str, old: str) -> None:
        try:
            await move_branch(self.work, self.parts.folders, workspace, branch, new, old)
        except RefMoved as error:
            raise MergeMoved() from error

    def _merged(
        self, pull: PullRequest, source: str, target: str, made: str, method: MergeMethod | None
    ) -> PullRequest:
        return self._change(
            pull,
            status=PullRequestStatus.MERGED,
            source_commit=source,
            target_commit=target,
            merged_commit=made,
            merged_by=self.actor.user_id or self.actor.agent_id,
            merged_at=self.parts.clock(),
            method=method,
        )

    def _change(self, pull: PullRequest, **changes: Any) -> PullRequest:
        changed = pull.changed(**changes, updated_at=self.parts.clock(), version=pull.version + 1)
        self.work.write(repository.CHANGE, expect=1, otherwise=Conflict(), seen=pull.version, **changed.__dict__)
        tell_changed(self.work, pull, changed)
        return changed

    async def _heads(self, bare: Repository, source: str, target: str) -> tuple[str, str]:
        found = []
        for name in (source, target):
            head = await bare.branch(name)
            if head is None:
                raise RevisionNotFound(f"There is no branch {name[:80]!r}.")
            found.append(head)
        return found[0], found[1]

    def _repository(self, workspace_id: str) -> Repository:
        return self.parts.folders.repository(workspace_id)


async def _is_in(bare: Repository, source: str, target: str) -> bool:
    """Whether merging would change nothing: also after a squash or a rebase, whose commits are others."""
    merged = await merging.merge_trees(bare.folder, target, source)
    return not merged.conflicts and merged.tree == await bare.tree(target)


def _conflicts(merged: Merged) -> MergeConflicts:
    return MergeConflicts(paths=[conflict.path for conflict in merged.conflicts])


async def _content(bare: Repository, merged: Merged, conflict: merging.Conflict) -> ConflictContent:
    async def text(blob: str | None) -> str | None:
        try:
            data = await merging.content(bare.folder, blob, LARGEST_SIDE)
            return None if data is None or b"\0" in data else data.decode()
        except (GitOutputTooLarge, UnicodeDecodeError):
            return None

    return ConflictContent(
        path=conflict.path,
        base=await text(conflict.base),
        ours=await text(conflict.ours),
        theirs=await text(conflict.theirs),
        merged=await text(await merging.blob_at(bare.folder, merged.tree, conflict.path)),
    )


def _title(title: str) -> str:
    title = title.strip()
    if not 1 <= len(title) <= LONGEST_TITLE or "\n" in title:
        raise BadPullRequest(f"A title is one line of 1 to {LONGEST_TITLE} characters.")
    return title


def _text(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        raise BadPullRequest(f"A text has at most {LONGEST_TEXT:,} characters.")
    return text
