"""Which addresses a session's database may be at.

Those of the public internet, spoken to encrypted and with the server's certificate checked; and of this machine the
ports of the session's own environment, and no others. `allow_private` adds the private network of whoever runs this
installation. A name is resolved once, and the connection goes to the address that was checked.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Container
from dataclasses import dataclass
from typing import Any

from app.database_console.errors import AddressRefused, DatabaseUnreachable
from app.outbound.addresses import checked_address, is_public
from app.outbound.errors import NameUnknown, PrivateAddress
from app.services.models import DatabaseAccess

RESOLVE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a connection goes. `host` is the checked address; `name` what its certificate has to name."""

    host: str
    port: int
    name: str
    public: bool
    loopback: bool

    def tls(self) -> ssl.SSLContext | None:
        """How it is encrypted; None within this machine."""
        if self.loopback:
            return None
        context = _checking() if self.public else _unchecking()
        context.certified_name = self.name if self.public else None
        return context


async def place_of(target: DatabaseAccess, own_ports: Container[int], *, allow_private: bool) -> Place:
    """Where a target is; raises `AddressRefused`, or `DatabaseUnreachable` where its name is nobody's."""
    if "/" in target.host or "," in target.host or not 0 < target.port < 65_536:
        raise AddressRefused("A database is at a name or an address, and at one port.")
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            return await _place(target, own_ports, allow_private)
    except (NameUnknown, TimeoutError):
        raise DatabaseUnreachable(f"The name {target.host[:100]!r} cannot be resolved.") from None
    except PrivateAddress:
        raise AddressRefused(
            "The address is private. Reachable are the public internet and, on this machine, the ports of the "
            "session's own services; an operator allows more with `allow_private_databases`."
        ) from None


async def _place(target: DatabaseAccess, own_ports: Container[int], allow_private: bool) -> Place:
    if target.port in own_ports:
        addresses = await _resolved(target.host, target.port)
        if all(_is_loopback(address) for address in addresses):
            return Place(addresses[0], target.port, target.host, public=False, loopback=True)
    host = await checked_address(target.host, target.port, "", allow_private=allow_private)
    return Place(host, target.port, target.host, public=is_public(host), loopback=_is_loopback(host))


async def _resolved(host: str, port: int) -> list[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NameUnknown() from error
    return [str(entry[4][0]) for entry in found]


def _is_loopback(address: str) -> bool:
    found = ipaddress.ip_address(address)
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback


class _Context(ssl.SSLContext):
    """Checks the certificate against the name, while the connection goes to the address that was checked."""

    certified_name: str | None = None

    def wrap_bio(self, *arguments: Any, **named: Any) -> ssl.SSLObject:
        return super().wrap_bio(*arguments, **{**named, "server_hostname": self.certified_name})


def _checking() -> _Context:
    context = _Context(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    return context


def _unchecking() -> _Context:
    context = _Context(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
