"""Services from elsewhere: the files of a repository at a code host, or an image at Docker Hub."""

from __future__ import annotations

import asyncio
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.core.errors import NotFound, Unavailable
from app.core.ids import new_id
from app.git.cloning import Source, clone
from app.git.errors import RevisionNotFound
from app.git.paths import BadPath, check_path
from app.integrations.api import PRIVATE
from app.integrations.dockerhub import path_of
from app.integrations.errors import HostAddressRefused, HostUnreachable
from app.integrations.hosts import CloneAddress, HostedRepository
from app.integrations.models import CodeHost
from app.integrations.registry import ImageConfig
from app.integrations.service import Connections
from app.outbound.addresses import checked_address
from app.outbound.errors import PrivateAddress, Unreachable
from app.services.dockerfiles import is_ours
from app.services.errors import BadService, FolderTaken
from app.services.models import SessionService
from app.services.recognizing import recognize, service_name
from app.services.service import NewService, Services
from app.workspaces.sessions import WorkingCopy

_IMAGE = re.compile(r"[a-z0-9][a-z0-9._/-]{0,200}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
_EXPOSED = re.compile(r"(\d{1,5})(?:/tcp)?")
#: Ports on which HTTP is spoken as a rule.
_WEB = frozenset({80, 3000, 5000, 8000, 8080, 8888, 9000})


@dataclass(frozen=True, slots=True)
class RepositoryImport:
    """What of a repository is imported, and to where."""

    host: CodeHost
    repository: str
    #: A branch, tag or commit; the default branch when empty.
    ref: str = ""
    #: The new folder in the working copy; the repository's name when empty.
    directory: str = ""
    #: The folder of the repository that says how it is run.
    subfolder: str = ""
    #: Of a single service.
    name: str = ""
    #: The command that starts it, where the repository does not say.
    run: str = ""
    #: Brought by the first service.
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


class Imports:
    """What an actor imports into its sessions."""

    def __init__(self, services: Services, connections: Connections) -> None:
        self.services, self.connections = services, connections
        self.workspaces = services.parts.workspaces

    async def repository(self, session_id: str, wanted: RepositoryImport) -> list[SessionService]:
        """Puts a repository's files into a new folder of the working copy, and defines its services.

        They are changes of the working copy that nobody has committed yet, and nothing of them is run.
        """
        copy = await self.services.runtimes.sessions.working_copy(session_id)
        hosted = await self.connections.repository(wanted.host, wanted.repository)
        place = _place(wanted.directory or service_name(hosted.name))
        await asyncio.to_thread(_room, copy.folder, place)
        folder = self.workspaces.folders.root / new_id("imp")
        try:
            origin = await self._clone(folder, wanted, hosted)
            new = await asyncio.to_thread(_recognized, folder, wanted, hosted, place, origin)
            made = await self.services.create_all(session_id, new)
            await self._move_in(folder, copy, place)
        finally:
            self.workspaces.remove(folder)
        return made

    async def image(self, session_id: str, image: str, tag: str, name: str = "") -> list[SessionService]:
        """Defines a service that runs an image, with the ports and variables that it was built with."""
        if not _TAG.fullmatch(tag):
            raise BadService(f"{tag[:80]!r} is not a tag of an image.")
        if not _IMAGE.fullmatch(image):
            raise BadService(f"{image[:80]!r} is not the name of an image.")
        await self.services.runtimes.sessions.get(session_id)
        found = await self.connections.parts.images().tag(image, tag)
        config = await self._config(image, tag)
        definition = {
            "image": f"{image}:{tag}",
            "ports": _ports(config.ports),
            "env": {key: value for key, value in config.env.items() if _is_variable(key) and is_ours(key, value)},
            "description": " ".join(["Runs", *config.entrypoint, *config.command])[:1000] if config.command else "",
        }
        origin = f"dockerhub:{image}:{tag}{f'@{found.digest}' if found.digest else ''}"
        new = NewService(name or service_name(image.rpartition("/")[2]), definition, origin=origin)
        return [await self.services.create(session_id, new)]

    # Within.

    async def _clone(self, folder: Path, wanted: RepositoryImport, hosted: HostedRepository) -> str:
        ref = wanted.ref or hosted.default_branch
        if not ref:
            raise RevisionNotFound("The repository has no commits.")
        address = await self.connections.clone_address(wanted.host, hosted)
        commit = await clone(folder, await self._source(address), ref)
        return f"{wanted.host}:{hosted.full_name}@{commit}"

    async def _source(self, address: CloneAddress) -> Source:
        """The clone's address, its name resolved and checked once."""
        parts, allowed = urlsplit(address.url), self.connections.parts.allow_private
        host = parts.hostname or ""
        if parts.scheme != "https" and not allowed:
            raise HostAddressRefused("The repository is not cloned over https.")
        try:
            found = await checked_address(host, parts.port, parts.scheme, allow_private=allowed)
        except PrivateAddress as failure:
            raise HostUnreachable(PRIVATE) from failure
        except Unreachable as failure:
            raise HostUnreachable(f"The code host does not answer. {failure}") from failure
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return Source(address.url, found, host, port, address.header)

    async def _move_in(self, folder: Path, copy: WorkingCopy, place: str) -> None:
        async with self.workspaces.folders.turns.of(copy.session.id):
            await asyncio.to_thread(_rename, folder, copy.folder, place)

    async def _config(self, image: str, tag: str) -> ImageConfig:
        """What the image was built with, as far as its registry tells."""
        try:
            return await self.connections.parts.registry().config(path_of(image), tag)
        except (NotFound, Unavailable):
            return ImageConfig()


def _is_variable(name: str) -> bool:
    return _VARIABLE.fullmatch(name) is not None


def _place(directory: str) -> str:
    place = check_path(directory)
    if not place:
        raise BadPath("An import needs a folder of its own in the working copy.")
    return place


def _room(root: Path, place: str) -> Path:
    """Where the folder will be; raises `FolderTaken` where something is, or where a link is on the way."""
    target = root
    for part in place.split("/"):
        if target.is_symlink() or (target.exists() and not target.is_dir()):
            raise FolderTaken()
        target = target / part
    if target.is_symlink() or (target.exists() and (not target.is_dir() or any(target.iterdir()))):
        raise FolderTaken()
    return target


def _rename(folder: Path, root: Path, place: str) -> None:
    target = _room(root, place)
    target.parent.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    folder.rename(target)


def _recognized(
    folder: Path, wanted: RepositoryImport, hosted: HostedRepository, place: str, origin: str
) -> list[NewService]:
    subfolder = check_path(wanted.subfolder)
    name = wanted.name or service_name(posixpath.basename(subfolder) or hosted.name)
    if wanted.run:
        services: dict[str, dict[str, Any]] = {name: {"run": wanted.run, "ports": ["http"]}}
    else:
        services = recognize(folder, subfolder, name).services
    first, *others = [
        NewService(
            each, {**definition, "working_dir": _within(place, subfolder, definition.get("working_dir"))}, origin=origin
        )
        for each, definition in services.items()
    ]
    return [replace(first, secrets=wanted.secrets), *others]


def _within(place: str, subfolder: str, working_dir: str | None) -> str:
    """Refused later where it leaves the imported folder: then it is told as it was written."""
    given = working_dir or ""
    inside = posixpath.normpath(posixpath.join(place, subfolder, given))
    return inside if inside == place or inside.startswith(f"{place}/") else f"../{given}"


def _ports(exposed: Iterable[str]) -> list[dict[str, Any]]:
    numbers = sorted({int(match[1]) for text in exposed if (match := _EXPOSED.fullmatch(text))})
    return [
        {"port": number, "protocol": "http" if number in _WEB else "tcp"} for number in numbers if 1 <= number <= 65_535
    ][:50]
