"""Which addresses the server may ask where a client chose them: nothing inside our own network can be reached."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from functools import cache

from app.outbound.errors import NameUnknown, PrivateAddress

#: IPv6 ranges that lead to IPv4 addresses of whoever translates them.
_TRANSLATED = [ipaddress.ip_network(net) for net in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")]


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return is_public(str(found.ipv4_mapped))
        if found.scope_id or any(found in network for network in _TRANSLATED):
            return False
    return found.is_global and not found.is_multicast


async def checked_address(host: str, port: int | None, scheme: str, *, allow_private: bool) -> str:
    """An address of the host; raises `NameUnknown`, and `PrivateAddress` when any of its addresses is not public."""
    asked = port or (443 if scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host.strip("[]"), asked, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NameUnknown() from error
    addresses = [str(entry[4][0]) for entry in found]
    if not allow_private and not all(is_public(address) for address in addresses):
        raise PrivateAddress()
    return addresses[0]


@cache
def trust() -> ssl.SSLContext:
    """The certificate authorities that are trusted; read once: it takes tens of milliseconds."""
    return ssl.create_default_context()
