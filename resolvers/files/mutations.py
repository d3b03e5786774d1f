"""Writing, moving and deleting files."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.octets import text_or_base64
from resolvers.access import mutation
from resolvers.context import Context
from resolvers.files.queries import Path
from resolvers.files.types import FileEntry, WrittenFile, entry
from resolvers.version_control.queries import SessionId
from resolvers.workspaces.mutations import WRITE


@strawberry.type
class FileMutations:
    @mutation(
        "Writes a file as a whole, with the folders above it; at most what a request may hold (4 MiB by default). "
        "Larger ones are uploaded. Give the `expectedVersion` that was read, and nobody's change is lost: raises "
        "`FILE_CHANGED` with the present version.",
        WRITE,
        audited="file.write",
    )
    async def write_file(
        self,
        info: Info[Context, None],
        session_id: SessionId,
        path: Path,
        text: Annotated[str | None, strawberry.argument(description="The content; this or `base64`.")] = None,
        base64: Annotated[
            str | None, strawberry.argument(description="The content in base64, where it is no text.")
        ] = None,
        expected_version: Annotated[
            str | None,
            strawberry.argument(description="Write only over this version; `absent`: only where nothing is."),
        ] = None,
        executable: Annotated[
            bool | None, strawberry.argument(description="Whether it may be run; as it is by default.")
        ] = None,
    ) -> WrittenFile:
        data = text_or_base64(text, base64, "base64")
        info.context.audit_details = {"path": path, "bytes": len(data)}
        written, version = await info.context.files.write(
            session_id, path, data, expected=expected_version, executable=executable
        )
        return WrittenFile(file=entry(written), version=version)

    @mutation("Makes a folder, with those above it.", WRITE, audited="file.make_folder")
    async def make_folder(self, info: Info[Context, None], session_id: SessionId, path: Path) -> FileEntry:
        info.context.audit_details = {"path": path}
        return entry(await info.context.files.make_folder(session_id, path))

    @mutation("Deletes a file, a link (not what it points to) or a folder.", WRITE, audited="file.delete")
    async def delete_file(
        self,
        info: Info[Context, None],
        session_id: SessionId,
        path: Path,
        recursive: Annotated[bool, strawberry.argument(description="A folder with all that is in it.")] = False,
    ) -> FileEntry:
        info.context.audit_details = {"path": path}
        return entry(await info.context.files.delete(session_id, path, recursive=recursive))

    @mutation("Moves a file, a link or a folder.", WRITE, audited="file.move")
    async def move_file(
        self,
        info: Info[Context, None],
        session_id: SessionId,
        path: Path,
        to: Annotated[str, strawberry.argument(description="Where to, from the root of the working copy.")],
        replace: Annotated[bool, strawberry.argument(description="Whether a file there may be replaced.")] = False,
    ) -> FileEntry:
        info.context.audit_details = {"path": path, "to": to}
        return entry(await info.context.files.move(session_id, path, to, replace=replace))
