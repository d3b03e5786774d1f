"""The `keys` commands: what they take, and their help."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.options import DEFAULT_DATA_DIR, DataDir, Json

keys = typer.Typer(
    help="The installation's signing keys. Works on the database, with no server running or beside one.\n\n"
    "\b\nExample:\n  soundstage keys list",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@keys.command("list")
def list_keys(data_dir: DataDir = DEFAULT_DATA_DIR, json: Json = False) -> None:
    """List the signing keys, newest first. Private parts are never shown.

    \b
    Example:
      soundstage keys list --json
    """
    from app.cli import signing

    signing.show(data_dir, as_json=json)


@keys.command()
def rotate(
    family: Annotated[
        str | None, typer.Option(metavar="FAMILY", help="classical or post_quantum.  [default: both]")
    ] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json: Json = False,
) -> None:
    """Let the next keys sign, once they have been published for 24 hours.

    Nothing is refused meanwhile: what the former keys signed is accepted until it expires. Servers rotate by
    themselves every 90 days.

    \b
    Example:
      soundstage keys rotate --family classical
    """
    from app.cli import signing

    signing.rotate(data_dir, family, as_json=json)


# A key's id may begin with a dash, which is no option then.
@keys.command(context_settings={"ignore_unknown_options": True})
def revoke(
    kid: Annotated[str, typer.Argument(metavar="KID", help="The key's id, as `soundstage keys list` shows it.")],
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json: Json = False,
) -> None:
    """Drop a key at once, because somebody else may have it.

    Servers refuse all that it signed within 5 seconds, and sign with the next key.

    \b
    Example:
      soundstage keys revoke NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs
    """
    from app.cli import signing

    signing.revoke(data_dir, kid, as_json=json)
