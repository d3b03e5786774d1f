"""Domains of e-mail addresses, and the DNS records that prove whose they are."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from app.core.errors import InvalidRequest

#: The texts of a domain's TXT records; none where they cannot be had.
TxtLookup = Callable[[str], Awaitable[list[str]]]
LOOKUP_SECONDS = 5.0
LONGEST = 253
_DOMAIN = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))+")


def domain_name(text: str) -> str:
    """A domain in the one form in which it is stored: lower case, ASCII (RFC 5890). Raises `InvalidRequest`."""
    try:
        name = text.strip().rstrip(".").encode("idna").decode().lower()
    except UnicodeError as error:
        raise InvalidRequest(f"{text[:100]!r} is not a domain. Example: example.com.") from error
    if len(name) > LONGEST or not _DOMAIN.fullmatch(name):
        raise InvalidRequest(f"{text[:100]!r} is not a domain. Example: example.com.")
    return name


def domain_of(email: str) -> str:
    """The domain of an e-mail address; raises `InvalidRequest`."""
    local, at, domain = email.strip().rpartition("@")
    if not at or not local:
        raise InvalidRequest(f"{email[:100]!r} is not an e-mail address.")
    return domain_name(domain)


async def txt_records(domain: str) -> list[str]:
    """What the name servers of this machine tell."""
    import dns.asyncresolver
    import dns.exception  # both late: a domain is proved once, and every start would pay for it

    try:
        found = await dns.asyncresolver.resolve(domain, "TXT", lifetime=LOOKUP_SECONDS)
    except (dns.exception.DNSException, OSError):
        return []
    return [b"".join(record.strings).decode(errors="replace") for record in found]
