"""The two halves of the authorization code flow: where the browser is sent, and what its code is exchanged for."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from app.sso.errors import SsoFailed
from app.sso.id_tokens import Claims
from app.sso.provider import Metadata, Providers, read_json
from app.sso.transactions import Transaction

SCOPE = "openid email profile"
LONGEST_CODE = 4096


@dataclass(frozen=True, slots=True)
class Registration:
    """We, as the provider knows us."""

    client_id: str
    client_secret: str
    redirect_uri: str


def authorization_url(metadata: Metadata, ours: Registration, begun: Transaction, login_hint: str | None) -> str:
    """Where the provider asks who the person is (OpenID Connect Core 1.0, section 3.1.2.1; PKCE: RFC 7636)."""
    url: str = prepare_grant_uri(
        metadata.authorization_endpoint,
        ours.client_id,
        "code",
        redirect_uri=ours.redirect_uri,
        scope=SCOPE,
        state=begun.state,
        nonce=begun.nonce,
        code_challenge=create_s256_code_challenge(begun.verifier),
        code_challenge_method="S256",
        **({"login_hint": login_hint} if login_hint else {}),
    )
    return url


async def tokens_for(
    code: str, providers: Providers, metadata: Metadata, ours: Registration, verifier: str
) -> dict[str, Any]:
    """The provider's answer to a code (RFC 6749, section 4.1.3); raises `SsoFailed`, `SsoProviderUnavailable`."""
    if not code or len(code) > LONGEST_CODE:
        raise SsoFailed("code")
    body = prepare_token_request(
        "authorization_code", code=code, redirect_uri=ours.redirect_uri, code_verifier=verifier
    )
    url, headers, form = _client_auth(metadata, ours).prepare("POST", metadata.token_endpoint, {}, body)
    status, answer = await providers.ask(url, headers=headers, form=form)
    if status != HTTPStatus.OK:
        raise SsoFailed("code_refused")
    return read_json(answer, lambda: SsoFailed("token_answer"))


async def with_email(claims: Claims, tokens: dict[str, Any], providers: Providers, metadata: Metadata) -> Claims:
    """The claims with the e-mail address, from the userinfo endpoint where the ID token does not tell all of it."""
    access = tokens.get("access_token")
    known = "email" in claims and "email_verified" in claims
    if known or not metadata.userinfo_endpoint or not isinstance(access, str) or not access.isascii():
        return claims
    headers = {"Authorization": f"Bearer {access}"}
    status, answer = await providers.ask(metadata.userinfo_endpoint, headers=headers)
    if status != HTTPStatus.OK:
        raise SsoFailed("userinfo")
    told = read_json(answer, lambda: SsoFailed("userinfo"))
    # Section 5.3.2: else it could be somebody else's.
    if told.get("sub") != claims["sub"]:
        raise SsoFailed("userinfo_subject")
    return {
        "name": told.get("name"),
        **claims,
        "email": told.get("email"),
        "email_verified": told.get("email_verified"),
    }


def _client_auth(metadata: Metadata, ours: Registration) -> ClientAuth:
    if not ours.client_secret:
        return ClientAuth(ours.client_id, None, "none")
    if metadata.basic:
        # RFC 6749, section 2.3.1: both are form-encoded first.
        return ClientAuth(quote(ours.client_id, safe=""), quote(ours.client_secret, safe=""), "client_secret_basic")
    return ClientAuth(ours.client_id, ours.client_secret, "client_secret_post")
