"""`serve --demo`: an organization with a key, a sample environment, and what to try first."""

from __future__ import annotations

import shlex
import threading
from pathlib import Path
from typing import Any

from rich.text import Text

from app.blueprints.templates import templates
from app.cli import output
from app.cli.api import Api, Json
from app.cli.exits import CliError, this_command
from app.cli.founding import found
from app.cli.progress import display
from app.cli.waiting import GONE, UP, WaitFailed, explain, wait
from app.cli.where import Where, credentials_file, read_json, write_private
from app.core.errors import SoundstageError
from app.identity.service import authenticate
from app.main import Server

SAMPLE = "sample"
_PREFERRED = ("shop", "hello")
_LIMIT = 120.0


class Demo:
    """Brings up the sample through the server's own API, in a thread beside the server."""

    def __init__(self, where: Where, data_dir: Path, *, pages: bool) -> None:
        self._where, self._data_dir, self._pages = where, data_dir, pages
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="demo", daemon=True)

    @classmethod
    async def prepare(cls, server: Server, url: str) -> Demo:
        """Makes the demo organization on the first start, and keeps its key in credentials.json."""
        data_dir = server.settings.data_dir
        file = credentials_file(data_dir)
        credentials = read_json(file)
        if not await _is_valid(server, credentials.get("api_key")):
            credentials = await found(server.database, name="Demo")
        write_private(file, {**credentials, "url": url})
        return cls(Where(url, credentials["api_key"]), data_dir, pages=not server.settings.production)

    def begin(self) -> None:
        """Returns at once."""
        self._thread.start()

    def end(self) -> None:
        """The server stops, so what still goes on here is of no interest any more."""
        self._stopped = True

    def _run(self) -> None:
        try:
            with Api(self._where) as api:
                sample = self._sample(api)
            if not self._stopped:
                self._show(sample)
        except CliError as error:
            if not self._stopped:
                output.complain(error)

    def _sample(self, api: Api) -> Json | None:
        environment = _present(api) or _create(api)
        if environment is None:
            return None
        try:
            return wait(api, environment, UP, display(SAMPLE), _LIMIT)
        except WaitFailed as failure:
            if not self._stopped:
                explain(api, failure)
                output.complain(failure)
            return None

    def _show(self, sample: Json | None) -> None:
        url, key = self._where.url, self._where.api_key
        options = f" --data-dir {shlex.quote(str(self._data_dir))}" if str(self._data_dir) != ".soundstage" else ""
        command = this_command()
        lines: list[Text] = [Text("\nSoundstage is ready.\n", "bold green")]
        if sample is not None and sample["url"]:
            lines.append(_address("The sample", sample["url"]))
        if self._pages:
            lines += [_address("GraphiQL", f"{url}/graphql#key={key}"), _address("API reference", f"{url}/docs")]
        bearer = f"-H 'Authorization: Bearer {key}'"
        query = '{"query":"{ environments(first: 5) { nodes { name status url services { name status url } } } }"}'
        lines += [
            Text("\nList the environments by REST:", "bold"),
            Text(f"curl -s {url}/v1/environments {bearer}"),
            Text("\nAsk for exactly what you need by GraphQL:", "bold"),
            Text(f"curl -s {url}/graphql {bearer} -H 'Content-Type: application/json' -d '{query}'"),
            Text("\nOn the command line:", "bold"),
            Text(f"{command} env list{options}"),
            Text(f"{command} env logs {SAMPLE} --follow{options}"),
            Text("\nCtrl-C stops the server; the services keep running. This stops everything:", "bold"),
            Text(f"{command} down{options}\n"),
        ]
        for line in lines:
            output.out().print(line, soft_wrap=True)
        output.out().file.flush()


def _address(label: str, url: str) -> Text:
    return Text.assemble((f"{label:<14}", "bold"), (url, "cyan"))


async def _is_valid(server: Server, key: Any) -> bool:
    try:
        return bool(key) and bool(await authenticate(server.database, str(key)))
    except SoundstageError:
        return False


def _present(api: Api) -> Json | None:
    """The sample of an earlier start, brought up again where it is down."""
    page = api.run("ListEnvironments", first=100)
    environment: Json | None = next(
        (node for node in page["nodes"] if node["name"] == SAMPLE and node["status"] not in (GONE, "DELETING")), None
    )
    if environment is None:
        return None
    if environment["desiredStatus"] == "STOPPED":
        return dict(api.run("ResumeEnvironment", id=environment["id"]))
    if environment["status"] in ("FAILED", "DEGRADED"):
        return dict(api.run("RetryEnvironment", id=environment["id"]))
    return environment


def _create(api: Api) -> Json | None:
    known = {found.id: found.source for found in templates()}
    source = next((known[name] for name in _PREFERRED if name in known), None)
    if source is None:
        return None
    return dict(api.run("CreateEnvironment", input={"blueprint": source, "name": SAMPLE}))
