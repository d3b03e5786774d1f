"""Fetches a provider's keys."""

from __future__ import annotations

from http import HTTPStatus

from app.federation.errors import ProviderRefused, SyncFailed
from app.outbound.asking import Question, ask
from app.outbound.errors import PrivateAddress, Unreachable
from app.tokens.encoding import read_object
from app.tokens.errors import KeyRefused
from app.tokens.jwk import Jwk, read_key, read_set

MOST_KEYS = 50
LONGEST_URL = 512
PRIVATE = "Its address is private, which SOUNDSTAGE_ALLOW_PRIVATE_PROVIDERS does not allow."
_MEMBERS = ("kty", "kid", "alg", "use", "crv", "x", "y", "pub")


def checked_url(text: str) -> str:
    """The address, if it is one that a provider can have; raises `ProviderRefused`."""
    import httpx  # late, as everywhere: a start does without it

    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as error:
        raise ProviderRefused() from error
    plain = not (url.userinfo or url.query or url.fragment or "?" in text or "#" in text)
    if url.scheme not in ("http", "https") or not url.host or not plain or len(text) > LONGEST_URL:
        raise ProviderRefused()
    return text


async def fetch_keys(url: str, *, allow_private: bool) -> list[Jwk]:
    """The usable keys of a JWK Set, public members only; raises `SyncFailed`."""
    try:
        answer = await ask(Question(url, headers={"Accept": "application/json"}), allow_private=allow_private)
    except PrivateAddress as failure:
        raise SyncFailed(PRIVATE) from failure
    except Unreachable as failure:
        raise SyncFailed(str(failure)) from failure
    if answer.status != HTTPStatus.OK:
        raise SyncFailed(f"It answered with status {answer.status}.")
    return _keys(answer.body)


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
