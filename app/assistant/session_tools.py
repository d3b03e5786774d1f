"""The tools for the code of a session: its files, and what changed in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.assistant.tools import Tool, ToolContext, ToolInputInvalid, object_schema
from app.core.actor import Kind, Scope
from app.files.service import Files
from app.version_control.service import VersionControl

MOST_ENTRIES = 500
MOST_MATCHES = 100
MOST_LINES = 1_000
LARGEST_EDITED = 1024 * 1024
_TEXT = {"type": "string", "minLength": 1}
_PATH = {"type": "string", "minLength": 1, "description": "From the root of the working copy."}
_SESSION = {"type": "string", "description": "The session; this chat's own where it is left out."}
_READ: dict[str, Any] = {
    "scope": Scope.WORKSPACES,
    "kind": Kind.READ,
    "action": "workspaces.read",
    "resources": ("sessionId",),
}


def session_tools() -> list[Tool]:
    """All of them."""
    return [*_reading(), *_writing()]


def _reading() -> list[Tool]:
    line = {"type": "integer", "minimum": 1}
    return [
        Tool(
            name="list_files",
            description="The files below a folder of the working copy, without those that git ignores.",
            schema=_schema({"path": {"type": "string"}}),
            run=_list,
            **_READ,
        ),
        Tool(
            name="read_file",
            description=f"Lines of a text file, each with its number: at most {MOST_LINES:,} from `line` on.",
            schema=_schema({"path": _PATH, "line": line}, "path"),
            run=_read,
            **_READ,
        ),
        Tool(
            name="search_files",
            description="Lines of files that hold a text, or match a regular expression (POSIX, extended).",
            schema=_schema({"pattern": _TEXT, "regular": {"type": "boolean"}, "path": {"type": "string"}}, "pattern"),
            run=_search,
            **_READ,
        ),
        Tool(
            name="show_changes",
            description="What differs between the last commit and the working copy, file by file, as patches.",
            schema=_schema({}),
            run=_changes,
            **_READ,
        ),
    ]


def _writing() -> list[Tool]:
    writing: dict[str, Any] = {"scope": Scope.WORKSPACES, "kind": Kind.WRITE, "resources": ("sessionId",)}
    text = {"type": "string"}
    return [
        Tool(
            name="edit_file",
            description="Replaces a text in a file by another one. The old text has to stand there exactly once.",
            schema=_schema({"path": _PATH, "old": _TEXT, "new": text}, "path", "old", "new"),
            action="file.write",
            run=_edit,
            **writing,
        ),
        Tool(
            name="write_file",
            description="Writes a file as a whole, with the folders above it. For a change of a few lines, use "
            "edit_file.",
            schema=_schema({"path": _PATH, "text": text}, "path", "text"),
            action="file.write",
            run=_write,
            **writing,
        ),
        Tool(
            name="delete_file",
            description="Deletes a file or an empty folder.",
            schema=_schema({"path": _PATH}, "path"),
            action="file.delete",
            run=_delete,
            **writing,
        ),
        Tool(
            name="move_file",
            description="Moves or renames a file or a folder.",
            schema=_schema({"path": _PATH, "to": _PATH}, "path", "to"),
            action="file.move",
            run=_move,
            **writing,
        ),
    ]


def _schema(properties: Mapping[str, Any], *required: str) -> dict[str, Any]:
    return object_schema({"sessionId": _SESSION, **properties}, required)


def _files(context: ToolContext) -> Files:
    return Files(context.work, context.actor, context.workspaces)


async def _list(context: ToolContext, given: dict[str, Any]) -> Any:
    page = await _files(context).below(context.session(given), given.get("path", ""), MOST_ENTRIES, None)
    return {"files": [{"path": entry.path, "size": entry.size} for entry in page.items], "more": page.has_more}


async def _read(context: ToolContext, given: dict[str, Any]) -> Any:
    text, version = await _content(context, given)
    lines, first = text.splitlines(), given.get("line", 1)
    shown = lines[first - 1 : first - 1 + MOST_LINES]
    numbered = "\n".join(f"{number}\t{line}" for number, line in enumerate(shown, start=first))
    return {"text": numbered, "lines": len(lines), "version": version}


async def _content(context: ToolContext, given: dict[str, Any]) -> tuple[str, str]:
    """A text file of up to 1 MiB, and its version."""
    found = await _files(context).read(context.session(given), given["path"], 0, LARGEST_EDITED + 1)
    if len(found.data) > LARGEST_EDITED:
        raise ToolInputInvalid(f"The file has {found.entry.size:,} bytes; at most {LARGEST_EDITED:,} can be read here.")
    try:
        return found.data.decode(), found.version
    except UnicodeDecodeError as error:
        raise ToolInputInvalid("The file is no text in UTF-8.") from error


async def _search(context: ToolContext, given: dict[str, Any]) -> Any:
    matches, more = await _files(context).search(
        context.session(given),
        given["pattern"],
        path=given.get("path", ""),
        regular=given.get("regular", False),
        limit=MOST_MATCHES,
    )
    found = [{"path": each.path, "line": each.line, "text": each.text[:500]} for each in matches]
    return {"matches": found, "more": more}


async def _changes(context: ToolContext, given: dict[str, Any]) -> Any:
    control = VersionControl(context.work, context.actor, context.workspaces)
    diff = await control.working_copy_diff(context.session(given))
    files = [
        {
            "path": file.path,
            "status": str(file.status),
            "additions": file.additions,
            "deletions": file.deletions,
            "patch": file.patch[:10_000],
        }
        for file in diff.files
    ]
    return {"files": files, "count": diff.count}


async def _edit(context: ToolContext, given: dict[str, Any]) -> Any:
    text, version = await _content(context, given)
    times = text.count(given["old"])
    if times != 1:
        raise ToolInputInvalid(f"The old text stands there {times} times; it has to be once. Give more around it.")
    changed = text.replace(given["old"], given["new"])
    _, after = await _files(context).write(context.session(given), given["path"], changed.encode(), expected=version)
    return {"version": after, "line": text[: text.index(given["old"])].count("\n") + 1}


async def _write(context: ToolContext, given: dict[str, Any]) -> Any:
    entry, version = await _files(context).write(context.session(given), given["path"], given["text"].encode())
    return {"path": entry.path, "size": entry.size, "version": version}


async def _delete(context: ToolContext, given: dict[str, Any]) -> Any:
    return {"deleted": (await _files(context).delete(context.session(given), given["path"])).path}


async def _move(context: ToolContext, given: dict[str, Any]) -> Any:
    return {"path": (await _files(context).move(context.session(given), given["path"], given["to"])).path}
