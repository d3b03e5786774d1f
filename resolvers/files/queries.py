"""Reading, listing and searching files."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry.types import Info

from app.core.paging import page_size
from app.files.service import MOST_MATCHES
from resolvers.access import query
from resolvers.context import Context
from resolvers.files.types import FileContent, FileMatches, FilePage, FoundFiles, content, matches, page
from resolvers.version_control.queries import SessionId
from resolvers.workspaces.queries import READ

MOST_ENTRIES = 1_000

Path = Annotated[str, strawberry.argument(description="A path from the root of the working copy.")]
SomePath = Annotated[str | None, strawberry.argument(description="Only below this folder; the root by default.")]
PathCursor = Annotated[str | None, strawberry.argument(description="Continue behind this `nextCursor`.")]


@strawberry.type
class FileQueries:
    @query(
        "A file, or a range of its bytes; at most 8 MiB at once. Links are not followed.",
        READ,
    )
    async def file(
        self,
        info: Info[Context, None],
        session_id: SessionId,
        path: Path,
        offset: Annotated[int, strawberry.argument(description="Where to begin, in bytes.")] = 0,
        length: Annotated[
            int | None, strawberry.argument(description="How many bytes at most; all by default.")
        ] = None,
    ) -> FileContent:
        return content(await info.context.files.read(session_id, path, offset, length))

    @query("What is in a folder of a working copy, by path.", READ)
    async def files(
        self,
        info: Info[Context, None],
        session_id: SessionId,
        path: SomePath = None,
        recursive: Annotated[
            bool, strawberry.argument(description="All files below the folder, without those that git ignores.")
        ] = False,
        ignored: Annotated[
            bool, strawberry.argument(description="Also what git ignores; not together with `recursive`.")
        ] = False,
        first: Annotated[int | None, strawberry.argument(description="How many at most: 1 to 1,000.")] = None,
        after: PathCursor = None,
    ) -> FilePage:
        files, limit = info.context.files, page_size(first or MOST_ENTRIES, MOST_ENTRIES)
        if recursive:
            return page(await files.below(session_id, path or "", limit, after))
        return page(await files.children(session_id, path or "", limit, after, ignored=ignored))

    @query("Lines of a working copy's files that hold a text or match a regular expression.", READ)
    async def search_files(
        self,
        info: Info[Context, None],
        session_id: SessionId,
        pattern: Annotated[str, strawberry.argument(description="What to look for: 1 to 1,000 characters.")],
        path: SomePath = None,
        regular: Annotated[
            bool, strawberry.argument(description="Whether the pattern is a POSIX extended regular expression.")
        ] = False,
        match_case: Annotated[bool, strawberry.argument(description="Whether case matters.")] = False,
        first: Annotated[
            int | None, strawberry.argument(description="How many at most: 1 to 2,000; 200 by default.")
        ] = None,
    ) -> FileMatches:
        found, more = await info.context.files.search(
            session_id,
            pattern,
            path=path or "",
            regular=regular,
            match_case=match_case,
            limit=page_size(first or 200, MOST_MATCHES),
        )
        return matches(found, more)

    @query("Paths of files that hold a text: for an editor's quick opening.", READ)
    async def find_files(
        self,
        info: Info[Context, None],
        session_id: SessionId,
        text: Annotated[str, strawberry.argument(description="A part of the path, whatever its case.")],
        first: Annotated[int | None, strawberry.argument(description="How many at most: 1 to 100.")] = None,
    ) -> FoundFiles:
        return FoundFiles(paths=await info.context.files.find(session_id, text, page_size(first, 100)))
