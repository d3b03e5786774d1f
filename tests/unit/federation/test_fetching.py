"""Fetching a provider's keys: what cannot be reached so, and what is not taken."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from app.core.clock import now
from app.federation.errors import SyncFailed
from app.federation.fetching import fetch_keys
from app.outbound import addresses, asking
from app.outbound.addresses import is_public
from app.outbound.asking import MOST_BYTES
from app.outbound.errors import Unreachable
from tests.support.tokens import Pair

pytestmark = pytest.mark.anyio

PAIR = Pair()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.10",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%lo",
        "fc00::1",
        "fd12:3456::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2001:0:7f00:1::1",
        "2001:db8::1",
    ],
)
def test_an_address_that_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_an_address_that_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "127.1", "2130706433", "0x7f.1", "0", "[::ffff:127.0.0.1]"]
)
async def test_nothing_inside_is_reached(host: str) -> None:
    with _serving(_answer({"keys": [PAIR.classical_jwk]})) as server:
        with pytest.raises(SyncFailed, match=r"private|resolved"):
            await fetch_keys(f"http://{host}:{server.port}/jwks", allow_private=False)

        assert server.asked == []


async def test_a_name_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolve(monkeypatch, [["93.184.216.34", "10.0.0.1"]])

    with pytest.raises(SyncFailed, match="private"):
        await fetch_keys("http://rebinding.example/jwks", allow_private=False)


async def test_a_name_is_resolved_once_and_the_checked_address_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that points elsewhere at the second look gains nothing: there is none."""
    monkeypatch.setattr(addresses, "is_public", lambda address: True)
    with _serving(_answer({"keys": [PAIR.classical_jwk]})) as server:
        looks = _resolve(monkeypatch, [["127.0.0.1"], ["10.255.255.1"]])

        keys = await fetch_keys(f"http://rebinding.example:{server.port}/jwks", allow_private=False)

        assert keys == [PAIR.classical_jwk]
        assert looks == ["rebinding.example"]
        assert server.asked == [("/jwks", f"rebinding.example:{server.port}")]


@pytest.mark.parametrize(("named", "accepted"), [("provider.example", True), ("another.example", False)])
async def test_the_certificate_has_to_be_for_the_name_though_the_address_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: str, accepted: bool
) -> None:
    certificate = _certificate(tmp_path, named)
    monkeypatch.setattr(asking, "trust", lambda: ssl.create_default_context(cafile=certificate))
    with _serving(_answer({"keys": [PAIR.classical_jwk]}), certificate) as server:
        _resolve(monkeypatch, [["127.0.0.1"]])
        url = f"https://provider.example:{server.port}/jwks"

        if accepted:
            assert await fetch_keys(url, allow_private=True) == [PAIR.classical_jwk]
        else:
            with pytest.raises(SyncFailed, match="cannot be reached: ConnectError"):
                await fetch_keys(url, allow_private=True)


def _certificate(folder: Path, name: str) -> Path:
    """A key and its own certificate for a name, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    moment = now()
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(moment - timedelta(days=1))
        .not_valid_after(moment + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + made.public_bytes(Encoding.PEM)
    file = folder / "server.pem"
    file.write_bytes(pem)
    return file


async def test_only_public_parts_of_usable_keys_are_kept() -> None:
    odd = {"kty": "RSA", "kid": "r", "n": "AQAB", "e": "AQAB"}
    secret = {**PAIR.post_quantum_jwk, "priv": "AAAA", "x5c": ["…"]}

    with _serving(_answer({"keys": [odd, PAIR.classical_jwk, secret]})) as server:
        assert await fetch_keys(server.url, allow_private=True) == [PAIR.classical_jwk, PAIR.post_quantum_jwk]


REFUSED: dict[str, tuple[Any, str]] = {
    "a redirect": (lambda handler: _redirect(handler), "status 302"),
    "an error": (lambda handler: _send(handler, 500, b""), "status 500"),
    "too much": (lambda handler: _send(handler, 200, b" " * (MOST_BYTES + 1)), "larger than 256 KB"),
    "no JSON": (lambda handler: _send(handler, 200, b"<html>"), "not a JSON object"),
    "no set": (lambda handler: _send(handler, 200, b'{"keys": {}}'), "not a JWK Set"),
    "not keys": (lambda handler: _send(handler, 200, b'{"keys": [1]}'), "not a JWK Set"),
    "many keys": (lambda handler: _send(handler, 200, json.dumps({"keys": [{}] * 51}).encode()), "at most 50"),
    "no usable key": (lambda handler: _send(handler, 200, b'{"keys": [{"kty": "RSA"}]}'), "no key for"),
    "one kid twice": (
        lambda handler: _send(handler, 200, json.dumps({"keys": [PAIR.classical_jwk] * 2}).encode()),
        "two keys alike",
    ),
    "a packed body": (lambda handler: _send(handler, 200, b"x", **{"Content-Encoding": "gzip"}), "compressed"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_an_answer_that_is_not_taken(name: str) -> None:
    answer, why = REFUSED[name]

    with _serving(answer) as server, pytest.raises(SyncFailed, match=why):
        await fetch_keys(server.url, allow_private=True)


async def test_a_provider_that_does_not_answer_holds_nobody_up() -> None:
    silent = socket.create_server(("127.0.0.1", 0))

    question = asking.Question(f"http://127.0.0.1:{silent.getsockname()[1]}/", seconds=0.1)

    with silent, pytest.raises(Unreachable, match=r"did not answer|cannot be reached"):
        async with asyncio.timeout(5):
            await asking.ask(question, allow_private=True)


async def test_a_provider_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(SyncFailed, match="cannot be reached: ConnectError"):
        await fetch_keys(f"http://127.0.0.1:{port}/", allow_private=True)


class _Server:
    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}/jwks"
        #: Path and `Host` of each request.
        self.asked: list[tuple[str, str]] = []


@contextmanager
def _serving(answer: Any, certificate: Path | None = None) -> Iterator[_Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append((self.path, self.headers["Host"]))
            answer(self)

        def log_message(self, *_: Any) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that hangs up is what some tests are about."""

    server = Quiet(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    made = _Server(server.server_address[1])
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(body: dict[str, Any]) -> Any:
    return lambda handler: _send(handler, 200, json.dumps(body).encode())


def _send(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def _redirect(handler: BaseHTTPRequestHandler) -> None:
    _send(handler, 302, b"", Location="http://169.254.169.254/latest/meta-data")


def _resolve(monkeypatch: pytest.MonkeyPatch, answers: list[list[str]]) -> list[str]:
    """Names resolve to these addresses, each look to the next; returns the names that were looked up."""
    looks: list[str] = []
    loop = asyncio.get_running_loop()
    real = loop.getaddrinfo

    async def getaddrinfo(host: str, port: int, **options: Any) -> Any:
        if not host.endswith(".example"):
            return await real(host, port, **options)
        looks.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in answers[len(looks) - 1]]

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    return looks
