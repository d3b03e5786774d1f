"""Signatures of webhooks: Standard Webhooks for what we send, and each code host's own for what comes in.

Nothing of a body is read before its signature was found to be right.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from app.webhooks.errors import WebhookSignatureInvalid
from app.webhooks.models import Scheme

LONGEST_ID = 200
MOST_SIGNATURES = 10


@dataclass(frozen=True, slots=True)
class Received:
    """What the headers of a genuine delivery tell."""

    #: Its sender's id of the delivery; empty where the scheme has none.
    delivery_id: str
    #: By which the same delivery is known again.
    fingerprint: str
    #: `push`; empty where the body tells.
    event: str


def headers(secrets: Sequence[str], message_id: str, moment: datetime, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks, with a signature for each valid secret."""
    text = body.decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, moment, text) for secret in secrets),
    }


def verify(scheme: Scheme, secrets: Sequence[str], sent: Mapping[str, str], body: bytes) -> Received:
    """What a delivery tells of itself; raises `WebhookSignatureInvalid` unless one of the secrets signed it."""
    checks = {
        Scheme.STANDARD: _standard,
        Scheme.GITHUB: _github,
        Scheme.GITLAB: _gitlab,
        Scheme.BITBUCKET: _bitbucket,
    }
    # Each secret is tried, so that the time tells nothing of which one it was.
    if True not in [checks[scheme](secret, sent, body) for secret in secrets]:
        raise WebhookSignatureInvalid()
    return _RECEIVED[scheme](sent, body)


def _standard(secret: str, sent: Mapping[str, str], body: bytes) -> bool:
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    given = {name: sent.get(name, "") for name in names}
    if len(given["webhook-signature"].split(" ")) > MOST_SIGNATURES:
        return False
    try:
        Webhook(secret).verify(body, given, json_parse=False)
    except (WebhookVerificationError, ValueError):
        return False
    return True


def _github(secret: str, sent: Mapping[str, str], body: bytes) -> bool:
    return _hmac(secret, sent.get("x-hub-signature-256", ""), body)


def _bitbucket(secret: str, sent: Mapping[str, str], body: bytes) -> bool:
    return _hmac(secret, sent.get("x-hub-signature", ""), body)


def _gitlab(secret: str, sent: Mapping[str, str], body: bytes) -> bool:
    return hmac.compare_digest(secret.encode(), sent.get("x-gitlab-token", "").encode("utf-8", "replace"))


def _hmac(secret: str, given: str, body: bytes) -> bool:
    expected = "sha256=" + hmac.new(secret.encode(), body, sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))


def _standard_received(sent: Mapping[str, str], body: bytes) -> Received:
    message_id = sent.get("webhook-id", "")[:LONGEST_ID]
    return Received(message_id, f"id:{message_id}", "")


def _gitlab_received(sent: Mapping[str, str], body: bytes) -> Received:
    """GitLab signs nothing: who has the token can send what they like, and its retries name themselves."""
    delivery = (sent.get("idempotency-key", "") or sent.get("x-gitlab-event-uuid", ""))[:LONGEST_ID]
    event = sent.get("x-gitlab-event", "")[:LONGEST_ID]
    return Received(delivery, f"id:{delivery}" if delivery else _digest(body), event)


def _github_received(sent: Mapping[str, str], body: bytes) -> Received:
    delivery, event = sent.get("x-github-delivery", ""), sent.get("x-github-event", "")
    return Received(delivery[:LONGEST_ID], _digest(body), event[:LONGEST_ID])


def _bitbucket_received(sent: Mapping[str, str], body: bytes) -> Received:
    delivery, event = sent.get("x-request-uuid", ""), sent.get("x-event-key", "")
    return Received(delivery[:LONGEST_ID], _digest(body), event[:LONGEST_ID])


def _digest(body: bytes) -> str:
    """The headers with the delivery's id are not signed, only the body is: the same body is the same delivery."""
    return f"sha256:{sha256(body).hexdigest()}"


_RECEIVED = {
    Scheme.STANDARD: _standard_received,
    Scheme.GITHUB: _github_received,
    Scheme.GITLAB: _gitlab_received,
    Scheme.BITBUCKET: _bitbucket_received,
}
