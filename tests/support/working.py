"""A session on real git, whose files tests write as a person would."""

from __future__ import annotations

import subprocess
from pathlib import Path

from app.version_control.service import VersionControl
from app.workspaces.folders import Folders
from app.workspaces.service import WorkspaceParts, Workspaces
from app.workspaces.sessions import Sessions
from tests.support.tenants import Tenant


class Working:
    """A workspace with one session."""

    def __init__(self, tenant: Tenant, parts: WorkspaceParts, workspace_id: str, session_id: str) -> None:
        self.tenant, self.parts, self.workspace, self.id = tenant, parts, workspace_id, session_id
        self.folder = parts.folders.session(workspace_id, session_id)
        self.bare = parts.folders.repository(workspace_id)

    @property
    def control(self) -> VersionControl:
        return VersionControl(self.tenant.work(), self.tenant.actor, self.parts)

    def write(self, path: str, text: str | bytes) -> Path:
        """A file, its folders made."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    def git(self, *words: str) -> str:
        """The real git in the working copy."""
        return subprocess.run(["git", *words], cwd=self.folder, capture_output=True, text=True, check=True).stdout

    async def session(self, **given: str) -> Working:
        """Another session of the workspace."""
        work = self.tenant.work()
        made = await Sessions(work, self.tenant.actor, self.parts).create(self.workspace, **given)  # type: ignore[arg-type]
        await work.commit()
        return Working(self.tenant, self.parts, self.workspace, made.id)


async def begin(tenant: Tenant, root: Path) -> Working:
    """A new workspace with a session named `work`, on the branch of that name."""
    parts = WorkspaceParts(Folders(root))
    work = tenant.work()
    made = await Workspaces(work, tenant.actor, parts).create("shop")
    await work.commit()
    work = tenant.work()
    session = await Sessions(work, tenant.actor, parts).create(made.id, name="work", branch="work")
    await work.commit()
    return Working(tenant, parts, made.id, session.id)
