"""The way to a model: the name is resolved once, every address is checked, and the connection goes to a checked one.

As with `app.outbound.asking`: nothing inside our network is reached unless the operator allows it. Redirects and
proxies are not followed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from app.assistant.errors import ModelFailed
from app.outbound.addresses import checked_address, trust
from app.outbound.errors import NameUnknown, PrivateAddress

if TYPE_CHECKING:
    import httpx2

CONNECT_SECONDS = 5.0
#: Between two parts of an answer.
SILENCE_SECONDS = 60.0
#: Of one answer, with all that stands around its text.
MOST_BYTES = 32 * 1024 * 1024


def http_client(*, allow_private: bool) -> httpx2.AsyncClient:
    """A client that reaches public addresses only, unless private ones are allowed."""
    import httpx2  # imported late, as `openai` is: a server without models starts without it

    class Bounded(httpx2.AsyncByteStream):
        def __init__(self, stream: httpx2.AsyncByteStream) -> None:
            self.stream = stream

        async def __aiter__(self) -> AsyncIterator[bytes]:
            received = 0
            async for piece in self.stream:
                received += len(piece)
                if received > MOST_BYTES:
                    raise ModelFailed(f"The model's answer is larger than {MOST_BYTES // 2**20} MiB.")
                yield piece

        async def aclose(self) -> None:
            await self.stream.aclose()

    class Checked(httpx2.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            url = request.url
            address = await model_address(url, allow_private)
            request.extensions = {**request.extensions, "sni_hostname": url.raw_host.decode()}
            request.url = url.copy_with(host=address)
            response = await super().handle_async_request(request)
            assert isinstance(response.stream, httpx2.AsyncByteStream)
            response.stream = Bounded(response.stream)
            return response

    timeout = httpx2.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS)
    transport = Checked(verify=trust(), trust_env=False)
    return httpx2.AsyncClient(transport=transport, timeout=timeout, follow_redirects=False)


async def model_address(url: httpx2.URL, allow_private: bool) -> str:
    """An address of the model; raises `ModelFailed`."""
    try:
        return await checked_address(url.raw_host.decode(), url.port, url.scheme, allow_private=allow_private)
    except NameUnknown as error:
        raise ModelFailed("The name of the model's address cannot be resolved.") from error
    except PrivateAddress as error:
        told = "The model's address is private, which SOUNDSTAGE_ALLOW_PRIVATE_MODELS does not allow."
        raise ModelFailed(told) from error
