"""Which addresses a session's database may be at, and how it is spoken to there."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.database_console.addresses import Place, place_of
from app.database_console.errors import AddressRefused, DatabaseUnreachable
from app.database_console.models import Bounds, Statement
from app.database_console.postgresql import connected
from app.services.models import DatabaseAccess, DatabaseEngine
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.anyio


def at(host: str, port: int = 5432) -> DatabaseAccess:
    return DatabaseAccess(DatabaseEngine.POSTGRESQL, host, port, "shop", "ada", "secret")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "::ffff:127.0.0.1", "127.0.0.9"])
async def test_of_this_machine_only_the_sessions_own_ports_are_open(host: str) -> None:
    place = await place_of(at(host, 20_001), {20_001}, allow_private=False)

    assert place.loopback
    assert place.tls() is None
    with pytest.raises(AddressRefused):
        await place_of(at(host, 20_002), {20_001}, allow_private=False)


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.1",
        "0.0.0.0",
        "169.254.169.254",
        "::",
        "fe80::1",
        "2002:7f00:1::",
        "64:ff9b::7f00:1",
        "/var/run/postgresql",
        "127.0.0.1,8.8.8.8",
    ],
)
async def test_an_own_port_opens_no_other_address(host: str) -> None:
    with pytest.raises(AddressRefused):
        await place_of(at(host, 20_001), {20_001}, allow_private=False)


async def test_the_public_internet_is_spoken_to_encrypted_and_checked() -> None:
    place = await place_of(at("8.8.8.8"), (), allow_private=False)

    context = place.tls()
    assert context is not None
    assert context.check_hostname


async def test_a_private_network_is_open_where_the_operator_says_so() -> None:
    place = await place_of(at("10.0.0.1"), (), allow_private=True)

    assert (place.host, place.public, place.loopback) == ("10.0.0.1", False, False)


async def test_a_name_of_nobody_is_told() -> None:
    with pytest.raises(DatabaseUnreachable):
        await place_of(at("nothing.invalid"), (), allow_private=False)


@pytest.fixture(scope="module")
def encrypted() -> Iterator[PostgresServer]:
    """A server with a certificate for `db.example`, which only those trust who are told to."""
    with PostgresServer() as server:
        for name, data in _certificate("db.example").items():
            file = server.directory / "data" / name
            file.write_bytes(data)
            file.chmod(0o600)
            if server._account is not None:
                os.chown(file, server._account.pw_uid, server._account.pw_gid)
        asyncio.run(_switch_on(server))
        yield server


async def _switch_on(server: PostgresServer) -> None:
    connection = await asyncpg.connect(server.dsn())
    await connection.execute("ALTER SYSTEM SET ssl = on")
    await connection.execute("SELECT pg_reload_conf()")
    while await connection.fetchval("SHOW ssl") != "on":
        await asyncio.sleep(0.02)
    await connection.close()


def _certificate(name: str) -> dict[str, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    moment = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment - timedelta(days=1))
        .not_valid_after(moment + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return {"server.crt": made.public_bytes(pem), "server.key": secret}


async def _ask(server: PostgresServer, name: str, *, public: bool) -> object:
    access = DatabaseAccess(DatabaseEngine.POSTGRESQL, name, server.port, "postgres", "postgres", server._password)
    place = Place("127.0.0.1", server.port, name, public=public, loopback=False)
    asked = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    async with connected(access, place) as driver:
        return (await driver.run(Statement(asked), Bounds(5, 10, 1_000))).rows


async def test_the_certificate_has_to_name_the_host_though_the_address_is_asked(
    encrypted: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DatabaseUnreachable):
        await _ask(encrypted, "db.example", public=True)  # nobody trusts it yet

    monkeypatch.setenv("SSL_CERT_FILE", str(encrypted.directory / "data" / "server.crt"))

    assert await _ask(encrypted, "db.example", public=True) == [[True]]
    with pytest.raises(DatabaseUnreachable):
        await _ask(encrypted, "other.example", public=True)


async def test_a_private_server_is_spoken_to_encrypted_where_it_can(encrypted: PostgresServer) -> None:
    with PostgresServer() as plain:
        assert await _ask(encrypted, "anything", public=False) == [[True]]
        assert await _ask(plain, "anything", public=False) == [[False]]
        with pytest.raises(DatabaseUnreachable):
            await _ask(plain, "anything", public=True)
