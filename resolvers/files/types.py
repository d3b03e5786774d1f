"""What files look like in GraphQL."""

from __future__ import annotations

import base64
import enum
from datetime import datetime

import strawberry

from app.core.paging import Page
from app.files import service, tree


class FileKind(enum.StrEnum):
    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    OTHER = "other"


strawberry.enum(FileKind, name="FileKind", description="What stands at a path. Links are told, and never followed.")


@strawberry.type(description="What stands at a path of a working copy.")
class FileEntry:
    path: str = strawberry.field(description="Its path from the root of the working copy.")
    name: str = strawberry.field(description="The last part of its path.")
    kind: FileKind = strawberry.field(description="What it is.")
    size: int = strawberry.field(description="A file's bytes; else 0.")
    executable: bool = strawberry.field(description="Whether a file may be run.")
    target: str | None = strawberry.field(description="Where a link points to; else null.")
    modified_at: datetime = strawberry.field(description="When it was last written.")


@strawberry.type(description="A part of a file.")
class FileContent:
    path: str = strawberry.field(description="The file's path.")
    size: int = strawberry.field(description="The bytes of the whole file.")
    executable: bool = strawberry.field(description="Whether the file may be run.")
    modified_at: datetime = strawberry.field(description="When the file was last written.")
    version: str = strawberry.field(description="Changes with the content: give it to `writeFile`.")
    offset: int = strawberry.field(description="Where this part begins, in bytes.")
    length: int = strawberry.field(description="The bytes of this part.")
    text: str | None = strawberry.field(description="This part as text; null where it is no UTF-8.")
    base64: str | None = strawberry.field(description="This part in base64, where it is no UTF-8; else null.")


@strawberry.type(description="A page of a folder, by path.")
class FilePage:
    entries: list[FileEntry] = strawberry.field(description="What is there.")
    next_cursor: str | None = strawberry.field(description="Leads on to the next page; null on the last.")
    has_more: bool = strawberry.field(description="Whether a next page is there.")


@strawberry.type(description="A line that a search found.")
class FileMatch:
    path: str = strawberry.field(description="The file.")
    line: int = strawberry.field(description="The line's number, from 1.")
    column: int = strawberry.field(description="Where in the line the first match begins, from 1.")
    text: str = strawberry.field(description="The line; its first 1,000 characters.")


@strawberry.type(description="What a search found.")
class FileMatches:
    matches: list[FileMatch] = strawberry.field(description="The lines, by path and number.")
    has_more: bool = strawberry.field(description="Whether there are more than were asked for.")


@strawberry.type(description="Paths that were found.")
class FoundFiles:
    paths: list[str] = strawberry.field(description="The paths, the best first.")


@strawberry.type(description="A file that was written.")
class WrittenFile:
    file: FileEntry = strawberry.field(description="The file.")
    version: str = strawberry.field(description="Its version now.")


def entry(found: tree.Entry) -> FileEntry:
    """An entry as GraphQL shows it."""
    return FileEntry(
        path=found.path,
        name=found.name,
        kind=FileKind(found.kind),
        size=found.size,
        executable=found.executable,
        target=found.target or None,
        modified_at=found.modified_at,
    )


def content(found: tree.Content) -> FileContent:
    """A part of a file: as text where it is some, with every character that a string can hold."""
    try:
        text: str | None = found.data.decode()
    except UnicodeDecodeError:
        text = None
    return FileContent(
        path=found.entry.path,
        size=found.entry.size,
        executable=found.entry.executable,
        modified_at=found.entry.modified_at,
        version=found.version,
        offset=found.offset,
        length=len(found.data),
        text=text,
        base64=base64.b64encode(found.data).decode() if text is None else None,
    )


def page(found: Page[tree.Entry]) -> FilePage:
    """A page as GraphQL shows it."""
    last = found.items[-1].path if found.items and found.has_more else None
    return FilePage(entries=[entry(each) for each in found.items], next_cursor=last, has_more=found.has_more)


def matches(found: list[service.Match], more: bool) -> FileMatches:
    """What a search found, as GraphQL shows it."""
    told = [FileMatch(path=each.path, line=each.line, column=each.column, text=each.text) for each in found]
    return FileMatches(matches=told, has_more=more)
