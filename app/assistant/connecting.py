"""The way to a model: the name is resolved once, every address is checked, and the connection goes to a checked one.

As with `app.federation.fetching`: nothing inside our network is reached unless the operator allows it. Redirects and
proxies are not followed.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from app.assistant.errors import ModelFailed
from app.federation.fetching import is_public

if TYPE_CHECKING:
    import httpx2

CONNECT_SECONDS = 5.0
#: Between two parts of an answer.
SILENCE_SECONDS = 60.0


def http_client(*, allow_private: bool) -> httpx2.AsyncClient:
    """A client that reaches public addresses only, unless private ones are allowed."""
    import httpx2  # imported late, as `openai` is: a server without models starts without it

    class Checked(httpx2.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            url = request.url
            address = await checked_address(url.raw_host.decode(), url.port, url.scheme, allow_private)
            request.extensions = {**request.extensions, "sni_hostname": url.raw_host.decode()}
            request.url = url.copy_with(host=address)
            return await super().handle_async_request(request)

    timeout = httpx2.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS)
    return httpx2.AsyncClient(transport=Checked(trust_env=False), timeout=timeout, follow_redirects=False)


async def checked_address(host: str, port: int | None, scheme: str, allow_private: bool) -> str:
    """An address of the host; raises `ModelFailed` when any of its addresses is not public."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            host.strip("[]"), port or (443 if scheme == "https" else 80), type=socket.SOCK_STREAM
        )
    except (OSError, UnicodeError) as error:
        raise ModelFailed("The name of the model's address cannot be resolved.") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not allow_private and not all(is_public(address) for address in addresses):
        raise ModelFailed("The model's address is private, which SOUNDSTAGE_ALLOW_PRIVATE_MODELS does not allow.")
    return addresses[0]
