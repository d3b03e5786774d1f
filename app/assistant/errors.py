"""What can go wrong with the assistant."""

from __future__ import annotations

from app.core.errors import Conflict, InvalidRequest, NotFound, PayloadTooLarge, RateLimited, Unavailable


class NoModel(Unavailable):
    """No model is configured. An admin sets one with `setOrganizationModels`: id, name, provider, base URL, API key."""

    code = "NO_MODEL"


class UnknownModel(NotFound):
    """Your organization has no model with this id. `GET /api/v1/models` lists those that it has."""

    code = "UNKNOWN_MODEL"


class ModelFailed(Unavailable):
    """The model did not answer."""

    code = "MODEL_FAILED"


class AnswerRunning(Conflict):
    """This chat's answer is still under way. Watch it, or stop it with `stopChat`, then ask again."""

    code = "ANSWER_RUNNING"


class AnswerStopped(Conflict):
    """The answer was stopped."""

    code = "ANSWER_STOPPED"


class TooManyAnswers(RateLimited):
    """Too many answers are under way. Wait until one has ended, or stop one."""

    code = "TOO_MANY_ANSWERS"


class MessagesInvalid(InvalidRequest):
    """The messages are not those of a chat: each has an id, a role and parts, and the last one is a user's."""

    code = "MESSAGES_INVALID"


class AttachmentInvalid(InvalidRequest):
    """The attachment is not valid: it has a name, a media type, and its bytes in base64."""

    code = "ATTACHMENT_INVALID"


class AttachmentTooLarge(PayloadTooLarge):
    """The attachment is too large."""

    code = "ATTACHMENT_TOO_LARGE"


class AttachmentLost(Unavailable):
    """The file of this attachment is not on this server. It is kept in the data directory of the one that took it."""

    code = "ATTACHMENT_LOST"
