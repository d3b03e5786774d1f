"""What an OpenID provider publishes about itself (OpenID Connect Discovery 1.0), kept for a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
import structlog

from app.core.errors import SoundstageError
from app.federation.errors import ProviderRefused
from app.federation.fetching import MOST_KEYS, PRIVATE, checked_url
from app.outbound.asking import Question, ask
from app.outbound.errors import PrivateAddress, Unreachable
from app.sso.errors import SsoIssuerRefused, SsoProviderUnavailable

if TYPE_CHECKING:
    import httpx
    from joserfc.jwk import KeySet

log = structlog.get_logger(__name__)
T = TypeVar("T")

DISCOVERY_PATH = "/.well-known/openid-configuration"
TIMEOUT_SECONDS = 10.0
#: How long an answer is used, and how often an unknown kid makes us ask before that.
KEPT_SECONDS, AGAIN_SECONDS = 600.0, 60.0
#: A provider that fails is not asked again for so long.
REST_SECONDS = 5.0
MOST_PROVIDERS = 500
#: Asymmetric ones alone; the provider's own list narrows them.
ALGORITHMS = ("RS256", "ES256", "PS256", "EdDSA")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def checked_issuer(text: str, *, allow_private: bool) -> str:
    """The issuer, if it is one that a provider can have; raises `SsoIssuerRefused`."""
    import httpx  # late, as everywhere: a start does without it

    try:
        url = httpx.URL(checked_url(text))
    except ProviderRefused as error:
        raise SsoIssuerRefused() from error
    if not _is_safe(url, allow_private):
        raise SsoIssuerRefused()
    return text


def _is_safe(url: httpx.URL, allow_private: bool) -> bool:
    return url.scheme == "https" or (url.scheme == "http" and allow_private and url.host in _LOOPBACK)


@dataclass(frozen=True, slots=True)
class Metadata:
    """What we need of a provider."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    algorithms: tuple[str, ...]
    #: Whether the client's secret travels in the `Authorization` header (RFC 6749, section 2.3.1).
    basic: bool
    #: Whether every answer names its issuer (RFC 9207).
    names_itself: bool


