"""What automations do, each under the rights of a member, checked anew at each run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from app.automations.commands import COMMAND_SECONDS, check_command, run_command
from app.automations.errors import ActionFailed, BadAction
from app.automations.models import ActionKind, Automation, Run
from app.automations.triggers import at, size
from app.blueprints.validation import parse
from app.core.actor import Actor, Kind, Scope
from app.core.addresses import is_web_address
from app.core.clock import Clock, now, rfc3339
from app.core.vault import Vault
from app.database.unit_of_work import UnitOfWork
from app.environments.models import Environment
from app.environments.service import Environments
from app.environments.service import Parts as EnvironmentParts
from app.outbound.asking import Question, ask
from app.outbound.errors import PrivateAddress, Unreachable
from app.tasks.service import Tasks
from app.terminals.service import TerminalParts, Terminals
from app.webhooks.secrets import unsealed
from app.webhooks.signing import headers

RUN_SECONDS, CALL_SECONDS = 30.0, 15.0
MOST_BYTES_TOLD = 1024
LARGEST_ARGUMENTS = 256 * 1024
METHODS = ("POST", "PUT", "PATCH", "DELETE", "GET")
#: Stands for what the event has there: `$event.id`.
EVENT = "$event."
USER_AGENT = "Soundstage-Automations/1"
PRIVATE = "Its address is private, which SOUNDSTAGE_ALLOW_PRIVATE_WEBHOOKS does not allow."


class CallFailed(ActionFailed):
    """The call did not succeed, and may at another attempt."""

    code = "CALL_FAILED"


@dataclass(frozen=True, slots=True)
class AutomationParts:
    """What automations work with."""

    vault: Vault
    environments: EnvironmentParts
    terminals: TerminalParts
    allow_private: bool = False
    clock: Clock = now


@dataclass(frozen=True, slots=True)
class Doing:
    """A run under way."""

    automation: Automation
    run: Run
    actor: Actor
    #: Committed with the run's end: what a run changes it changes once.
    work: UnitOfWork
    parts: AutomationParts
    #: Lines for the run's log, kept whether it succeeds or fails.
    said: list[str] = field(default_factory=list)

    def argument(self, name: str) -> Any:
        """What the action takes, with what the event tells filled in; raises `ActionFailed`."""
        return self._filled(self.automation.arguments.get(name))

    @property
    def seconds(self) -> float:
        """How long it may take."""
        if self.automation.action is ActionKind.RUN_COMMAND:
            return float(self.automation.arguments.get("seconds") or COMMAND_SECONDS)
        return RUN_SECONDS

    def own_work(self) -> UnitOfWork:
        """For what stands whatever becomes of the run."""
        return UnitOfWork(self.work.database, self.run.organization_id)

    @property
    def environments(self) -> Environments:
        """Those of whom it runs for."""
        return Environments(self.work, self.actor, self.parts.environments)

    def _filled(self, value: Any) -> Any:
        if isinstance(value, str) and value.startswith(EVENT):
            found = at(self.run.event.get("data", {}), value.removeprefix(EVENT))
            if found is None:
                raise ActionFailed(f"The event has no {value.removeprefix(EVENT)!r}, which the action takes.")
            return found
        if isinstance(value, dict):
            return {key: self._filled(each) for key, each in value.items()}
        return [self._filled(each) for each in value] if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it."""

    #: The action of the audit event.
    action: str
    resource: str
    told: str


_TAKES: dict[ActionKind, tuple[frozenset[str], frozenset[str]]] = {
    #: Kind -> what it has to have, what it may have.
    ActionKind.CREATE_ENVIRONMENT: (frozenset({"blueprint"}), frozenset({"name", "auto_shutdown"})),
    ActionKind.STOP_ENVIRONMENT: (frozenset({"environment_id"}), frozenset()),
    ActionKind.RESUME_ENVIRONMENT: (frozenset({"environment_id"}), frozenset()),
    ActionKind.DELETE_ENVIRONMENT: (frozenset({"environment_id"}), frozenset()),
    ActionKind.CALL: (frozenset({"url"}), frozenset({"method", "body"})),
    ActionKind.RUN_COMMAND: (frozenset({"session_id", "command"}), frozenset({"seconds"})),
    ActionKind.CREATE_TASK: (frozenset({"session_id", "title"}), frozenset({"description", "assignee_id"})),
}


_SCOPES = {
    ActionKind.CALL: Scope.INTEGRATIONS,
    ActionKind.RUN_COMMAND: Scope.WORKSPACES,
    ActionKind.CREATE_TASK: Scope.WORKSPACES,
}


def checked_arguments(kind: ActionKind, given: Mapping[str, Any]) -> dict[str, Any]:
    """What an action takes, without what was not given; raises `BadAction` or `BlueprintInvalid`."""
    made = {name: value for name, value in given.items() if value is not None}
    needed, allowed = _TAKES[kind]
    missing, surplus = sorted(needed - made.keys()), sorted(made.keys() - needed - allowed)
    if missing or surplus:
        raise BadAction(
            f"The action {kind} lacks {', '.join(missing)}." if missing else f"It takes no {', '.join(surplus)}."
        )
    if size(made) > LARGEST_ARGUMENTS:
        raise BadAction(f"An action has at most {LARGEST_ARGUMENTS:,} bytes.")
    if kind is ActionKind.CALL:
        _check_call(made)
    elif kind is ActionKind.RUN_COMMAND:
        check_command(made)
    elif kind is ActionKind.CREATE_ENVIRONMENT and EVENT.encode() not in orjson.dumps(made["blueprint"]):
        parse(made["blueprint"], secrets={})
    return made


