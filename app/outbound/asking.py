"""Asks an address that a client chose.

The name is resolved once, every address is checked, and the connection goes to a checked one: a name that changes in
between changes nothing. Redirects and proxies are not followed; time and size are bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx  # 40 ms of every start, for those who ask nobody

from app.outbound.addresses import checked_address, trust
from app.outbound.errors import TooLarge, TooSlow, Unreachable

TIMEOUT_SECONDS = 5.0
#: Between two parts of an answer; the whole has its own bound.
LONGEST_SILENCE_SECONDS = 10.0
MOST_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and how much of an answer is taken."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    #: For the whole of it.
    seconds: float = TIMEOUT_SECONDS
    most_bytes: int = MOST_BYTES
    #: A longer answer is cut off, and no failure.
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and body."""

    status: int
    headers: httpx.Headers
    body: bytes


async def ask(question: Question, *, allow_private: bool) -> Answer:
    """The answer, whatever its status; raises `Unreachable`."""
    import httpx

    try:
        async with asyncio.timeout(question.seconds):
            return await _ask(question, allow_private)
    except TimeoutError as error:
        raise TooSlow(f"It did not answer within {question.seconds:g} seconds.") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unreachable(f"It cannot be reached: {type(error).__name__}.") from error


async def _ask(question: Question, allow_private: bool) -> Answer:
    import httpx

    url = httpx.URL(question.url)
    address = await checked_address(url.raw_host.decode(), url.port, url.scheme, allow_private=allow_private)
    sent = {"Accept-Encoding": "identity", **question.headers, "Host": url.netloc.decode()}
    pinned = {"sni_hostname": url.raw_host.decode()}
    async with (
        httpx.AsyncClient(
            verify=trust(), trust_env=False, follow_redirects=False, timeout=LONGEST_SILENCE_SECONDS
        ) as client,
        client.stream(
            question.method, url.copy_with(host=address), headers=sent, content=question.content, extensions=pinned
        ) as response,
    ):
        return Answer(response.status_code, response.headers, await _body(question, response))


async def _body(question: Question, response: httpx.Response) -> bytes:
    if response.headers.get("content-encoding", "identity") != "identity":
        if question.cut:
            return b""
        raise Unreachable("It answered with a compressed body, which was not asked for.")
    body = b""
    async for part in response.aiter_raw():
        body += part
        if len(body) > question.most_bytes:
            if question.cut:
                return body[: question.most_bytes]
            raise TooLarge(f"Its answer is larger than {question.most_bytes // 1024} KB.")
    return body
