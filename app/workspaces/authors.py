"""Who is written into commits: the member, or the agent."""

from __future__ import annotations

from app.agents import repository as agents
from app.core.actor import Actor
from app.database.unit_of_work import UnitOfWork
from app.git.repository import Author
from app.identity import repository as identity


async def author(work: UnitOfWork, actor: Actor) -> Author:
    """The actor as an author; an agent's address leads to nobody, and holds its id."""
    if actor.agent_id:
        agent = await work.one(agents.AGENT, id=actor.agent_id)
        return Author(agent.name if agent else "Agent", f"{actor.agent_id}@agents.soundstage.invalid")
    user = await work.one(identity.OWN_USER, id=actor.user_id)
    if user is None:
        return Author(actor.subject or "Somebody", "nobody@soundstage.invalid")
    return Author(user.name or user.email, user.email)
