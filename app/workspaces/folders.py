"""Where workspaces and sessions lie on the disk.

`<data directory>/workspaces/<workspace>/repository.git`, and `…/sessions/<session>` for each working copy.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from app.core.ids import is_id
from app.git.repository import Repository
from app.git.turns import Turns

#: Seconds after which a folder without a row is taken for left over: its row may still be on the way.
GRACE = 3600.0


@dataclass(frozen=True)
class Folders:
    """The folders of all workspaces of one data directory, and whose turn it is in each."""

    root: Path
    turns: Turns = field(default_factory=Turns)

    def workspace(self, workspace_id: str) -> Path:
        """Everything of a workspace."""
        assert is_id(workspace_id, "wsp")
        return self.root / workspace_id

    def repository(self, workspace_id: str) -> Repository:
        """The workspace's bare repository."""
        return Repository(self.workspace(workspace_id) / "repository.git")

    def session(self, workspace_id: str, session_id: str) -> Path:
        """The session's working copy."""
        assert is_id(session_id, "ses")
        return self.workspace(workspace_id) / "sessions" / session_id

    def in_data(self, path: Path) -> str:
        """A path as it is seen from the data directory."""
        return str(path.relative_to(self.root.parent))

    async def remove(self, folder: Path) -> None:
        """Takes a folder away: at once out of sight, then its files."""
        trash = self.root / "trash"
        gone = trash / f"{folder.name}-{time.time_ns()}"

        def discard() -> None:
            trash.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                folder.rename(gone)
            except FileNotFoundError:
                return
            shutil.rmtree(gone, ignore_errors=True)

        await asyncio.to_thread(discard)

    def left_over(self, workspace_ids: Iterable[str], session_ids: Iterable[str], *, now: float) -> list[Path]:
        """Folders of which there is no row, and that are not just being made."""
        workspaces, sessions = set(workspace_ids), set(session_ids)
        found: list[Path] = []
        for folder in self.root.iterdir() if self.root.is_dir() else ():
            if folder.name == "trash":
                found += folder.iterdir()
            elif folder.name not in workspaces:
                found.append(folder)
            elif (folder / "sessions").is_dir():
                found += [copy for copy in (folder / "sessions").iterdir() if copy.name not in sessions]
        return [folder for folder in found if now - folder.stat().st_mtime > GRACE]
