"""The short ways to write a part, each turned into the long one; what cannot be meant is refused in plain words."""

from __future__ import annotations

import posixpath
import re
import signal
import warnings
from typing import Annotated, Any

from pydantic import Field

from app.blueprints.problems import closest, short
from app.blueprints.quantities import kind, told, wrong

CommandSource = Annotated[str, Field(min_length=1)] | Annotated[list[str | float], Field(min_length=1, max_length=1000)]
PortSource = Annotated[int, Field(ge=1, le=65535)] | Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
VolumeSource = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}:[^:]+$")]

SIGNALS = tuple(member.name for member in signal.Signals)


def command(value: Any) -> Any:
    """Text, or a list of words; numbers among the words are taken as text."""
    if isinstance(value, str) and value.strip():
        return value
    if not isinstance(value, list | tuple):
        raise wrong(
            f"expected a command as text or as a list of words, got {told(value) if value != '' else 'nothing'}"
        )
    if not value:
        raise wrong("the command is empty")
    return tuple(_word(index, word) for index, word in enumerate(value, start=1))


def _word(index: int, word: Any) -> str:
    if isinstance(word, str):
        return word
    if isinstance(word, int | float) and not isinstance(word, bool):
        return str(word)
    raise wrong(f"word {index} of the command is {kind(word)}, not text", "put it in quotes")


def variable(value: Any) -> str:
    """A variable's value: text, or a number or boolean as JSON writes it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    hint = 'write "" for an empty value' if value is None else None
    raise wrong(f"expected the text of a variable, got {kind(value)}", hint)


def port(value: Any) -> Any:
    """`http` (a name), `8080` (a number, which is the name too), or the mapping itself."""
    if isinstance(value, str) and re.fullmatch("[0-9]{1,5}", value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return {"name": str(value), "port": value}
    if isinstance(value, str):
        if re.fullmatch(r"[0-9.]*:?[0-9-]+:[0-9-]+(/\w+)?", value):
            number = re.split("[:/-]", value)[-1 if "/" not in value else -2]
            raise wrong(
                f"`{short(value)}` maps a port to another one; here a service listens on the port itself",
                f"write `{number}` for that very port, or a name such as `http` for a free one",
            )
        return {"name": value}
    if isinstance(value, dict) and "name" not in value and _is_number(value.get("port")):
        return value | {"name": str(value["port"])}
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def restart(value: Any) -> Any:
    """`always` for `{policy: always}`."""
    return {"policy": value} if isinstance(value, str) else value


def build(value: Any) -> Any:
    """A command for `{run: …}`. `.` alone is Compose's way to name a folder with a Dockerfile."""
    if isinstance(value, str) and value.strip() in (".", "./"):
        raise wrong(
            "`build` is a command that runs before the service starts, not a folder with a Dockerfile",
            "write a command such as `make`, or name a ready image in `image`",
        )
    return {"run": value} if isinstance(value, str | list | tuple) else value


def depends_on(value: Any) -> Any:
    """A list of names means that each has started."""
    if not isinstance(value, list | tuple):
        return value
    for name in value:
        if not isinstance(name, str):
            raise wrong(f"expected the name of a service, got {told(name)}")
    return dict.fromkeys(value, "started")


def volume(value: Any) -> Any:
    """`data:/var/lib/data` for `{name: data, path: /var/lib/data}`."""
    if not isinstance(value, str):
        return value
    name, _, path = value.partition(":")
    if name.startswith((".", "/", "~", "$")) or "/" in name:
        raise wrong(
            f"`{short(name)}` is a path of the host; only named volumes can be mounted",
            "write a name and a path, such as `data:/var/lib/data`",
        )
    if not path:
        raise wrong(f"`{short(value)}` has no path", f"write `{short(value) or 'data'}:/var/lib/data`, for example")
    if ":" in path:
        raise wrong(f"`:{short(path.partition(':')[2])}` is not supported", "write only a name and a path")
    return {"name": name, "path": path}


def volume_path(value: Any) -> str:
    """A path that stays where it says: absolute, or inside the environment's folder."""
    if not isinstance(value, str) or value.strip("/.") == "":
        raise wrong(f"expected a path, got {told(value)}", "write one such as `/var/lib/data` or `data`")
    if ".." in value.split("/") or value.startswith("~") or set(value) & {":", "$"} or len(value) > 1024:
        reason = "no `..`, no `~`, no `:` or `$`, at most 1024 characters"
        raise wrong(f"`{short(value)}` is not a path that a volume can have: {reason}")
    return re.sub("^//", "/", posixpath.normpath(value))


def image(value: Any) -> str:
    """The name of a container image."""
    if isinstance(value, str) and re.fullmatch(r"[a-z0-9][A-Za-z0-9_./:@-]{0,254}", value):
        return value
    hint = "variables are not filled in here" if isinstance(value, str) and "$" in value else None
    raise wrong(f"{told(value)} is not the name of an image", hint or "write one such as `postgres:16`")


def signal_name(value: Any) -> str:
    """`SIGTERM`, or `TERM`."""
    if not isinstance(value, str):
        raise wrong(f"expected the name of a signal, got {told(value)}", "write one such as `SIGTERM`")
    name = value if value.startswith("SIG") else f"SIG{value}"
    if name not in SIGNALS:
        raise wrong(f"`{short(value)}` is not a signal", closest(name, SIGNALS) or "write one such as `SIGTERM`")
    return name


def pattern(value: Any) -> str:
    """A regular expression."""
    if not isinstance(value, str) or not 0 < len(value) <= 1000:
        raise wrong(f"expected a regular expression of at most 1000 characters, got {told(value)}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(value)
    except (re.error, RecursionError, OverflowError) as error:
        reason = error.msg if isinstance(error, re.error) else "it is too complicated"
        raise wrong(f"`{short(value)}` is not a regular expression: {reason}") from None
    return value
