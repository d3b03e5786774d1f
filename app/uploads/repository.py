"""All queries about uploads."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BindParameter, Integer, bindparam

from app.database.statements import (
    adding,
    change,
    changing,
    counted,
    everywhere,
    readable,
    removing,
    removing_everywhere,
    statement,
    table,
)
from app.uploads.models import Upload, UploadTable

_upload = table(UploadTable).c
_LIMIT = bindparam("limit", type_=Integer)
_BEFORE: BindParameter[str] = bindparam("before")
_ID: BindParameter[str] = bindparam("id")
_OPEN = _upload.finished_at.is_(None)

UPLOAD = statement(readable(UploadTable).where(_upload.id == _ID), Upload)
PAGE_BEFORE = statement(
    readable(UploadTable)
    .where(_upload.session_id == bindparam("session_id"), _upload.id < _BEFORE, _upload.expires_at > bindparam("now"))
    .order_by(_upload.id.desc())
    .limit(_LIMIT),
    Upload,
)
OPEN_COUNT = statement(
    counted(readable(UploadTable).where(_OPEN, _upload.expires_at > bindparam("now"))), dict[str, Any]
)
ADD = change(adding(UploadTable))
FINISH = change(
    changing(UploadTable)
    .where(_upload.id == _ID, _OPEN)
    .values({"finished_at": bindparam("finished_at"), "version": _upload.version + 1})
)
REMOVE = change(removing(UploadTable).where(_upload.id == _ID))

# What the sweeper takes away, and what it compares with the files.
EXPIRED = statement(everywhere(UploadTable).where(_upload.expires_at <= bindparam("now")), Upload)
REMOVE_EXPIRED = change(removing_everywhere(UploadTable).where(_upload.id == _ID))
EVERY_OPEN = statement(everywhere(UploadTable).where(_OPEN), Upload)