def require_rights(actor: Actor, kind: ActionKind) -> None:
    """Raises `Forbidden` for who may not do by hand what the action does."""
    actor.require(_SCOPES.get(kind, Scope.ENVIRONMENTS), Kind.WRITE)


async def act(doing: Doing) -> Done:
    """Does it, and collects what is to be written; raises what the verbs raise."""
    require_rights(doing.actor, doing.automation.action)
    return await _ACTIONS[doing.automation.action](doing)


async def _create(doing: Doing) -> Done:
    made = await doing.environments.create(
        doing.argument("blueprint"), name=doing.argument("name"), auto_shutdown=doing.argument("auto_shutdown")
    )
    return Done("environment.create", made.id, f"Asked for the environment {made.name} ({made.id})")


async def _stop(doing: Doing) -> Done:
    return _asked("stop", await doing.environments.stop(_environment_id(doing)))


async def _resume(doing: Doing) -> Done:
    return _asked("resume", await doing.environments.resume(_environment_id(doing)))


async def _delete(doing: Doing) -> Done:
    return _asked("delete", await doing.environments.delete(_environment_id(doing)))


def _environment_id(doing: Doing) -> str:
    return str(doing.argument("environment_id"))


def _asked(verb: str, environment: Environment) -> Done:
    return Done(f"environment.{verb}", environment.id, f"Asked to {verb} the environment {environment.name}")


async def _call(doing: Doing) -> Done:
    """A signed call; its id is the run's, the same in each attempt."""
    moment, run = doing.parts.clock(), doing.run
    given = doing.argument("body")
    body = orjson.dumps(_default_body(doing) if given is None else given)
    method = str(doing.argument("method") or METHODS[0])
    content = None if method == "GET" else body
    secret = unsealed(doing.parts.vault, doing.automation.secret)
    sent = {"User-Agent": USER_AGENT, **headers([secret], run.id, moment, content or b"")}
    if content is not None:
        sent["Content-Type"] = "application/json"
    url = str(doing.argument("url"))
    question = Question(url, method, sent, content, CALL_SECONDS, MOST_BYTES_TOLD, cut=True)
    try:
        answer = await ask(question, allow_private=doing.parts.allow_private)
    except PrivateAddress as failure:
        raise ActionFailed(PRIVATE) from failure
    except Unreachable as failure:
        raise CallFailed(str(failure)) from failure
    told = answer.body.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    if answer.status >= 500 or answer.status in (408, 429):
        raise CallFailed(f"It answered with status {answer.status}: {told}")
    if not 200 <= answer.status < 300:
        raise ActionFailed(f"It answered with status {answer.status}: {told}")
    return Done("automation.call", "", f"It answered with status {answer.status}: {told}")


async def _create_task(doing: Doing) -> Done:
    tasks = Tasks(doing.work, doing.actor, doing.parts.clock)
    made = await tasks.create(
        str(doing.argument("session_id")),
        str(doing.argument("title")),
        description=str(doing.argument("description") or ""),
        assignee_id=str(doing.argument("assignee_id") or ""),
    )
    return Done("task.create", made.id, f"Made the task {made.title!r} ({made.id})")


async def _run_command(doing: Doing) -> Done:
    ran = await run_command(
        Terminals(doing.own_work(), doing.actor, doing.parts.terminals),
        doing.run,
        session_id=str(doing.argument("session_id")),
        command=str(doing.automation.arguments["command"]),
        seconds=doing.seconds,
        say=doing.said.append,
    )
    if ran.timed_out:
        raise ActionFailed(f"It took longer than {doing.seconds:g} s, and was ended.")
    if ran.exit_code != 0:
        raise ActionFailed(ran.message or "It did not end by itself.")
    return Done("automation.run_command", ran.terminal.id, f"{ran.message} ({ran.terminal.id})")


def _default_body(doing: Doing) -> dict[str, Any]:
    run = doing.run
    about = {"automationId": run.automation_id, "runId": run.id, "trigger": str(run.trigger), "event": run.event}
    return {"type": "automation.run", "timestamp": rfc3339(run.created_at), "data": about}


def _check_call(arguments: Mapping[str, Any]) -> None:
    url, method = arguments["url"], arguments.get("method", METHODS[0])
    if not is_web_address(str(url)) or "#" in str(url):
        raise BadAction("A call goes to an address that begins with https:// or http:// and holds no user.")
    if method not in METHODS:
        raise BadAction(f"A call is one of {', '.join(METHODS)}.")


_ACTIONS: dict[ActionKind, Callable[[Doing], Awaitable[Done]]] = {
    ActionKind.CREATE_ENVIRONMENT: _create,
    ActionKind.STOP_ENVIRONMENT: _stop,
    ActionKind.RESUME_ENVIRONMENT: _resume,
    ActionKind.DELETE_ENVIRONMENT: _delete,
    ActionKind.CALL: _call,
    ActionKind.RUN_COMMAND: _run_command,
    ActionKind.CREATE_TASK: _create_task,
}
