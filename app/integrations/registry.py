"""What an image's registry says of an image: the ports, variables and command that it was built with.

The distribution API (https://github.com/opencontainers/distribution-spec); Docker Hub gives a token for it to anybody.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import orjson

from app.integrations.errors import HostAnswerUnknown, HostHasNone, HostUnreachable
from app.outbound.asking import Answer, Question, ask
from app.outbound.errors import Unreachable

BASE_URL = "https://registry-1.docker.io"
SECONDS, MOST_BYTES, MOST_REDIRECTS = 15.0, 4 * 1024 * 1024, 3
_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What an image was built with."""

    #: `5432/tcp`.
    ports: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()


@dataclass(frozen=True)
class Registry:
    """`await Registry(BASE_URL).config("library/postgres", "18")`."""

    base_url: str = BASE_URL
    allow_private: bool = False

    async def config(self, path: str, tag: str) -> ImageConfig:
        """An image's configuration for this machine's architecture; raises what hosts raise."""
        url, headers = f"{self.base_url}/v2/{path}", {"Accept": ", ".join(_MANIFESTS)}
        answer = await self._ask(f"{url}/manifests/{tag}", headers)
        if answer.status == 401:
            headers["Authorization"] = f"Bearer {await self._token(answer.headers.get('www-authenticate', ''))}"
            answer = await self._ask(f"{url}/manifests/{tag}", headers)
        manifest = _read(answer)
        if "manifests" in manifest:
            manifest = _read(await self._ask(f"{url}/manifests/{_of_this_machine(manifest)}", headers))
        blob = f"{url}/blobs/{_digest(manifest.get('config'))}"
        return _config(_read(await self._followed(blob, headers)))

    async def _token(self, challenge: str) -> str:
        """What anybody gets for reading: as the registry itself says where."""
        asked = dict(_CHALLENGE.findall(challenge))
        realm = asked.pop("realm", "")
        if not challenge.lower().startswith("bearer ") or urlsplit(realm).scheme not in self._schemes:
            raise HostAnswerUnknown()
        found = _read(await self._ask(f"{realm}?{urlencode(asked)}", {}))
        token = found.get("token") or found.get("access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise HostAnswerUnknown()
        return token

    @property
    def _schemes(self) -> tuple[str, ...]:
        return ("https", "http") if self.allow_private else ("https",)

    async def _followed(self, url: str, headers: Mapping[str, str]) -> Answer:
        """Blobs may lie elsewhere; the token does not go there."""
        for _ in range(MOST_REDIRECTS):
            answer = await self._ask(url, headers)
            if answer.status not in (301, 302, 303, 307, 308):
                return answer
            target = urljoin(url, answer.headers.get("location", ""))
            if urlsplit(target).scheme not in self._schemes:
                raise HostAnswerUnknown()
            if urlsplit(target).netloc != urlsplit(url).netloc:
                headers = {}
            url = target
        raise HostAnswerUnknown()

    async def _ask(self, url: str, headers: Mapping[str, str]) -> Answer:
        question = Question(url, headers=headers, seconds=SECONDS, most_bytes=MOST_BYTES)
        try:
            return await ask(question, allow_private=self.allow_private)
        except Unreachable as failure:
            raise HostUnreachable(f"The image's registry does not answer. {failure}") from failure


def _read(answer: Answer) -> dict[str, Any]:
    if answer.status == 404:
        raise HostHasNone()
    if answer.status != 200:
        raise HostUnreachable(f"The image's registry answers with status {answer.status}.")
    try:
        found = orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        raise HostAnswerUnknown() from error
    if not isinstance(found, dict):
        raise HostAnswerUnknown()
    return found


def _of_this_machine(index: Mapping[str, Any]) -> str:
    wanted = _ARCHITECTURES.get(platform.machine(), platform.machine())
    images = [each for each in index["manifests"] if isinstance(each, dict)] if index["manifests"] else []
    linux = [each for each in images if (each.get("platform") or {}).get("os") == "linux"]
    fitting = [each for each in linux if each["platform"].get("architecture") == wanted]
    return _digest(next(iter(fitting or linux or images), None))


def _digest(found: Any) -> str:
    digest = found.get("digest") if isinstance(found, dict) else None
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise HostAnswerUnknown()
    return digest


def _config(found: Mapping[str, Any]) -> ImageConfig:
    config = found.get("config")
    if not isinstance(config, dict):
        return ImageConfig()
    pairs = [text.partition("=") for text in _texts(config.get("Env"))]
    ports = config.get("ExposedPorts")
    return ImageConfig(
        ports=tuple(sorted(ports)) if isinstance(ports, dict) else (),
        env={name: value for name, _, value in pairs},
        entrypoint=_texts(config.get("Entrypoint")),
        command=_texts(config.get("Cmd")),
    )


def _texts(found: Any) -> tuple[str, ...]:
    return tuple(each for each in found if isinstance(each, str)) if isinstance(found, list) else ()
