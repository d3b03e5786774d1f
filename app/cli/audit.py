"""The `audit` commands: what they take, and their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import DEFAULT_DATA_DIR, ApiKey, DataDir, Json, Url

audit = typer.Typer(
    help="Export the audit log, and verify an export without trusting the server.\n\n"
    "\b\nExample:\n  soundstage audit export --output audit.ndjson",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@audit.command()
def export(
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to write it; standard output by default.")
    ] = None,
    personal: Annotated[bool, typer.Option("--personal", help="With the personal data that is still kept.")] = False,
    url: Url = None,
    api_key: ApiKey = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Write the organization's whole audit log as lines of JSON, with what proves it.

    \b
    Example:
      soundstage audit export --output audit.ndjson
    """
    from app.cli import audit_logs
    from app.cli.where import where

    audit_logs.export(where(url, api_key, data_dir), output, personal=personal)


@audit.command()
def verify(
    file: Annotated[str, typer.Argument(metavar="FILE", help="The export; - for standard input.")],
    keys: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The public keys that you trust: JWKs, as a set or a list."),
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A checkpoint's note that you kept: the log has to continue it.")
    ] = None,
    json: Json = False,
) -> None:
    """Verify an export, and name every event that was changed, removed, inserted or moved. Needs no server.

    Without --keys, the keys in the export itself are taken, which proves less: whoever could rewrite the log could
    have put them there.

    \b
    Example:
      soundstage audit verify audit.ndjson --keys keys.json --checkpoint last-month.txt
    """
    from app.cli import audit_logs

    audit_logs.verify(file, keys, checkpoint, as_json=json)
