"""Asks addresses that a client chose, for a provider's keys above all: nothing inside our network can be reached so.

The name is resolved once, every address is checked, and the connection goes to a checked one: a name that changes in
between changes nothing. Redirects and proxies are not followed; time and size are bounded.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from functools import cache

import httpx

from app.federation.errors import ProviderRefused, SyncFailed
from app.tokens.encoding import read_object
from app.tokens.errors import KeyRefused
from app.tokens.jwk import Jwk, read_key, read_set

TIMEOUT_SECONDS = 5.0
#: Between two parts of an answer; the whole has its own bound.
LONGEST_SILENCE_SECONDS = 10.0
MOST_BYTES = 256 * 1024
MOST_KEYS = 50
LONGEST_URL = 512
#: IPv6 ranges that lead to IPv4 addresses of whoever translates them.
_TRANSLATED = [ipaddress.ip_network(net) for net in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")]
_MEMBERS = ("kty", "kid", "alg", "use", "crv", "x", "y", "pub")


def checked_url(text: str) -> str:
    """The address, if it is one that a provider can have; raises `ProviderRefused`."""
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as error:
        raise ProviderRefused() from error
    plain = not (url.userinfo or url.query or url.fragment or "?" in text or "#" in text)
    if url.scheme not in ("http", "https") or not url.host or not plain or len(text) > LONGEST_URL:
        raise ProviderRefused()
    return text


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return is_public(str(found.ipv4_mapped))
        if found.scope_id or any(found in network for network in _TRANSLATED):
            return False
    return found.is_global and not found.is_multicast


async def fetch_keys(url: str, *, allow_private: bool) -> list[Jwk]:
    """The usable keys of a JWK Set, public members only; raises `SyncFailed`."""
    status, body = await ask(url, allow_private=allow_private)
    if status != httpx.codes.OK:
        raise SyncFailed(f"It answered with status {status}.")
    return _keys(body)


async def ask(
    url: str,
    *,
    allow_private: bool,
    seconds: float = TIMEOUT_SECONDS,
    headers: Mapping[str, str] | None = None,
    form: str | None = None,
) -> tuple[int, bytes]:
    """Status and body of the answer to a GET, or to a POST of `form` (URL-encoded); raises `SyncFailed`."""
    try:
        async with asyncio.timeout(seconds):
            return await _fetch(httpx.URL(url), allow_private, headers or {}, form)
    except TimeoutError as error:
        raise SyncFailed(f"It did not answer within {seconds:g} seconds.") from error
    except httpx.HTTPError as error:
        raise SyncFailed(f"It cannot be reached: {type(error).__name__}.") from error


async def _fetch(
    url: httpx.URL, allow_private: bool, headers: Mapping[str, str], form: str | None
) -> tuple[int, bytes]:
    address = await _checked_address(url, allow_private)
    sent = {"Host": url.netloc.decode(), "Accept": "application/json", "Accept-Encoding": "identity", **headers}
    method = "GET"
    if form is not None:
        method, sent["Content-Type"] = "POST", "application/x-www-form-urlencoded"
    pinned = {"sni_hostname": url.raw_host.decode()}
    async with (
        httpx.AsyncClient(
            verify=_trust(), trust_env=False, follow_redirects=False, timeout=LONGEST_SILENCE_SECONDS
        ) as client,
        client.stream(method, url.copy_with(host=address), headers=sent, content=form, extensions=pinned) as response,
    ):
        if response.headers.get("content-encoding", "identity") != "identity":
            raise SyncFailed("It answered with a compressed body, which was not asked for.")
        body = b""
        async for part in response.aiter_raw():
            body += part
            if len(body) > MOST_BYTES:
                raise SyncFailed(f"Its answer is larger than {MOST_BYTES // 1024} KB.")
        return response.status_code, body


async def _checked_address(url: httpx.URL, allow_private: bool) -> str:
    """An address of the host; raises `SyncFailed` when any of its addresses is not public."""
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            url.raw_host.decode().strip("[]"), port, type=socket.SOCK_STREAM
        )
    except (OSError, UnicodeError) as error:
        raise SyncFailed("Its name cannot be resolved.") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not allow_private and not all(is_public(address) for address in addresses):
        raise SyncFailed("Its address is private, which SOUNDSTAGE_ALLOW_PRIVATE_PROVIDERS does not allow.")
    return addresses[0]


def _keys(body: bytes) -> list[Jwk]:
    try:
        given = read_object(body).get("keys")
    except ValueError as error:
        raise SyncFailed("Its answer is not a JSON object.") from error
    if not isinstance(given, list) or len(given) > MOST_KEYS or not all(isinstance(key, dict) for key in given):
        raise SyncFailed(f"Its answer is not a JWK Set of at most {MOST_KEYS} keys.")
    try:
        read_set(given)
    except KeyRefused as error:
        raise SyncFailed("Its answer names two keys alike.") from error
    usable = [{name: key[name] for name in _MEMBERS if name in key} for key in given if _usable(key)]
    if not usable:
        raise SyncFailed("Its answer holds no key for ES256 or ML-DSA-65.")
    return usable


def _usable(key: Jwk) -> bool:
    try:
        read_key(key)
    except KeyRefused:
        return False
    return True


@cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()
