"""The bundled pages and their assets."""

import gzip
import hashlib
import json
import re

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from app.console.pages import STATIC, page
from app.console.routes import page_endpoint, routes

MANIFEST = json.loads(STATIC.joinpath("manifest.json").read_bytes())
PAGES = ("graphiql.html", "api.html", "terminal.html")


@pytest.fixture
def client() -> TestClient:
    pages = [Route(f"/{name}", page_endpoint(name)) for name in PAGES]
    return TestClient(Starlette(routes=[*routes(), *pages]))


def test_the_manifest_lists_exactly_the_files_that_are_there() -> None:
    there = {entry.name for entry in STATIC.joinpath("assets").iterdir()}

    assert there == {f"{entry['file']}.gz" for entry in MANIFEST.values()}


@pytest.mark.parametrize("name", MANIFEST)
def test_an_asset_is_what_the_manifest_says(name: str) -> None:
    entry = MANIFEST[name]
    compressed = STATIC.joinpath("assets", f"{entry['file']}.gz").read_bytes()

    assert hashlib.sha256(gzip.decompress(compressed)).hexdigest() == entry["sha256"]
    assert entry["sha256"][:12] in entry["file"]
    assert compressed[3:8] == bytes(5), "a name or a time in the gzip header: the build is not repeatable"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_refers_to_nothing_outside(name: str) -> None:
    addresses = re.findall(r'(?:src|href|data-[a-z]+)="([^"]*)"', page(name).decode())

    assert addresses
    assert all(address.startswith("/") and not address.startswith("//") for address in addresses)


@pytest.mark.parametrize("name", PAGES)
def test_everything_that_a_page_loads_is_there(client: TestClient, name: str) -> None:
    for address in re.findall(r'"(/assets/[^"]*)"', page(name).decode()):
        assert client.get(address).status_code == 200


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_inline_script_and_says_so(client: TestClient, name: str) -> None:
    answer = client.get(f"/{name}")

    assert re.findall(r"<script(?![^>]* src=)", answer.text) == []
    assert "script-src 'self';" in answer.headers["content-security-policy"]
    assert "</template>" not in STATIC.joinpath("welcome.graphql").read_text()


def test_a_page_is_revalidated(client: TestClient) -> None:
    tag = client.get("/api.html").headers["etag"]

    assert client.get("/api.html", headers={"if-none-match": f'"other", W/{tag}'}).status_code == 304


def test_an_asset_comes_compressed_and_may_be_kept_forever(client: TestClient) -> None:
    answer = client.get(f"/assets/{MANIFEST['api.css']['file']}", headers={"accept-encoding": "br, gzip;q=0.5"})

    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["vary"] == "accept-encoding"


@pytest.mark.parametrize("accepted", ["", "identity", "gzip;q=0", "*;q=1, gzip;q=0", "gzip;q=nonsense"])
def test_a_client_without_gzip_gets_plain_bytes(client: TestClient, accepted: str) -> None:
    answer = client.get(f"/assets/{MANIFEST['api.js']['file']}", headers={"accept-encoding": accepted})

    assert "content-encoding" not in answer.headers
    assert hashlib.sha256(answer.content).hexdigest() == MANIFEST["api.js"]["sha256"]


def test_the_two_forms_of_an_asset_have_different_tags(client: TestClient) -> None:
    address = f"/assets/{MANIFEST['api.js']['file']}"
    compressed = client.get(address, headers={"accept-encoding": "gzip"}).headers["etag"]
    plain = client.get(address, headers={"accept-encoding": "identity"}).headers["etag"]

    assert compressed != plain
    assert client.get(address, headers={"accept-encoding": "gzip", "if-none-match": compressed}).status_code == 304


@pytest.mark.parametrize(
    "path",
    ["manifest.json", "../manifest.json", "..%2fmanifest.json", "%2e%2e/pages.py", "/etc/passwd", "api.css", "", "."],
)
def test_a_path_leads_nowhere_else(client: TestClient, path: str) -> None:
    assert client.get(f"/assets/{path}").status_code == 404


def test_the_licences_of_what_is_bundled_come_with_it() -> None:
    notices = STATIC.joinpath("THIRD_PARTY.txt").read_text(encoding="utf-8")

    for package in ("graphiql ", "monaco-editor ", "react ", "graphql-ws ", "swagger-ui-dist ", "@xterm/xterm "):
        assert f"\n  {package}" in notices
