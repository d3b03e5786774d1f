"""Verifies ID tokens (OpenID Connect Core 1.0, section 3.1.3.7)."""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeGuard

from app.sso.errors import SsoFailed
from app.sso.provider import Metadata, Providers

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

#: How far the provider's clock may be from ours, and how old a token may be that was made just now.
SKEW_SECONDS, OLDEST_SECONDS = 60, 600
LONGEST_SUBJECT = 255

Claims = dict[str, Any]


async def verified(
    token: object, providers: Providers, metadata: Metadata, *, client_id: str, nonce: str, moment: datetime
) -> Claims:
    """The claims of a token that is for us, for this sign-in, and valid now; raises `SsoFailed`."""
    from joserfc.errors import InvalidKeyIdError  # late: a start does without it

    if not isinstance(token, str):
        raise SsoFailed("id_token")
    try:
        claims = _signed(token, await providers.keys(metadata), metadata)
    except InvalidKeyIdError:
        try:
            claims = _signed(token, await providers.keys(metadata, anew=True), metadata)
        except InvalidKeyIdError as error:
            raise SsoFailed("unknown_key") from error
    _check(claims, metadata.issuer, client_id, nonce, moment.timestamp())
    return claims


def _signed(token: str, keys: KeySet, metadata: Metadata) -> Claims:
    """The claims, if one of the keys signed them with an algorithm that the provider and we know."""
    from joserfc import jwt
    from joserfc.errors import InvalidKeyIdError, JoseError

    try:
        return jwt.decode(token, keys, algorithms=list(metadata.algorithms)).claims
    except InvalidKeyIdError:
        raise
    except (JoseError, ValueError, TypeError) as error:
        raise SsoFailed("signature") from error


def _check(claims: Claims, issuer: str, client_id: str, nonce: str, moment: float) -> None:
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    authorized = claims.get("azp", None if len(audiences) > 1 else client_id)
    expires, issued = claims.get("exp"), claims.get("iat")
    subject, given = claims.get("sub"), claims.get("nonce")
    right = {
        "issuer": claims.get("iss") == issuer,
        "audience": client_id in audiences,
        "authorized_party": authorized == client_id,
        "expired": _is_number(expires) and expires > moment - SKEW_SECONDS,
        "issued_at": _is_number(issued) and moment - OLDEST_SECONDS <= issued <= moment + SKEW_SECONDS,
        "not_before": "nbf" not in claims or (_is_number(claims["nbf"]) and claims["nbf"] <= moment + SKEW_SECONDS),
        "nonce": isinstance(given, str) and hmac.compare_digest(given.encode(), nonce.encode()),
        "subject": isinstance(subject, str) and 0 < len(subject) <= LONGEST_SUBJECT,
    }
    wrong = [name for name, holds in right.items() if not holds]
    if wrong:
        raise SsoFailed(wrong[0])


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
