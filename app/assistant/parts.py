"""What the assistant needs of the process: its tasks, its tools, its files."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from app.assistant.answering import Answering
from app.assistant.errors import TooManyAnswers
from app.assistant.files import Files
from app.assistant.tools import Registry
from app.core.clock import Clock, now
from app.core.streams import Wakeups
from app.core.vault import Vault
from app.environments.service import Parts as EnvironmentParts
from app.limits.counters import UsageCounters
from app.policies.governance import PolicyParts
from app.workspaces.service import WorkspaceParts

#: Answers that one server makes at once.
MOST_ANSWERS = 200


class Answers:
    """Owns the tasks that make answers; `close` ends them all."""

    def __init__(self) -> None:
        self._running: dict[str, tuple[Answering, asyncio.Task[None]]] = {}

    def __len__(self) -> int:
        return len(self._running)

    def check_room(self) -> None:
        """Raises `TooManyAnswers`."""
        if len(self._running) >= MOST_ANSWERS:
            raise TooManyAnswers("This server has too many answers under way. Ask again in a moment.")

    def begin(self, answering: Answering) -> None:
        """Starts to make an answer."""
        answer_id = answering.answer.id
        task = asyncio.create_task(answering.run(), name=f"answer {answer_id}")
        self._running[answer_id] = (answering, task)
        task.add_done_callback(lambda _: self._running.pop(answer_id, None))

    def look(self, answer_id: str) -> None:
        """Tells an answer of this server to look at once whether it is to stop; others look by themselves."""
        found = self._running.get(answer_id)
        if found is not None:
            found[0].recorder.look()

    async def close(self) -> None:
        """Ends all answers; each tells those who watch it."""
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True)
class AssistantParts:
    """What `Chats` needs besides the unit of work."""

    vault: Vault
    environments: EnvironmentParts
    workspaces: WorkspaceParts
    policies: PolicyParts
    usage: UsageCounters
    files: Files
    #: What models may call in a chat; and in a workflow chat, where each makes a draft.
    tools: Registry
    drafts: Registry
    allow_private_models: bool = False
    answers: Answers = field(default_factory=Answers)
    #: Wakes those who watch an answer.
    wakeups: Wakeups = field(default_factory=Wakeups)
    clock: Clock = now
