"""The bundled pages: GraphiQL, the viewer of the REST API, the terminal. Nothing in them is loaded from elsewhere."""

import gzip
import html
import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

STATIC: Traversable = files("app.console").joinpath("static")

#: Sent with each page as Content-Security-Policy. Monaco and Swagger UI write style elements, hence 'unsafe-inline',
#: and have small pictures and fonts in data: addresses. No script is inline and none is evaluated.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


@dataclass(frozen=True, slots=True)
class Asset:
    """A built file; its name holds a hash of its contents, so it may be kept forever."""

    name: str
    sha256: str
    compressed: bytes

    def plain(self) -> bytes:
        return gzip.decompress(self.compressed)


@cache
def page(name: str) -> bytes:
    """The HTML of `graphiql.html` and the like; the names of assets and the texts that it mentions are filled in."""
    template = STATIC.joinpath(name).read_text(encoding="utf-8")
    return re.sub(r"\{([a-z-]+\.[a-z]+)\}", lambda found: _mentioned(found[1]), template).encode()


def asset(name: str) -> Asset | None:
    """The asset that is served under this name. Only what the manifest lists exists: a path can lead nowhere else."""
    return _load(name) if name in _by_served_name() else None


@cache
def _load(name: str) -> Asset:
    compressed = STATIC.joinpath("assets", f"{name}.gz").read_bytes()
    return Asset(name=name, sha256=_by_served_name()[name]["sha256"], compressed=compressed)


def _mentioned(name: str) -> str:
    if name in _manifest():
        return _manifest()[name]["file"]
    return html.escape(STATIC.joinpath(name).read_text(encoding="utf-8"))


@cache
def _manifest() -> dict[str, dict[str, str]]:
    manifest: dict[str, dict[str, str]] = json.loads(STATIC.joinpath("manifest.json").read_bytes())
    return manifest


@cache
def _by_served_name() -> dict[str, dict[str, str]]:
    return {entry["file"]: entry for entry in _manifest().values()}
