"""The session cookie, and why a request that carries one cannot be forged by another site.

A cookie request that may change something comes from the same origin (`Sec-Fetch-Site`, else `Origin`) or one that the
server was told to allow, and in a form that no HTML form can send: so a browser asks before it sends it across origins
(https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html).
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection

from app.core.errors import Forbidden

SESSION_COOKIE = "__Host-soundstage-session"
#: Lax, not strict: it has to come along when the identity provider sends the browser back.
SSO_COOKIE = "__Host-soundstage-sso"
_ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Lax"
#: Any value of it shows that the sender is no HTML form.
CSRF_HEADER = "x-requested-with"
_SAFE = ("GET", "HEAD", "OPTIONS")


class CrossSite(Forbidden):
    """A request with a session cookie has to come from the same site, as JSON or with `X-Requested-With`."""

    code = "CROSS_SITE_REQUEST"


def set_session(headers: MutableHeaders, cookie: str, lifetime_seconds: int) -> None:
    """Hands the cookie out."""
    headers.append("Set-Cookie", f"{SESSION_COOKIE}={cookie}; {_ATTRIBUTES}; Max-Age={lifetime_seconds}")


def clear_session(headers: MutableHeaders) -> None:
    """Takes the cookie back."""
    headers.append("Set-Cookie", f"{SESSION_COOKIE}=; {_ATTRIBUTES}; Max-Age=0")


def set_transaction(headers: MutableHeaders, cookie: str, lifetime_seconds: int) -> None:
    """Hands out what a single sign-on has to bring back."""
    headers.append("Set-Cookie", f"{SSO_COOKIE}={cookie}; {_ATTRIBUTES}; Max-Age={lifetime_seconds}")


def clear_transaction(headers: MutableHeaders) -> None:
    """Takes it back: it is used once, whatever came of it."""
    headers.append("Set-Cookie", f"{SSO_COOKIE}=; {_ATTRIBUTES}; Max-Age=0")


def check_same_site(connection: HTTPConnection, allowed_origins: Sequence[str]) -> None:
    """Raises `CrossSite` for a cookie request that another site may have caused."""
    is_socket = connection.scope["type"] == "websocket"
    if not is_socket and connection.scope["method"] in _SAFE:
        return
    headers = connection.headers
    origin = headers.get("origin")
    if origin is not None:
        same = urlsplit(origin).netloc == headers.get("host", "") or origin in allowed_origins
    else:
        same = headers.get("sec-fetch-site", "none") in ("same-origin", "none") and not is_socket
    no_form = is_socket or CSRF_HEADER in headers or "json" in headers.get("content-type", "")
    if not (same and no_form):
        raise CrossSite()
