"""Which addresses of models are reached."""

from __future__ import annotations

import httpx2
import pytest

from app.assistant.connecting import model_address
from app.assistant.errors import ModelFailed

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "10.1.2.3", "169.254.169.254", "[::1]", "[fd00::1]", "0.0.0.0", "[::ffff:10.0.0.1]"],
)
async def test_private_addresses_are_reached_only_where_that_is_allowed(host: str) -> None:
    with pytest.raises(ModelFailed, match="private"):
        await model_address(httpx2.URL(f"http://{host}"), False)

    assert await model_address(httpx2.URL(f"http://{host}"), True)


async def test_public_addresses_are_reached() -> None:
    assert await model_address(httpx2.URL("https://1.1.1.1"), False) == "1.1.1.1"


async def test_a_name_that_nobody_has_is_told() -> None:
    with pytest.raises(ModelFailed, match="resolved"):
        await model_address(httpx2.URL("https://nobody.invalid"), False)
