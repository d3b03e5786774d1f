"""The command `soundstage`. Commands import what they need when they run, so that `--help` is fast."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from app.cli.audit import audit
from app.cli.blueprint import blueprint
from app.cli.env import env
from app.cli.exits import MEANINGS, CliError, Exit
from app.cli.keys import keys
from app.cli.options import DEFAULT_DATA_DIR, DataDir, Json

_CODES = "\n".join(f"  {code.value:>3}  {meaning}" for code, meaning in MEANINGS.items())
_EPILOG = f"""\b
Exit codes:
{_CODES}

\b
Start here:
  soundstage serve --demo
  soundstage env list
"""

app = typer.Typer(
    name="soundstage",
    help="A self-hosted control plane for development environments.\n\n"
    "Data is printed on standard output, everything else on standard error. NO_COLOR is honoured.",
    epilog=_EPILOG,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from app.observability.health import VERSION

        typer.echo(f"soundstage {VERSION}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def serve(
    host: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="The address to listen on.  [default: 127.0.0.1]")
    ] = None,
    port: Annotated[
        int | None, typer.Option(metavar="PORT", help="The port; 0 for any free one.  [default: 8000]")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where everything is kept.  [default: .soundstage]")
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Make a key, bring up a sample environment, and show what to try.")
    ] = False,
    production: Annotated[
        bool | None,
        typer.Option("--production", show_default=False, help="Turn introspection, GraphiQL and the API viewer off."),
    ] = None,
) -> None:
    """Run the server.

    SIGTERM and Ctrl-C end it within 10 seconds; services keep running, and the next server finds them again.
    Each option, and more, can be set by a variable: SOUNDSTAGE_HOST, SOUNDSTAGE_PORT, SOUNDSTAGE_DATA_DIR,
    SOUNDSTAGE_DATABASE_URL, SOUNDSTAGE_LOG_LEVEL and so on.

    \b
    Example:
      soundstage serve --demo --port 8000
    """
    gc.disable()  # a fifth of a second of the start; the server switches it on again once it is there
    from app.cli import serving
    from app.cli.settings import read_settings

    settings = read_settings(host=host, port=port, data_dir=data_dir, production=production)
    serving.serve(settings, demo=demo)


@app.command()
def init(
    data_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The data directory; made when missing.  [default: .soundstage]")
    ] = None,
    name: Annotated[str, typer.Option(metavar="NAME", help="The organization's name.")] = "Organization",
    email: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="The owner's address.  [default: a new one that reaches nobody]"),
    ] = None,
    plan: Annotated[str, typer.Option(metavar="PLAN", help="free, pro or enterprise.")] = "enterprise",
    json: Json = False,
) -> None:
    """Make an organization, its owner and an API key.

    Writes to the database, with no server running or beside one. Each call makes a new organization.

    \b
    Example:
      soundstage init --name Studio --json
    """
    from app.cli import founding
    from app.cli.settings import read_settings

    settings = read_settings(data_dir=data_dir)
    founding.init(settings, name=name, email=email, plan=plan, as_json=json)


@app.command()
def password(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The person's address.")],
    data_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The data directory.  [default: .soundstage]")
    ] = None,
) -> None:
    """Set a person's password, asked for or read from standard input, and end the person's sessions.

    Writes to the database, with no server running or beside one: the way in when nobody can sign in.

    \b
    Example:
      soundstage password owner@example.com
    """
    from app.cli import people
    from app.cli.settings import read_settings

    people.set_password(read_settings(data_dir=data_dir), email)


@app.command()
def down(data_dir: DataDir = DEFAULT_DATA_DIR, json: Json = False) -> None:
    """Stop the server, then all services.

    Their folders and volumes are kept. What is down already stays so.

    \b
    Example:
      soundstage down
    """
    from app.cli import stopping

    stopping.down(data_dir, as_json=json)


app.add_typer(env, name="env")
app.add_typer(blueprint, name="blueprint")
app.add_typer(keys, name="keys")
app.add_typer(audit, name="audit")


@app.command()
def openapi() -> None:
    """Print the OpenAPI document of the REST API. Needs no server.

    \b
    Example:
      soundstage openapi > openapi.json
    """
    from app.cli import printing

    printing.openapi()


@app.command()
def schema() -> None:
    """Print the GraphQL schema. Needs no server.

    \b
    Example:
      soundstage schema > schema.graphql
    """
    from app.cli import printing

    printing.schema()


def main() -> None:
    """Runs the command and ends the program with its exit code."""
    try:
        app(prog_name="soundstage")
    except CliError as error:
        from app.cli.output import complain

        complain(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # Whoever read has seen enough. What is still buffered must not complain at the very end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(Exit.REFUSED)
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)


if __name__ == "__main__":
    main()
