"""The tools of a workflow chat: each takes a complete draft, and gives it back once it is valid."""

from __future__ import annotations

from typing import Any

from app.assistant.tools import Registry, Tool, ToolContext, ToolInputInvalid, object_schema
from app.blueprints.errors import BlueprintInvalid
from app.blueprints.validation import check
from app.core.actor import Kind, Scope

MOST_PROBLEMS = 20


def builtin_drafts() -> Registry:
    """A registry with the draft of a Blueprint; what else can be drafted is added by its domain."""
    registry = Registry()
    registry.add(
        [
            draft_tool(
                "propose_blueprint",
                "Proposes an environment as a complete Blueprint: `services` with a name for each, and of each its "
                "`run` (a shell command), `ports`, `env`, `depends_on`. As YAML text.",
                {"blueprint": {"type": "string", "minLength": 1}},
                _blueprint,
            )
        ]
    )
    return registry


def draft_tool(name: str, description: str, properties: dict[str, Any], run: Any) -> Tool:
    """A tool whose result is a draft: `{kind, document}`. It changes nothing."""
    return Tool(
        name=name,
        description=description,
        schema=object_schema(properties, list(properties)),
        scope=Scope.ASSISTANT,
        kind=Kind.READ,
        action="assistant.read",
        run=run,
    )


async def _blueprint(context: ToolContext, given: dict[str, Any]) -> Any:
    try:
        checked = check(given["blueprint"])
    except BlueprintInvalid as error:
        raise ToolInputInvalid(error.message) from error
    if checked.blueprint is None:
        told = "\n".join(str(problem) for problem in checked.problems[:MOST_PROBLEMS])
        raise ToolInputInvalid(f"The Blueprint does not validate:\n{told}")
    return {"kind": "blueprint", "document": given["blueprint"]}
