"""Files of chats: what is accepted, and what of them a model is sent."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence

from app.assistant import repository
from app.assistant.conversation import ATTACHMENT_PATH, Attached, attachment_ids
from app.assistant.errors import AttachmentInvalid, AttachmentTooLarge
from app.assistant.files import Files
from app.assistant.models import Attachment, ChatMessage
from app.core.octets import from_base64
from app.database.unit_of_work import UnitOfWork

LARGEST = 2 * 1024 * 1024
MOST_BYTES = 50 * 1024 * 1024
MOST = 100
LONGEST_NAME = 200
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,63}/[a-z0-9][a-z0-9.+-]{0,99}")


def url(attachment: Attachment) -> str:
    """Where an attachment is read, and what messages refer to it by."""
    return f"{ATTACHMENT_PATH}{attachment.id}"


def read(name: str, media_type: str, data: str) -> bytes:
    """The bytes of a file that a client gave; raises `AttachmentInvalid` and `AttachmentTooLarge`."""
    if not 0 < len(name) <= LONGEST_NAME or any(ord(each) < 32 or each in '/\\"' for each in name):
        raise AttachmentInvalid(f'The name has 1 to {LONGEST_NAME} characters, and none of / \\ ".')
    if not _MEDIA_TYPE.fullmatch(media_type):
        raise AttachmentInvalid("The media type is one such as `image/png`, in lower case and without parameters.")
    if len(data) > LARGEST * 4 // 3 + 4:
        raise AttachmentTooLarge(f"An attachment has at most {LARGEST:,} bytes.")
    return from_base64(data, "data")


async def check_room(work: UnitOfWork, chat_id: str, size: int) -> None:
    """Raises `AttachmentTooLarge` where a chat holds too much already."""
    [held] = await work.all(repository.ATTACHED, chat_id=chat_id)
    if held["count"] >= MOST or held["bytes"] + size > MOST_BYTES:
        raise AttachmentTooLarge(f"A chat holds {MOST} attachments of {MOST_BYTES // 2**20} MiB together.")


async def for_model(work: UnitOfWork, owner_id: str, files: Files, messages: Sequence[ChatMessage]) -> Attached:
    """What a model is sent of each attachment: images as they are, text as text."""
    ids = attachment_ids(messages)
    rows = await work.all(repository.ATTACHMENTS, owner_id=owner_id, ids=ids) if ids else []
    found = {}
    for row in rows:
        if row.media_type.startswith("image/"):
            data = base64.b64encode(await files.get(row.sha256)).decode()
            found[row.id] = {"type": "image_url", "image_url": {"url": f"data:{row.media_type};base64,{data}"}}
        elif row.media_type.startswith("text/") or row.media_type == "application/json":
            text = (await files.get(row.sha256)).decode(errors="replace")
            found[row.id] = {"type": "text", "text": f"The file {row.name}:\n\n{text}"}
    return found
