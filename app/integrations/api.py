"""Asks a code host's API, and turns what can go wrong into errors that say what to do."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin, urlsplit

import orjson

from app.core.clock import Clock, now
from app.integrations.errors import (
    HostAnswerUnknown,
    HostHasNone,
    HostRateLimited,
    HostTokenRefused,
    HostUnreachable,
)
from app.outbound.asking import Answer, Question, ask
from app.outbound.errors import PrivateAddress, Unreachable

if TYPE_CHECKING:
    import httpx

SECONDS = 15.0
MOST_BYTES = 4 * 1024 * 1024
MOST_REDIRECTS = 3
USER_AGENT = "Soundstage"
#: How long to wait where a host does not say.
WAIT_SECONDS = 60
PRIVATE = "The code host's address is private, which SOUNDSTAGE_ALLOW_PRIVATE_CODE_HOSTS does not allow."


@dataclass(frozen=True, slots=True)
class Found:
    """An answer: its JSON, and its headers."""

    json: Any
    headers: httpx.Headers


@dataclass(frozen=True)
class HostApi:
    """One API at one address, with one credential."""

    base_url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    allow_private: bool = False
    clock: Clock = now

    async def get(self, path: str, query: Mapping[str, str | int] | str = "") -> Found:
        """The JSON at a path below the base address; raises the errors of this domain.

        A repository that moved is followed, within the same origin only: the credential goes nowhere else.
        """
        text = query if isinstance(query, str) else urlencode(query)
        url = f"{self.base_url}{path}{f'?{text}' if text else ''}"
        for _ in range(MOST_REDIRECTS):
            answer = await self._ask(url)
            if answer.status not in (301, 302, 307, 308):
                return self._read(answer)
            url = self._followed(url, answer.headers.get("location", ""))
        raise HostAnswerUnknown()

    async def _ask(self, url: str) -> Answer:
        sent = {"Accept": "application/json", "User-Agent": USER_AGENT, **self.headers}
        question = Question(url, headers=sent, seconds=SECONDS, most_bytes=MOST_BYTES)
        try:
            return await ask(question, allow_private=self.allow_private)
        except PrivateAddress as failure:
            raise HostUnreachable(PRIVATE) from failure
        except Unreachable as failure:
            raise HostUnreachable(f"The code host does not answer. {failure}") from failure

    def _followed(self, url: str, location: str) -> str:
        target = urljoin(url, location)
        if urlsplit(target)[:2] != urlsplit(self.base_url)[:2]:
            raise HostAnswerUnknown()
        return target

    def _read(self, answer: Answer) -> Found:
        if answer.status == 200:
            try:
                return Found(orjson.loads(answer.body), answer.headers)
            except orjson.JSONDecodeError as error:
                raise HostAnswerUnknown() from error
        spent = answer.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in answer.headers
        if answer.status == 429 or (answer.status == 403 and spent):
            raise HostRateLimited(retryAfter=self._wait(answer.headers))
        if answer.status in (401, 403):
            raise HostTokenRefused()
        if answer.status in (404, 410):
            raise HostHasNone()
        if answer.status >= 500:
            raise HostUnreachable(f"The code host answers with status {answer.status}.")
        raise HostAnswerUnknown()

    def _wait(self, headers: httpx.Headers) -> int:
        """Seconds to wait: `Retry-After`, or when the window of the limit is over."""
        after, moment = headers.get("retry-after", ""), self.clock()
        if after.isdecimal():
            return int(after)
        try:
            if after:
                return max(1, int((parsedate_to_datetime(after) - moment).total_seconds()))
            reset = headers.get("x-ratelimit-reset", headers.get("ratelimit-reset", ""))
            return max(1, int((datetime.fromtimestamp(int(reset), UTC) - moment).total_seconds()))
        except (ValueError, OverflowError, OSError, TypeError):
            return WAIT_SECONDS


def basic(username: str, password: str) -> str:
    """The value of an `Authorization` header."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def next_query(headers: httpx.Headers) -> str | None:
    """The query of the next page, from the `Link` header (RFC 8288)."""
    for link in headers.get("link", "").split(","):
        target, _, parameters = link.partition(";")
        if 'rel="next"' in parameters.replace(" ", "") or "rel=next" in parameters.replace(" ", ""):
            query: str = urlsplit(target.strip(" <>")).query
            return query
    return None


def text(found: Any, *names: str) -> str:
    """The first of these members that is a text; raises `HostAnswerUnknown` where none is."""
    for name in names:
        value: Any = found
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if isinstance(value, str) and value:
            return value
    raise HostAnswerUnknown()


def optional(found: Any, *names: str) -> str:
    """The same; empty where none is."""
    try:
        return text(found, *names)
    except HostAnswerUnknown:
        return ""


def listed(found: Any) -> list[Any]:
    """A list; raises `HostAnswerUnknown` for anything else."""
    if not isinstance(found, list):
        raise HostAnswerUnknown()
    return found
