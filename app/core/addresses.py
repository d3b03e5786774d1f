"""Addresses that a client gives and a browser or a client follows; the server itself asks none of them."""

from __future__ import annotations

from urllib.parse import urlsplit

LONGEST = 2_000


def is_web_address(text: str) -> bool:
    """Whether it is an http or https address that holds no user and no password."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc and len(text) < LONGEST
    )
