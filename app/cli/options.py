"""Options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_DATA_DIR = Path(".soundstage")

DataDir = Annotated[
    Path,
    typer.Option(
        "--data-dir",
        envvar="SOUNDSTAGE_DATA_DIR",
        metavar="DIR",
        help="The data directory.",
    ),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="SOUNDSTAGE_URL",
        metavar="URL",
        help="The server; by default the one of the data directory, else http://127.0.0.1:8000.",
    ),
]
ApiKey = Annotated[
    str | None,
    typer.Option(
        "--api-key",
        envvar="SOUNDSTAGE_API_KEY",
        metavar="KEY",
        help="The API key; by default the one in credentials.json of the data directory.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(metavar="ID", help="The environment's id, or its name where only one has it.")]
