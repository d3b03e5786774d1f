"""The cursor of a log stream: the reader's place in each replica's output."""

from __future__ import annotations

import re
from collections.abc import Mapping

from app.core.errors import InvalidRequest

_PLACE = re.compile(r"([a-z][a-z0-9-]*(?:\.build)?)\.(\d+)@(\d+)")


def encode_offsets(offsets: Mapping[str, int]) -> str:
    """`api.0@1234,db.0@99`, from unit ids (`env_…/api/0`) to offsets in bytes."""
    places = []
    for unit_id, offset in sorted(offsets.items()):
        _, service, replica = unit_id.rsplit("/", 2)
        places.append(f"{service}.{replica}@{offset}")
    return ",".join(places)


def decode_offsets(cursor: str | None, environment_id: str) -> dict[str, int]:
    """The places in a cursor; raises `InvalidRequest` when it is not one of ours."""
    offsets: dict[str, int] = {}
    for place in (cursor or "").split(","):
        if not place:
            continue
        found = _PLACE.fullmatch(place)
        if found is None:
            raise InvalidRequest("The cursor is not one that this stream gave out. Leave it away to start anew.")
        offsets[f"{environment_id}/{found[1]}/{found[2]}"] = int(found[3])
    return offsets


def decode_position(cursor: str | None) -> int:
    """The position in a cursor of a progress stream, 0 for none; raises `InvalidRequest`."""
    if not cursor:
        return 0
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 18:
        raise InvalidRequest("The cursor is not one that this stream gave out. Leave it away to start anew.")
    return int(cursor)
