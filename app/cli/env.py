"""The `env` commands: what they take, and their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import DEFAULT_DATA_DIR, ApiKey, DataDir, Json, Name, Url
from app.cli.where import where

env = typer.Typer(
    help="Bring up environments, watch them, end them.\n\n\b\nExample:\n  soundstage env create --template hello",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Return when it is done.")]
Timeout = Annotated[str, typer.Option(metavar="DURATION", help="How long to wait at most.")]


@env.command()
def create(
    file: Annotated[
        str | None, typer.Argument(metavar="FILE", help="The Blueprint, YAML or JSON; - for standard input.")
    ] = None,
    template: Annotated[str | None, typer.Option(metavar="ID", help="A bundled Blueprint in place of a file.")] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="The name; the Blueprint's by default.")] = None,
    auto_shutdown: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Stop by itself this long after it was ready: 4h.")
    ] = None,
    secret: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="The value of ${secrets.NAME}; may be repeated.")
    ] = None,
    secret_file: Annotated[
        list[str] | None, typer.Option(metavar="NAME=PATH", help="The same, read from a file; may be repeated.")
    ] = None,
    isolation: Annotated[
        str | None, typer.Option(metavar="LEVEL", help="Demand namespace, landlock or plain; the strongest by default.")
    ] = None,
    wait: Wait = True,
    timeout: Timeout = "5m",
    json: Json = False,
    url: Url = None,
    api_key: ApiKey = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Bring up an environment, and show how it goes.

    \b
    Example:
      soundstage env create --template hello --name first --auto-shutdown 4h
    """
    from app.cli.environments import Request
    from app.cli.environments import create as do

    request = Request(file, template, name, auto_shutdown, secret or (), secret_file or (), isolation)
    do(where(url, api_key, data_dir), request, waits=wait, timeout=timeout, as_json=json)


@env.command("list")
def list_(
    status: Annotated[str | None, typer.Option(metavar="STATUS", help="Only those: running, stopped, failed …")] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="How many at most.")] = 100,
    json: Json = False,
    url: Url = None,
    api_key: ApiKey = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """List environments, newest first.

    \b
    Example:
      soundstage env list --status running --json
    """
    from app.cli.environments import show_list

    show_list(where(url, api_key, data_dir), status, limit, as_json=json)


@env.command()
def get(
    name: Name, json: Json = False, url: Url = None, api_key: ApiKey = None, data_dir: DataDir = DEFAULT_DATA_DIR
) -> None:
    """Show an environment, its services and where each is reached.

    \b
    Example:
      soundstage env get sample
    """
    from app.cli.environments import get as do

    do(where(url, api_key, data_dir), name, as_json=json)


@env.command()
def logs(
    name: Name,
    service: Annotated[str | None, typer.Option(metavar="SERVICE", help="Only this service.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = False,
    tail: Annotated[int, typer.Option(metavar="N", help="How many of the last lines: 1 to 10000.")] = 100,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only later lines: 10m ago, or a time in ISO 8601.")
    ] = None,
    timestamps: Annotated[bool, typer.Option("--timestamps", help="Show when each line was written.")] = False,
    json: Json = False,
    url: Url = None,
    api_key: ApiKey = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Print what services write; with --json one object a line.

    \b
    Example:
      soundstage env logs sample --service api --tail 20 --follow
    """
    from app.cli.durations import moment
    from app.cli.logs import Printer, show_logs

    at = where(url, api_key, data_dir)
    not_before = moment(since, "--since") if since else None
    printer = Printer(prefix=service is None, timestamps=timestamps, as_json=json)
    show_logs(at, name, printer, service=service, tail=tail, since=not_before, follow=follow)


def _change(
    operation: str, wanted: str, name: str, at: tuple[str | None, str | None, Path], how: tuple[bool, str, bool]
) -> None:
    from app.cli.environments import change

    wait, timeout, json = how
    change(where(*at), operation, name, wanted if wait else None, timeout, as_json=json)


@env.command()
def stop(
    name: Name,
    wait: Wait = False,
    timeout: Timeout = "5m",
    json: Json = False,
    url: Url = None,
    api_key: ApiKey = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Stop all services; folders, volumes and ports are kept.

    \b
    Example:
      soundstage env stop sample --wait
    """
    _change("StopEnvironment", "STOPPED", name, (url, api_key, data_dir), (wait, timeout, json))


@env.command()
def resume(
    name: Name,
    wait: Wait = False,
    timeout: Timeout = "5m",
    json: Json = False,
    url: Url = None,
    api_key: ApiKey = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Bring a stopped environment up again where it left off.

    \b
    Example:
      soundstage env resume sample --wait
    """
    _change("ResumeEnvironment", "RUNNING", name, (url, api_key, data_dir), (wait, timeout, json))


@env.command()
def retry(
    name: Name,
    wait: Wait = False,
    timeout: Timeout = "5m",
    json: Json = False,
    url: Url = None,
    api_key: ApiKey = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Start what failed afresh, at once; what runs is left alone.

    \b
    Example:
      soundstage env retry sample --wait
    """
    _change("RetryEnvironment", "RUNNING", name, (url, api_key, data_dir), (wait, timeout, json))


@env.command()
def delete(
    name: Name,
    wait: Wait = False,
    timeout: Timeout = "5m",
    json: Json = False,
    url: Url = None,
    api_key: ApiKey = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """End everything of an environment, its data included.

    \b
    Example:
      soundstage env delete sample --wait
    """
    _change("DeleteEnvironment", "TERMINATED", name, (url, api_key, data_dir), (wait, timeout, json))


@env.command()
def scale(
    name: Name,
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="The service's name in the Blueprint.")],
    replicas: Annotated[int, typer.Argument(metavar="N", help="0 to 20.")],
    json: Json = False,
    url: Url = None,
    api_key: ApiKey = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Set how many replicas of a service run.

    \b
    Example:
      soundstage env scale sample worker 3
    """
    from app.cli.environments import change

    given = {"service": service, "replicas": replicas}
    change(where(url, api_key, data_dir), "ScaleService", name, None, "5m", as_json=json, input=given)
