"""What the code hosts of `code_hosts` give out: repositories over git's own HTTP backend, and images of a registry."""

from __future__ import annotations

import atexit
import base64
import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support.serving import Client

ROOT = Path(tempfile.mkdtemp(prefix="published-"))
atexit.register(shutil.rmtree, ROOT, ignore_errors=True)
OWNER = "published"
TOKEN = "good-token"
#: What answers when a client asks for an image's manifest without one.
REGISTRY_TOKEN = "anonymous-token"
Links = Mapping[str, str]


def publish(name: str, files: Mapping[str, str], links: Links | None = None) -> str:
    """A repository with one commit on `main`, and a tag `v1`; returns the commit."""
    work, bare = ROOT / "work" / name, ROOT / f"{name}.git"
    for old in (work, bare):
        shutil.rmtree(old, ignore_errors=True)
    for path, content in files.items():
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_text(content)
    for path, target in (links or {}).items():
        (work / path).symlink_to(target)
    for words in (["init", "-q", "-b", "main"], ["add", "--all"], ["commit", "-q", "-m", "All"], ["tag", "v1"]):
        _git(work, *words)
    _git(work, "clone", "-q", "--bare", ".", str(bare))
    return _git(work, "rev-parse", "HEAD")


def _git(folder: Path, *words: str) -> str:
    author = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    return subprocess.run(
        ["git", *author, *words], cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()


def is_published(full_name: str) -> bool:
    """Whether `published/<name>` is there."""
    owner, _, name = full_name.partition("/")
    return owner == OWNER and (ROOT / f"{name}.git").is_dir()


async def connect(client: Client, host: str) -> None:
    """Connects the client's organization to a code host."""
    answer = await client.post(f"/api/v1/{host}", json={"token": TOKEN})
    assert answer.status_code in (201, 409), answer.text


def serve_git(handler: BaseHTTPRequestHandler) -> None:
    """`/git/<name>.git/…`, for who sends the token, by `git http-backend` (a CGI program)."""
    parts = urlsplit(handler.path)
    given = handler.headers.get("Authorization", "").removeprefix("Basic ")
    if base64.b64decode(given or "").decode().partition(":")[2] != TOKEN:
        return _send(handler, 401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
    length = int(handler.headers.get("Content-Length", "0"))
    variables = {
        "GIT_PROJECT_ROOT": str(ROOT),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": parts.path.removeprefix("/git"),
        "QUERY_STRING": parts.query,
        "REQUEST_METHOD": handler.command,
        "CONTENT_TYPE": handler.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(length),
        "HTTP_CONTENT_ENCODING": handler.headers.get("Content-Encoding", ""),
        "GIT_PROTOCOL": handler.headers.get("Git-Protocol", ""),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        "PATH": "/usr/bin:/bin:/usr/local/bin",
    }
    body = _body(handler, length)
    answer = subprocess.run(["git", "http-backend"], input=body, env=variables, capture_output=True, check=False).stdout
    head, _, content = answer.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
    status = int(headers.pop("Status", "200 OK").split()[0])
    _send(handler, status, headers, content)
    return None


def _body(handler: BaseHTTPRequestHandler, length: int) -> bytes:
    if handler.headers.get("Transfer-Encoding") != "chunked":
        return handler.rfile.read(length)
    body = b""
    while size := int(handler.rfile.readline(), 16):
        body += handler.rfile.read(size)
        handler.rfile.readline()
    handler.rfile.readline()
    return body


def _send(handler: BaseHTTPRequestHandler, status: int, headers: Mapping[str, str], content: bytes) -> None:
    handler.send_response(status)
    for key, value in {**headers, "Content-Length": str(len(content))}.items():
        handler.send_header(key, value)
    handler.end_headers()
    handler.wfile.write(content)


# A registry.

CONFIG = {
    "architecture": "amd64",
    "os": "linux",
    "config": {
        "ExposedPorts": {"5432/tcp": {}, "8080/tcp": {}, "53/udp": {}},
        "Env": ["PATH=/usr/bin", "PG_MAJOR=18", "LANG=en_US.utf8", "ODD=$x"],
        "Entrypoint": ["docker-entrypoint.sh"],
        "Cmd": ["postgres"],
    },
}


def _digest(found: Any) -> str:
    return "sha256:" + hashlib.sha256(json.dumps(found).encode()).hexdigest()


MANIFEST = {"schemaVersion": 2, "config": {"digest": _digest(CONFIG), "size": 1}, "layers": []}
INDEX = {
    "schemaVersion": 2,
    "manifests": [
        {"digest": "sha256:" + "0" * 64, "platform": {"os": "windows", "architecture": "amd64"}},
        {"digest": _digest(MANIFEST), "platform": {"os": "linux", "architecture": "amd64"}},
    ],
}


def registry(address: str, path: str, headers: Any) -> tuple[int, dict[str, str], Any]:
    """What the registry answers: a token for anybody, an index, a manifest, and a blob that lies elsewhere."""
    if path == "/token":
        return 200, {}, {"token": REGISTRY_TOKEN}
    if path == "/elsewhere":
        return 200, {}, CONFIG
    if headers.get("Authorization") != f"Bearer {REGISTRY_TOKEN}":
        scope = 'service="registry",scope="repository:library/postgres:pull"'
        return 401, {"WWW-Authenticate": f'Bearer realm="{address}/registry/token",{scope}'}, {"errors": []}
    image = "/v2/library/postgres"
    if path == f"{image}/blobs/{_digest(CONFIG)}":
        return 307, {"Location": f"{address.replace('127.0.0.1', 'localhost')}/registry/elsewhere"}, {}
    found = {f"{image}/manifests/18": INDEX, f"{image}/manifests/{_digest(MANIFEST)}": MANIFEST}.get(path)
    return (200, {}, found) if found else (404, {}, {"errors": [{"code": "MANIFEST_UNKNOWN"}]})