@dataclass
class _Known:
    metadata: Metadata | None = None
    metadata_at: float = float("-inf")
    keys: KeySet | None = None
    keys_at: float = float("-inf")
    failed_at: float = float("-inf")
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Providers:
    """The providers of this installation, by issuer."""

    def __init__(self, *, allow_private: bool = False, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.allow_private, self.monotonic = allow_private, monotonic
        self._known: dict[str, _Known] = {}

    async def metadata(self, issuer: str) -> Metadata:
        """What a provider tells of itself; raises `SsoProviderUnavailable`."""
        known = self._entry(issuer)
        async with known.lock:
            if known.metadata is None or self.monotonic() - known.metadata_at > KEPT_SECONDS:
                found = await self._json(known, issuer.rstrip("/") + DISCOVERY_PATH)
                known.metadata, known.metadata_at = self._metadata(issuer, found), self.monotonic()
            return known.metadata

    async def keys(self, metadata: Metadata, *, anew: bool = False) -> KeySet:
        """A provider's public keys; `anew` asks again unless that was done within a minute."""
        known = self._entry(metadata.issuer)
        async with known.lock:
            age = self.monotonic() - known.keys_at
            if known.keys is None or age > (AGAIN_SECONDS if anew else KEPT_SECONDS):
                found = await self._json(known, metadata.jwks_uri)
                known.keys, known.keys_at = _keys(found), self.monotonic()
            return known.keys

    async def ask(
        self, url: str, *, headers: Mapping[str, str] | None = None, form: str | None = None
    ) -> tuple[int, bytes]:
        """Status and body of an endpoint's answer; raises `SsoProviderUnavailable`."""
        try:
            answer = await ask(_question(url, headers or {}, form), allow_private=self.allow_private)
        except PrivateAddress as failure:
            raise _unavailable(url, PRIVATE) from failure
        except Unreachable as failure:
            raise _unavailable(url, str(failure)) from failure
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise _unavailable(url, f"It answered with status {answer.status}.")
        return answer.status, answer.body

    def _entry(self, issuer: str) -> _Known:
        if issuer not in self._known and len(self._known) >= MOST_PROVIDERS:
            self._known.pop(next(iter(self._known)))
        return self._known.setdefault(issuer, _Known())

    async def _json(self, known: _Known, url: str) -> dict[str, Any]:
        if self.monotonic() - known.failed_at < REST_SECONDS:
            raise SsoProviderUnavailable()
        try:
            status, body = await self.ask(url)
            if status != HTTPStatus.OK:
                raise _unavailable(url, f"It answered with status {status}.")
            return read_json(body, lambda: _unavailable(url, "Its answer is not a JSON object."))
        except SsoProviderUnavailable:
            known.failed_at = self.monotonic()
            raise

    def _metadata(self, issuer: str, found: dict[str, Any]) -> Metadata:
        if found.get("issuer") != issuer:
            raise _unavailable(issuer, "Its configuration names another issuer.")
        supported = _texts(found, "id_token_signing_alg_values_supported", ["RS256"])
        methods = _texts(found, "token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return Metadata(
            issuer,
            self._endpoint(found, "authorization_endpoint"),
            self._endpoint(found, "token_endpoint"),
            self._endpoint(found, "jwks_uri"),
            self._endpoint(found, "userinfo_endpoint") if "userinfo_endpoint" in found else "",
            tuple(algorithm for algorithm in ALGORITHMS if algorithm in supported),
            basic="client_secret_basic" in methods,
            names_itself=found.get("authorization_response_iss_parameter_supported") is True,
        )

    def _endpoint(self, found: dict[str, Any], name: str) -> str:
        import httpx

        text = found.get(name)
        with suppress(httpx.InvalidURL, ValueError, TypeError):
            if isinstance(text, str) and _is_safe(httpx.URL(text), self.allow_private):
                return text
        raise _unavailable(str(found["issuer"]), f"Its configuration has no usable {name}.")


def _question(url: str, headers: Mapping[str, str], form: str | None) -> Question:
    sent = {"Accept": "application/json", **headers}
    if form is None:
        return Question(url, headers=sent, seconds=TIMEOUT_SECONDS)
    sent["Content-Type"] = "application/x-www-form-urlencoded"
    return Question(url, "POST", sent, form.encode(), TIMEOUT_SECONDS)


def read_json(body: bytes, otherwise: Callable[[], SoundstageError]) -> dict[str, Any]:
    """A JSON object; raises what `otherwise` makes."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise otherwise() from error
    if not isinstance(found, dict):
        raise otherwise()
    return found


def _texts(found: dict[str, Any], name: str, default: list[str]) -> list[str]:
    given = found.get(name, default)
    return [each for each in given if isinstance(each, str)] if isinstance(given, list) else []


def _keys(found: dict[str, Any]) -> KeySet:
    """The public keys for signatures; what is secret, for encryption, or of a kind that we do not know is left out."""
    from joserfc.errors import JoseError
    from joserfc.jwk import JWKRegistry, KeySet

    given = found.get("keys")
    keys = []
    for jwk in given[:MOST_KEYS] if isinstance(given, list) else ():
        if isinstance(jwk, dict) and jwk.get("kty") in ("RSA", "EC", "OKP") and jwk.get("use", "sig") == "sig":
            with suppress(JoseError, ValueError, TypeError, KeyError):
                keys.append(JWKRegistry.import_key(jwk))
    return KeySet(keys)


def _unavailable(url: str, reason: str) -> SsoProviderUnavailable:
    log.info("sso.provider_failed", url=url, reason=reason)
    return SsoProviderUnavailable()
