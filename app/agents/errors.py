"""What can be wrong with an agent."""

from __future__ import annotations

from app.core.errors import Conflict, Forbidden, Unauthorized


class AgentNameTaken(Conflict):
    """An agent of this name exists. Choose another name, or use the one that is there."""


class AgentSuspended(Forbidden):
    """This agent is suspended. Ask an admin to resume it (`resumeAgent`)."""

    code = "AGENT_SUSPENDED"


class AgentRetired(Unauthorized):
    """This agent was retired, for good. Enrol a new one (`enrollAgent`)."""

    code = "AGENT_RETIRED"


class AgentsDisabled(Forbidden):
    """All agents of this organization are switched off. Ask an admin to switch them on (`setAgentsEnabled`)."""

    code = "AGENTS_DISABLED"


class AgentStateConflict(Conflict):
    """The agent is in a state that does not permit this."""
