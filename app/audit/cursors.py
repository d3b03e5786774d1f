"""Cursors of the audit log: `cur_` and a sequence, with a MAC over it and the organization."""

from __future__ import annotations

import base64
import binascii
import hmac

from app.audit.errors import CursorInvalid

PREFIX = "cur_"
_NUMBER, _MAC = 8, 16


class Cursors:
    """Makes and reads cursors under a key that the server keeps."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def encode(self, organization_id: str, sequence: int) -> str:
        """The cursor behind the event with this sequence."""
        number = sequence.to_bytes(_NUMBER)
        return PREFIX + base64.urlsafe_b64encode(number + self._mac(organization_id, number)).decode()

    def decode(self, organization_id: str, cursor: str | None) -> int | None:
        """The sequence in a cursor, None for none; raises `CursorInvalid` for one that this organization never got."""
        if not cursor:
            return None
        try:
            raw = base64.b64decode(cursor.removeprefix(PREFIX), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise CursorInvalid() from error
        number, mac = raw[:_NUMBER], raw[_NUMBER:]
        if not cursor.startswith(PREFIX) or not hmac.compare_digest(mac, self._mac(organization_id, number)):
            raise CursorInvalid()
        return int.from_bytes(number)

    def _mac(self, organization_id: str, number: bytes) -> bytes:
        return hmac.digest(self._key, b"audit\0" + organization_id.encode() + b"\0" + number, "sha256")[:_MAC]
