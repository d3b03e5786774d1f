"""Uploads."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Any

from tests.support.samples.workspaces import PREPARATIONS as OF_WORKSPACES
from tests.support.sampling import Sample
from tests.support.serving import Client

SAMPLES: dict[str, Sample] = {
    "Query.upload": Sample(lambda facts: {"id": facts["upload"]}, given="", needs=("upload",)),
    "Query.uploads": Sample(lambda facts: {"sessionId": facts["work_session"]}, given="", needs=("upload",)),
}

ROUTE_SAMPLES: dict[str, Any] = {}


async def _begin(client: Client) -> dict[str, str]:
    made = await OF_WORKSPACES["work_session"](client)
    told = {"sessionId": made["work_session"], "path": "private-file", "filetype": "text/private-type"}
    metadata = ",".join(f"{name} {b64encode(value.encode()).decode()}" for name, value in told.items())
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "10", "Upload-Metadata": metadata}
    begun = await client.post("/api/v1/filestorage", headers=headers)
    assert begun.status_code == 201, begun.text
    return {**made, "upload": begun.headers["Location"].rpartition("/")[2]}


PREPARATIONS: dict[str, Callable[[Client], Awaitable[dict[str, str]]]] = {"upload": _begin}
