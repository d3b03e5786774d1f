"""What a model may call: a registry of tools, each judged as the same call over the API is, and audited.

A tool is what it takes (a JSON Schema), what it takes to be permitted (scope and kind, and the action that policies
and the audit log know), and a function. Other domains add theirs in the composition root.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import jsonschema_rs

from app.audit import service as audit
from app.core.actor import Actor, Kind, Scope
from app.core.errors import InvalidRequest, SoundstageError
from app.database.unit_of_work import UnitOfWork
from app.environments.service import Parts as EnvironmentParts
from app.policies import decisions
from app.policies.errors import PolicyDenied
from app.policies.governance import Governance, PolicyParts, Question
from app.policies.models import Verdict
from app.workspaces.service import WorkspaceParts

#: How long a tool may take.
TOOL_SECONDS = 60.0


class ToolInputInvalid(InvalidRequest):
    """The input does not fit the tool's schema."""

    code = "TOOL_INPUT_INVALID"


class UnknownTool(InvalidRequest):
    """There is no tool of this name."""

    code = "UNKNOWN_TOOL"


@dataclass(frozen=True)
class ToolContext:
    """What a tool gets to work with: the caller's rights, and a unit of work which is committed after it."""

    work: UnitOfWork
    actor: Actor
    environments: EnvironmentParts
    workspaces: WorkspaceParts
    #: What the chat is about; empty for nothing.
    workspace_id: str = ""
    session_id: str = ""

    def session(self, given: Mapping[str, Any]) -> str:
        """The session that a tool is to work in: the one it was given, or the chat's own."""
        session: str = given.get("sessionId") or self.session_id
        if not session:
            raise ToolInputInvalid("This chat is about no session: say which one is meant in `sessionId`.")
        return session


Run = Callable[[ToolContext, dict[str, Any]], Awaitable[Any]]


@dataclass(frozen=True)
class Tool:
    """Something that a model may call."""

    name: str
    #: For the model: what it does, and when to use it.
    description: str
    #: A JSON Schema of the input: an object.
    schema: Mapping[str, Any]
    scope: Scope
    kind: Kind
    #: What policies judge and the audit log records: the API's action for the same.
    action: str
    #: Its result is JSON; what it writes to the unit of work is committed together with the audit event.
    run: Run
    #: The names in the input of what is acted on.
    resources: tuple[str, ...] = ()

    @cached_property
    def _validator(self) -> Any:
        return jsonschema_rs.validator_for(dict(self.schema))

    def check(self, given: Any) -> dict[str, Any]:
        """The input; raises `ToolInputInvalid`, with what is wrong for the model to repair."""
        if not isinstance(given, dict):
            raise ToolInputInvalid("The input has to be a JSON object.")
        wrong = [
            f"{'.'.join(map(str, e.instance_path)) or 'input'}: {e.message}" for e in self._validator.iter_errors(given)
        ]
        if wrong:
            raise ToolInputInvalid("; ".join(wrong[:5]))
        return given

    def for_model(self) -> dict[str, Any]:
        """As a model is told of it."""
        function = {"name": self.name, "description": self.description, "parameters": dict(self.schema)}
        return {"type": "function", "function": function}


@dataclass
class Registry:
    """All tools by their names."""

    tools: dict[str, Tool] = field(default_factory=dict)

    def add(self, tools: Iterable[Tool]) -> None:
        """Adds tools; raises `ValueError` for a name that is taken."""
        for tool in tools:
            if tool.name in self.tools:
                raise ValueError(f"two tools are called {tool.name}")
            self.tools[tool.name] = tool

    def permitted(self, actor: Actor) -> list[Tool]:
        """Those that the actor's role and credential permit."""
        return [tool for tool in self.tools.values() if actor.may(tool.scope, tool.kind)]


@dataclass(frozen=True)
class Toolbox:
    """The tools of one answer, under its caller's rights."""

    registry: Registry
    context: Callable[[UnitOfWork], ToolContext]
    actor: Actor
    policies: PolicyParts
    request_id: str

    async def call(self, name: str, given: Any, work: UnitOfWork) -> Any:
        """What a tool gives. Raises `SoundstageError`: refused, wrong input, failed."""
        tool = self.registry.tools.get(name)
        if tool is None:
            raise UnknownTool(f"There is no tool {name!r}.")
        self.actor.require(tool.scope, tool.kind)
        checked = tool.check(given)
        own = {"sessionId": self.context(work).session_id}
        named = (checked.get(key) or own.get(key) for key in tool.resources)
        resources = tuple(str(each) for each in named if each) or ("",)
        if self.actor.agent_id:
            return await self._judged(tool, checked, resources, work)
        result = await tool.run(self.context(work), checked)
        audit.record(
            work,
            self.actor,
            action=tool.action,
            resource=resources[0],
            request_id=self.request_id,
            details={"tool": tool.name},
        )
        await work.commit()
        return result

    async def _judged(self, tool: Tool, given: dict[str, Any], resources: tuple[str, ...], work: UnitOfWork) -> Any:
        """The same as an agent's call of the API: one decision, one audit event."""
        governance = Governance(work, self.actor, self.policies)
        asked = Question(action=tool.action, kind=str(tool.kind), resources=resources, arguments=given)
        decision = await governance.decide(self.actor.agent_id, asked)
        if decision.verdict is not Verdict.ALLOW:
            self._record(work, decision, tool)
            await work.commit()
            raise decision.error()
        try:
            result = await tool.run(self.context(work), given)
            self._record(work, decision, tool)
            await work.commit()
        except PolicyDenied:  # another call was faster, and took what was left of a limit
            work.discard()
            self._record(work, replace(decision, verdict=Verdict.DENY), tool)
            await work.commit()
            raise
        except SoundstageError as error:
            work.discard()
            self._record(work, decision, tool, error)
            await work.commit()
            raise
        finally:
            governance.leave(decision)
        return result

    def _record(
        self, work: UnitOfWork, decision: decisions.Decision, tool: Tool, failed: SoundstageError | None = None
    ) -> None:
        decisions.record(
            work,
            self.actor,
            decision,
            request_id=self.request_id,
            wakeups=self.policies.wakeups,
            details={"tool": tool.name},
            failed=failed,
        )


def object_schema(properties: Mapping[str, Any], required: Iterable[str] = ()) -> dict[str, Any]:
    """The JSON Schema of an object with these properties and no others."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }
