"""Globs, compiled once: `*` any text, `?` any character, `[ab]` one of these. Case matters."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable

_MAGIC = re.compile(r"[*?\[]")

Matches = Callable[[str], bool]


def matcher(globs: Iterable[str]) -> Matches:
    """Whether a text matches any of the globs. Plain words are looked up, the others are one pattern each."""
    given = list(globs)
    plain = frozenset(glob for glob in given if not _MAGIC.search(glob))
    # `translate` makes atomic groups: no text makes the pattern go back and forth.
    patterns = [re.compile(fnmatch.translate(glob)).match for glob in given if _MAGIC.search(glob)]
    if not patterns:
        return plain.__contains__
    return lambda text: text in plain or any(pattern(text) for pattern in patterns)


def any_matches(matches: Matches, texts: Iterable[str]) -> bool:
    """Whether any of the texts matches."""
    return any(map(matches, texts))
