"""What the `env` commands do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.blueprints.templates import template
from app.cli import output
from app.cli.api import Api, ServerError
from app.cli.durations import seconds
from app.cli.exits import CliError, Exit, this_command
from app.cli.problems import read_source, show_problems
from app.cli.progress import display
from app.cli.waiting import GONE, UP, WaitFailed, explain, wait
from app.cli.where import Where
from app.core.errors import NotFound
from app.core.ids import is_id

Json = dict[str, Any]


def find(api: Api, name: str) -> str:
    """The id of an environment that is named by its id, or by a name that only one has."""
    if is_id(name, "env"):
        return name
    found = [node for node in _all(api) if node["name"] == name and node["status"] != GONE]
    if len(found) == 1:
        return str(found[0]["id"])
    if not found:
        raise CliError(f"No environment is called {name!r}.", api.where.command("env", "list"))
    candidates = "\n".join(f"  {node['id']}  {node['status'].lower()}" for node in found)
    raise CliError(
        f"{len(found)} environments are called {name!r}:\n{candidates}",
        api.where.command("env", "get", found[0]["id"]),
        exit_code=Exit.USAGE,
    )


def _all(api: Api) -> Iterator[Json]:
    after = None
    while True:
        page = api.run("FindEnvironments", after=after)
        yield from page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return
        after = page["pageInfo"]["endCursor"]


@dataclass(frozen=True, slots=True)
class Request:
    """What `env create` was asked for."""

    file: str | None
    template: str | None
    name: str | None = None
    auto_shutdown: str | None = None
    secrets: Sequence[str] = ()
    secret_files: Sequence[str] = ()
    isolation: str | None = None

    def source(self) -> tuple[str, str]:
        """The name to show and the text of the Blueprint."""
        if (self.file is None) == (self.template is None):
            raise CliError(
                "Name a Blueprint file, or a template with --template.",
                f"{this_command()} env create --template hello",
                exit_code=Exit.USAGE,
            )
        if self.file is not None:
            return read_source(self.file)
        try:
            return f"template {self.template}", template(str(self.template)).source
        except NotFound as error:
            raise CliError(error.message, f"{this_command()} blueprint templates", exit_code=Exit.USAGE) from None

    def input(self, source: str) -> Json:
        """The input of the mutation."""
        given = {
            "blueprint": source,
            "name": self.name,
            "autoShutdown": self.auto_shutdown,
            "secrets": [{"name": name, "value": value} for name, value in self._secrets()] or None,
            "isolation": self.isolation.upper() if self.isolation else None,
        }
        return {key: value for key, value in given.items() if value is not None}

    def _secrets(self) -> Iterator[tuple[str, str]]:
        for text in self.secrets:
            yield _pair(text, "--secret NAME=VALUE")
        for text in self.secret_files:
            name, path = _pair(text, "--secret-file NAME=PATH")
            try:
                yield name, Path(path).read_text("utf-8").removesuffix("\n")
            except (OSError, UnicodeDecodeError):
                raise CliError(f"The secret file {path} cannot be read.", exit_code=Exit.USAGE) from None


def _pair(text: str, form: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        # What stands there may be the secret itself, so it is not shown.
        raise CliError(f"A secret is given as {form}.", exit_code=Exit.USAGE)
    return name, value


def create(where: Where, request: Request, *, waits: bool, timeout: str, as_json: bool) -> None:
    """`env create`."""
    limit = seconds(timeout, "--timeout")
    file, source = request.source()
    given = request.input(source)
    with Api(where) as api:
        try:
            environment = api.run("CreateEnvironment", input=given)
        except ServerError as error:
            if error.code.startswith("BLUEPRINT_") and error.extensions.get("problems"):
                show_problems(file, source, error.extensions["problems"])
                raise CliError(
                    f"{file} does not validate.", f"{this_command()} blueprint schema   tells what may be written"
                ) from None
            raise
        output.note(f"{environment['name']} is requested: {environment['id']}")
        _finish(api, environment, UP if waits else None, limit, as_json)


def change(
    where: Where, operation: str, name: str, wanted: str | None, timeout: str, *, as_json: bool, **more: Any
) -> None:
    """A mutation on one environment; waits until it is `wanted`."""
    limit = seconds(timeout, "--timeout")
    with Api(where) as api:
        environment = api.run(operation, id=find(api, name), **more)
        _finish(api, environment, wanted, limit, as_json)


def _finish(api: Api, environment: Json, wanted: str | None, limit: float, as_json: bool) -> None:
    try:
        if wanted is not None:
            environment = wait(api, environment, wanted, display(environment["name"]), limit)
    except WaitFailed as failure:
        if as_json:
            output.write_json(failure.environment)
        explain(api, failure)
        raise
    if as_json:
        output.write_json(environment)
    else:
        output.show_environment(environment)
    if wanted is None and not as_json:
        output.note(f"next: {api.where.command('env', 'get', environment['id'])}")


def get(where: Where, name: str, *, as_json: bool) -> None:
    """`env get`."""
    with Api(where) as api:
        environment = api.run("GetEnvironment", id=find(api, name))
        if environment is None:
            raise CliError(f"No environment has the id {name}.", where.command("env", "list"))
    if as_json:
        output.write_json(environment)
    else:
        output.show_environment(environment)


def show_list(where: Where, status: str | None, limit: int, *, as_json: bool) -> None:
    """`env list`."""
    found: list[Json] = []
    after = None
    with Api(where) as api:
        while len(found) < limit:
            first = min(100, limit - len(found))
            page = api.run("ListEnvironments", first=first, after=after, status=status.upper() if status else None)
            found += page["nodes"]
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                break
    if as_json:
        output.write_json(found)
    elif not found:
        output.note(f"There are no environments{f' that are {status}' if status else ''}.")
        output.note(f"next: {where.command('env', 'create', '--template', 'hello')}")
    else:
        # On a narrow terminal the address would push out the name.
        columns = 6 if output.out().width >= 100 else 5
        headings = ("ID", "NAME", "STATUS", "READY", "AGE", "ADDRESS")
        output.table(headings[:columns], (_row(environment)[:columns] for environment in found))


def _row(environment: Json) -> list[Any]:
    services = environment["services"]
    ready, total = (sum(service[key] for service in services) for key in ("readyReplicas", "replicas"))
    over = environment["status"] in ("STOPPED", GONE)
    return [
        environment["id"],
        environment["name"],
        output.status(environment["status"]),
        f"{0 if over else ready}/{total}",
        output.ago(environment["createdAt"]),
        "" if over else environment["url"] or "",
    ]
