"""Paths as clients give them: from the root of the repository, and never out of it."""

from __future__ import annotations

from app.core.errors import Unprocessable

LONGEST = 4_096


class BadPath(Unprocessable):
    """The path has to be relative to the root of the working copy, without `..`, and not inside `.git`."""

    code = "BAD_PATH"


def check_path(path: str) -> str:
    """A path without needless parts; the root is the empty text. Raises `BadPath`."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    bad = path.startswith("/") or "\0" in path or len(path.encode(errors="surrogatepass")) > LONGEST
    if bad or any(part == ".." or part.lower() == ".git" or len(part.encode(errors="replace")) > 255 for part in parts):
        raise BadPath(f"The path {path[:200]!r} is not one inside the working copy.")
    return "/".join(parts)
