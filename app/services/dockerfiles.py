"""What the last stage of a Dockerfile starts, where the same can be started without the image."""

from __future__ import annotations

import re
from typing import Any

import orjson

_INSTRUCTION = re.compile(r"\s*([A-Za-z]+)\s+(.*)", re.DOTALL)
_ASSIGNED = re.compile(r"""([A-Za-z_][A-Za-z0-9_]*)=("[^"\\]*"|'[^'\\]*'|[^\s"'\\]*)(?:\s+|$)""")
_PORT = re.compile(r"(\d{1,5})(?:/(tcp|udp))?")
#: Programs of the machine; what lies elsewhere is made by the image's own build.
_OF_THE_MACHINE = ("/bin/", "/usr/bin/", "/usr/local/bin/")

Command = str | list[str]


def read(text: str) -> dict[str, Any] | None:
    """A service's definition; None where nothing is started, or only what the image holds."""
    stage = _last_stage(text)
    entry, command = _command(stage.get("ENTRYPOINT", [])), _command(stage.get("CMD", []))
    run = _together(entry, command)
    if not run or not _is_there(run):
        return None
    found: dict[str, Any] = {"run": run}
    env = _env(stage.get("ENV", []))
    ports = _ports(stage.get("EXPOSE", []))
    return found | ({"env": env} if env else {}) | ({"ports": ports} if ports else {})


def _last_stage(text: str) -> dict[str, list[str]]:
    """Instruction -> what follows it, each time that it stands there."""
    joined = re.sub(r"\\[ \t]*\r?\n", " ", re.sub(r"(?m)^\s*#.*\n?", "", text))
    stage: dict[str, list[str]] = {}
    for line in joined.splitlines():
        match = _INSTRUCTION.fullmatch(line)
        if match is None:
            continue
        word = match[1].upper()
        if word == "FROM":
            stage = {}
        stage.setdefault(word, []).append(match[2].strip())
    return stage


def _command(given: list[str]) -> Command:
    """The last one counts: words in JSON, or text for the shell."""
    text = given[-1] if given else ""
    if text.startswith("["):
        try:
            words = orjson.loads(text)
        except orjson.JSONDecodeError:
            return text
        if isinstance(words, list) and all(isinstance(word, str) for word in words):
            return words
    return text


def _together(entry: Command, command: Command) -> Command:
    """As Docker does: a shell's entry point takes no further words."""
    if not entry:
        return command
    if isinstance(entry, str):
        return entry
    return [*entry, *(command if isinstance(command, list) else ["/bin/sh", "-c", command])]


def _is_there(run: Command) -> bool:
    words = run if isinstance(run, list) else run.split()
    program = words[0] if words else ""
    return not program.startswith("/") or program.startswith(_OF_THE_MACHINE)


def _env(given: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given:
        name, _, value = text.partition(" ")
        pairs = {name: value.strip()} if "=" not in name else dict(_ASSIGNED.findall(text))
        found |= {key: value.strip("\"'") for key, value in pairs.items()}
    return {name: value for name, value in found.items() if is_ours(name, value)}


def is_ours(name: str, value: str) -> bool:
    """Whether a variable of an image means something outside of it, and is not one that Soundstage sets."""
    reserved = name in ("PATH", "HOME", "HOST", "PORT") or name.startswith(("PORT_", "SOUNDSTAGE_"))
    return not reserved and "$" not in value


def _ports(given: list[str]) -> list[int]:
    found = [match for text in given for word in text.split() if (match := _PORT.fullmatch(word))]
    numbers = [int(match[1]) for match in found if match[2] != "udp"]
    return list(dict.fromkeys(number for number in numbers if 1 <= number <= 65_535))
