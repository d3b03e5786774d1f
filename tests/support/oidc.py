"""OpenID providers for tests: a real one on Node, and one that misbehaves as it is told."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from app.core.clock import now
from tests.support.node import CLIENTS, node

CLIENT_ID, CLIENT_SECRET = "soundstage", "a secret: 50% & more"


@contextmanager
def real_provider(redirect: str, domain: str) -> Iterator[str]:
    """The issuer of a running oidc-provider, for one test."""
    order = {"redirect": redirect, "domain": domain}
    with subprocess.Popen(
        [node(), CLIENTS / "oidc.mjs", json.dumps(order)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as started:
        assert started.stdout is not None
        assert started.stdin is not None
        try:
            yield json.loads(started.stdout.readline())["issuer"]
        finally:
            started.stdin.close()
            started.wait(20)


class FakeProvider:
    """An OpenID provider whose every answer a test can change; counts what it is asked."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256", {"kid": "one"})
        self.signing: Any = self.key
        self.header: dict[str, Any] = {"alg": "ES256", "kid": "one"}
        #: Over the claims that are right; None leaves one out.
        self.claims: dict[str, Any] = {}
        self.id_token: str | None = None
        self.userinfo: dict[str, Any] = {}
        self.configuration: dict[str, Any] = {}
        self.nonce = ""
        self.down = False
        self.asked: list[str] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self._answer()

            def _answer(self) -> None:
                path = urlsplit(self.path).path
                provider.asked.append(path)
                body = json.dumps(provider.answer(path)).encode()
                self.send_response(503 if provider.down else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> FakeProvider:
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, path: str) -> dict[str, Any]:
        """The body of an endpoint."""
        if path == "/jwks":
            return dict(KeySet([self.key]).as_dict())
        if path == "/token":
            return {"access_token": "at", "token_type": "Bearer", "id_token": self.id_token or self.signed()}
        if path == "/userinfo":
            return self.userinfo
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "id_token_signing_alg_values_supported": ["ES256", "HS256", "none"],
            "authorization_response_iss_parameter_supported": True,
            **self.configuration,
        }

    def all_claims(self) -> dict[str, Any]:
        """What the ID token says."""
        moment = int(now().timestamp())
        right = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": "subject",
            "iat": moment,
            "exp": moment + 300,
            "nonce": self.nonce,
            **self.claims,
        }
        return {name: value for name, value in right.items() if value is not None}

    def signed(self) -> str:
        """The ID token."""
        return jwt.encode(self.header, self.all_claims(), self.signing, algorithms=["ES256", "HS256", "none"])

    def approve(self, url: str) -> dict[str, str]:
        """What the person's browser brings back after it was sent to `url`: parameters of the callback."""
        query = parse_qs(urlsplit(url).query)
        self.nonce = query["nonce"][0]
        return {"state": query["state"][0], "code": "code", "iss": self.issuer}
