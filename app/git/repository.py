"""A bare repository and its working copies: what workspaces and sessions are made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.git.errors import BadBranchName, BranchExists, GitFailed, RefMoved, RevisionNotFound
from app.git.program import git

NOBODY = "0" * 40
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_BAD_NAME = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|\.lock(/|$)|(^|/)\.|[./]$|^[-/]|^@$|^HEAD$|^refs/")
LONGEST_BRANCH = 200


@dataclass(frozen=True, slots=True)
class Author:
    """Who is written into a commit."""

    name: str
    email: str

    def variables(self) -> dict[str, str]:
        """The same as git takes it from its environment."""
        name, email = _plain(self.name) or "Somebody", _plain(self.email) or "nobody@soundstage.invalid"
        return {
            "GIT_AUTHOR_NAME": name,
            "GIT_AUTHOR_EMAIL": email,
            "GIT_COMMITTER_NAME": name,
            "GIT_COMMITTER_EMAIL": email,
        }


def _plain(text: str) -> str:
    return re.sub(r"[\x00-\x1f<>]+", " ", text).strip()


def check_branch(name: str) -> str:
    """A branch's name; raises `BadBranchName` (https://git-scm.com/docs/git-check-ref-format)."""
    if not 1 <= len(name) <= LONGEST_BRANCH or _BAD_NAME.search(name):
        raise BadBranchName(f"{name[:80]!r} is not a name that git allows for a branch.")
    return name


class Repository:
    """A bare repository in a folder. Nothing here waits for its turn: callers do, where they change something."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def create(self, default_branch: str, files: Mapping[str, bytes], author: Author, message: str) -> str:
        """Makes the repository with a first commit of these files; returns the commit."""
        self.folder.mkdir(parents=True, mode=0o700)
        await git("init", "--quiet", "--bare", f"--initial-branch={default_branch}", ".", folder=self.folder)
        tree = await self._tree(files)
        commit = await self.commit_tree(tree, [], message, author)
        await self.move(default_branch, commit, NOBODY)
        return commit

    async def _tree(self, files: Mapping[str, bytes]) -> str:
        lines = []
        for path, content in sorted(files.items()):
            made = await git("hash-object", "-w", "--stdin", folder=self.folder, given=content)
            mode = "100755" if content.startswith(b"#!") else "100644"
            lines.append(f"{mode} {made.text.strip()}\t{path}\0".encode())
        index = {"GIT_INDEX_FILE": str(self.folder / "index.first")}
        await git("update-index", "-z", "--index-info", folder=self.folder, given=b"".join(lines), variables=index)
        made = await git("write-tree", folder=self.folder, variables=index)
        (self.folder / "index.first").unlink(missing_ok=True)
        return made.text.strip()

    async def commit_tree(self, tree: str, parents: list[str], message: str, author: Author) -> str:
        """A commit of a tree, on no branch yet."""
        words = [word for parent in parents for word in ("-p", parent)]
        given = (message.rstrip() + "\n").encode()
        made = await git("commit-tree", tree, *words, folder=self.folder, given=given, variables=author.variables())
        return made.text.strip()

    async def resolve(self, revision: str) -> str:
        """The commit that a branch, tag or (part of a) hash names; raises `RevisionNotFound`."""
        if not revision or revision.startswith("-") or len(revision) > 400 or "\0" in revision or "\n" in revision:
            raise RevisionNotFound(f"There is no branch, tag or commit {revision[:80]!r}.")
        words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        found = await git(*words, folder=self.folder, ok=(0, 1, 128))
        if found.code or not _HASH.fullmatch(found.text.strip()):
            raise RevisionNotFound(f"There is no branch, tag or commit {revision[:80]!r}.")
        return found.text.strip()

    async def tree(self, commit: str) -> str:
        """The tree of a commit, by its hash."""
        return (await git("rev-parse", "--verify", f"{commit}^{{tree}}", folder=self.folder)).text.strip()

    async def branch(self, name: str) -> str | None:
        """The commit at the head of a branch; None where there is no such branch."""
        words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"refs/heads/{check_branch(name)}")
        found = await git(*words, folder=self.folder, ok=(0, 1, 128))
        return found.text.strip() if found.code == 0 else None

    async def branches(self) -> dict[str, str]:
        """All branches with the commits at their heads."""
        words = ("for-each-ref", "--format=%(objectname) %(refname:lstrip=2)", "refs/heads/")
        listed = (await git(*words, folder=self.folder)).text.splitlines()
        return {name: commit for commit, _, name in (line.partition(" ") for line in listed)}

    async def move(self, branch: str, new: str, old: str) -> None:
        """Compare and swap of a branch's head; raises `RefMoved` where it is not at `old` any more."""
        reference = f"refs/heads/{check_branch(branch)}"
        try:
            await git("update-ref", reference, new, old, folder=self.folder)
        except GitFailed as error:
            raise RefMoved(branch=branch) from error

    async def add_worktree(self, folder: Path, branch: str, start: str) -> None:
        """A working copy in `folder`, on a new branch that begins at the commit `start`; raises `BranchExists`."""
        check_branch(branch)
        if await self.branch(branch) is not None:
            raise BranchExists(f"A branch named {branch!r} exists. Choose another name.")
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        words = ("worktree", "add", "--quiet", "-b", branch, str(folder), start)
        await git(*words, folder=self.folder, timeout=300)

    async def remove_worktree(self, folder: Path, branch: str | None) -> None:
        """Takes a working copy away, with its branch where one is given. What is gone already is no error."""
        await git("worktree", "remove", "--force", "--force", str(folder), folder=self.folder, ok=(0, 128), timeout=300)
        await git("worktree", "prune", folder=self.folder)
        if branch is not None:
            await git("branch", "-D", "--quiet", "--", branch, folder=self.folder, ok=(0, 1))
