"""What a sample is: how an operation or a route is asked so that it succeeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

#: What an id stands for, and how it begins.
PREFIXES = {
    "environment": "env",
    "key": "key",
    "organization": "org",
    "member": "usr",
    "invitation": "inv",
    "role": "rol",
    "session": "sis",
    "provider": "fed",
    "event": "evt",
    "agent": "agt",
    "policy": "pol",
    "approval": "apr",
    "decision": "dec",
    "connection": "sso",
    "domain": "ssd",
    "webhook": "whk",
    "delivery": "whd",
    "code_host": "chc",
    "automation": "aut",
    "run": "run",
    "chat": "cht",
    "answer": "ans",
    "attachment": "att",
    "skill": "skl",
    "task": "tsk",
    "workspace": "wsp",
    "work_session": "ses",
    "terminal": "trm",
    "pull_request": "prq",
    "upload": "upl",
    "service": "svc",
}
#: Of the right form, and nobody's.
MISSING = {prefix: f"{prefix}_" + "0" * 26 for prefix in PREFIXES.values()}


@dataclass(frozen=True)
class Facts:
    """What there is in an organization: ids and one-time secrets, by name. What is not there has an id of nobody's."""

    known: Mapping[str, str] = field(default_factory=dict)
    #: In the place of every id, where one is given.
    every_id: str = ""

    def __getitem__(self, name: str) -> str:
        if name in PREFIXES and self.every_id:
            return self.every_id
        return self.known.get(name) or (MISSING[PREFIXES[name]] if name in PREFIXES else f"no-{name}")

    @property
    def environment(self) -> str:
        """The environment's id."""
        return self["environment"]

    @property
    def key(self) -> str:
        """The API key's id."""
        return self["key"]

    def public(self) -> Facts:
        """The ids alone, without the one-time secrets."""
        return Facts({name: value for name, value in self.known.items() if name in PREFIXES})

    @property
    def ids(self) -> list[str]:
        """All ids that are known."""
        return [value for name, value in self.known.items() if name in PREFIXES]


Arguments = Callable[[Facts], dict[str, Any]]


@dataclass(frozen=True)
class Sample:
    """Arguments with which a root field answers the owner without an error."""

    arguments: Arguments = field(default=lambda _: {})
    #: The status that the environment in the facts is to have; empty where it needs none.
    given: str = "running"
    #: What else has to be there: names of preparations.
    needs: tuple[str, ...] = ()
    #: The caller signs in first, and asks with a session instead of a key.
    session: bool = False
    #: What others than the owner may be told instead of data: they may call it, but the facts are not theirs.
    otherwise: str = ""


@dataclass(frozen=True)
class RouteSample:
    """A request with which a route answers the owner without an error."""

    path: Arguments = field(default=lambda _: {})
    query: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | Arguments | None = None
    given: str = "running"
    needs: tuple[str, ...] = ()
    session: bool = False

    def json(self, known: Facts) -> dict[str, Any] | None:
        """The body."""
        return self.body(known) if callable(self.body) else self.body
