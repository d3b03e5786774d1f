"""What a sign-in remembers between its two halves: sealed, in a cookie of the browser that began it.

State and nonce bind the provider's answer to this browser (OpenID Connect Core 1.0, section 3.1.2), the verifier the
code to us (RFC 7636). Nothing is kept in the database, so beginning a sign-in costs nothing.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from app.core.errors import InvalidRequest
from app.core.vault import Vault, VaultKeyMissing
from app.sso.errors import SsoStateMismatch

LIFETIME = timedelta(minutes=10)
LONGEST_RETURN = 512
LONGEST_COOKIE = 4096
_PURPOSE = "sso"
#: Beginning with one slash, without what browsers read as another one.
_LOCAL = re.compile(r"/(?!/)[!-\[\]-~]*")


@dataclass(frozen=True, slots=True)
class Transaction:
    """A sign-in that has begun."""

    connection: str
    #: Of the connection: what is begun with one provider is not finished with another.
    issuer: str
    return_to: str
    state: str
    nonce: str
    verifier: str

    @classmethod
    def begin(cls, connection: str, issuer: str, return_to: str) -> Transaction:
        """A new one, with random parts of 256 bits."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        return cls(connection, issuer, return_to, state, nonce, verifier)


def local_path(text: str | None) -> str:
    """Where the browser goes in the end, `/` by default; raises `InvalidRequest` for anything but a local path."""
    path = text or "/"
    if len(path) > LONGEST_RETURN or not _LOCAL.fullmatch(path):
        raise InvalidRequest("'returnTo' is a path of this server: it begins with one `/`.")
    return path


def sealed(transaction: Transaction, vault: Vault, moment: datetime) -> str:
    """The cookie."""
    until = str((moment + LIFETIME).timestamp())
    return vault.seal({**asdict(transaction), "purpose": _PURPOSE, "until": until})


def opened(cookie: str | None, vault: Vault, moment: datetime) -> Transaction:
    """The transaction of a cookie; raises `SsoStateMismatch` for none, an old one, and one that is not ours."""
    if not cookie or len(cookie) > LONGEST_COOKIE:
        raise SsoStateMismatch()
    try:
        kept = vault.open(cookie)
    except (VaultKeyMissing, UnicodeError) as error:
        raise SsoStateMismatch() from error
    if kept.pop("purpose", "") != _PURPOSE or float(kept.pop("until")) <= moment.timestamp():
        raise SsoStateMismatch()
    return Transaction(**kept)
