"""Makes one answer: asks the model, runs the tools that it calls, asks again, and tells every step."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
import structlog

from app.assistant import endpoints, repository
from app.assistant.conversation import bounded, tool_call, tool_result
from app.assistant.endpoints import Finished, Model, Spent, Text, ToolPiece
from app.assistant.errors import AnswerStopped, ModelFailed
from app.assistant.metering import Meter
from app.assistant.models import Answer, AnswerStatus, ChatMessage, MessageRole
from app.assistant.recording import Recorder
from app.assistant.tools import TOOL_SECONDS, Tool, Toolbox
from app.core.errors import SoundstageError
from app.core.ids import new_id
from app.database.unit_of_work import UnitOfWork

log = structlog.get_logger(__name__)

#: How often the model is asked for one answer at most; the last time without tools.
MOST_STEPS = 12
MOST_CALLS_AT_ONCE = 16
LONGEST_SECONDS = 600.0
_REASONS = {"stop": "stop", "length": "length", "content_filter": "content-filter", "tool_calls": "tool-calls"}


@dataclass
class ToolCall:
    """A call as its pieces come in."""

    id: str
    name: str
    arguments: str = ""


@dataclass
class Step:
    """What the model said in one step."""

    text: str = ""
    calls: dict[int, ToolCall] = field(default_factory=dict)
    reason: str = "other"
    #: The text or reasoning that is open: (kind, id).
    open: tuple[str, str] | None = None


@dataclass
class Answering:
    """One answer under way. `run` does all of it, and always ends the answer."""

    answer: Answer
    model: Model
    #: What the model is sent: the system's words and the conversation.
    messages: list[dict[str, Any]]
    message_id: str
    #: The answer's place in the conversation.
    position: int
    recorder: Recorder
    toolbox: Toolbox
    #: Those that the model is told of.
    tools: Sequence[Tool]
    #: Judges each call to the model.
    meter: Meter
    #: Called after each call to the model.
    count: Callable[[Spent], Awaitable[None]]
    #: A result of these tools is a draft, which ends the answer.
    drafts: bool = False
    spent: Spent = field(default_factory=Spent)

    async def run(self) -> None:
        """Makes the answer and writes its end, whatever happens."""
        steps = asyncio.create_task(self._steps())
        keeper = asyncio.create_task(self.recorder.keep())
        try:
            await asyncio.wait({steps, keeper}, timeout=LONGEST_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self._end(steps, keeper)
            self.recorder.end({"type": "error", "errorText": "The server was stopped. Ask again."})
            await self._finish(AnswerStatus.FAILED)
            raise
        failed = await self._outcome(steps, keeper)
        await self._end(steps, keeper)
        status = AnswerStatus.FINISHED
        if isinstance(failed, AnswerStopped):
            status = AnswerStatus.STOPPED
            self.recorder.end({"type": "abort", "reason": failed.message})
        elif failed is not None:
            status = AnswerStatus.FAILED
            self.recorder.end({"type": "error", "errorText": failed.message})
        await self._finish(status)

    async def _outcome(self, steps: asyncio.Task[None], keeper: asyncio.Task[None]) -> SoundstageError | None:
        done = steps if steps.done() else keeper
        if not done.done():
            return ModelFailed(f"The answer took longer than {LONGEST_SECONDS:g} seconds.")
        error = done.exception()
        if error is None or isinstance(error, SoundstageError):
            return error
        log.error("answer.defect", answer=self.answer.id, exc_info=error)
        return SoundstageError(f"Something went wrong on our side. Tell the operator the id {self.answer.id}.")

    async def _end(self, steps: asyncio.Task[None], keeper: asyncio.Task[None]) -> None:
        steps.cancel()
        self.recorder.close()
        await asyncio.gather(steps, keeper, return_exceptions=True)

    async def _finish(self, status: AnswerStatus) -> None:
        """The last parts, the message, and the end: one transaction."""
        answer, moment = self.answer, self.recorder.clock()
        work = UnitOfWork(self.recorder.database, answer.organization_id)
        work.write(repository.END, expect=1, id=answer.id, new_status=status, moment=moment)
        self.recorder.write_parts(work)
        message = ChatMessage(
            chat_id=answer.chat_id,
            position=self.position,
            organization_id=answer.organization_id,
            id=self.message_id,
            role=MessageRole.ASSISTANT,
            parts=self.recorder.composer.parts,
            model=answer.model,
            created_at=moment,
        )
        if message.parts:
            work.write(repository.ADD_MESSAGE, **message.__dict__)
        work.write(repository.ANSWERED, expect=1, id=answer.chat_id, seen=answer.id, updated_at=moment)
        try:
            await work.commit()
        except SoundstageError as error:  # it was declared lost, or its chat is gone
            log.warning("answer.end_not_written", answer=answer.id, error=error.message)

    async def _steps(self) -> None:
        self.recorder.emit({"type": "start", "messageId": self.message_id, "messageMetadata": {"model": self.model.id}})
        step = Step()
        for number in range(1, MOST_STEPS + 1):
            self.recorder.emit({"type": "start-step"})
            step = await self._ask("none" if number == MOST_STEPS else "auto")
            drafted = await self._call_all(step)
            self.recorder.emit({"type": "finish-step"})
            if not step.calls or drafted:
                break
        used = {"inputTokens": self.spent.tokens_in, "outputTokens": self.spent.tokens_out}
        reason = _REASONS.get(step.reason, "other")
        self.recorder.emit({"type": "finish", "finishReason": reason, "messageMetadata": {"usage": used}})

    async def _ask(self, choice: Literal["auto", "none"]) -> Step:
        """One call to the model; what it says is told as it comes."""
        step, spent = Step(), Spent()
        described = [tool.for_model() for tool in self.tools]
        try:
            stream = endpoints.stream(self.model, self.messages, spent, tools=described, tool_choice=choice)
            async with self.meter.metered(self.messages, spent), aclosing(stream) as deltas:
                async for delta in deltas:
                    self._take(step, delta)
        finally:
            self._close(step)
            self.spent.tokens_in += spent.tokens_in
            self.spent.tokens_out += spent.tokens_out
            await self.count(spent)
        return step

    def _take(self, step: Step, delta: endpoints.Delta) -> None:
        if isinstance(delta, Finished):
            step.reason = delta.reason
        elif isinstance(delta, Text):
            kind = "reasoning" if delta.reasoning else "text"
            if step.open is None or step.open[0] != kind:
                self._close(step)
                step.open = (kind, new_id("prt"))
                self.recorder.emit({"type": f"{kind}-start", "id": step.open[1]})
            step.text += "" if delta.reasoning else delta.text
            self.recorder.emit({"type": f"{kind}-delta", "id": step.open[1], "delta": delta.text})
        else:
            self._take_piece(step, delta)

    def _take_piece(self, step: Step, piece: ToolPiece) -> None:
        call = step.calls.get(piece.index)
        if call is None:
            if len(step.calls) == MOST_CALLS_AT_ONCE:
                raise ModelFailed(f"The model called more than {MOST_CALLS_AT_ONCE} tools at once.")
            self._close(step)
            call = step.calls[piece.index] = ToolCall(piece.id or new_id("call"), piece.name)
            self.recorder.emit({"type": "tool-input-start", "toolCallId": call.id, "toolName": call.name})
        call.arguments += piece.arguments
        if piece.arguments:
            self.recorder.emit({"type": "tool-input-delta", "toolCallId": call.id, "inputTextDelta": piece.arguments})

    def _close(self, step: Step) -> None:
        if step.open is not None:
            kind, part_id = step.open
            step.open = None
            self.recorder.end({"type": f"{kind}-end", "id": part_id})

    async def _call_all(self, step: Step) -> bool:
        """Runs the tools that the model called, one after the other; whether one of them made a draft."""
        calls = [tool_call(call.id, call.name, call.arguments or "{}") for call in step.calls.values()]
        drafted = False
        if calls:
            self.messages.append({"role": "assistant", "content": step.text or None, "tool_calls": calls})
        for call in step.calls.values():
            output, failed = await self._call(call)
            drafted = drafted or (self.drafts and not failed)
            self.messages.append(tool_result(call.id, {"error": output} if failed else output))
            if self.drafts and not failed:
                self.recorder.emit({"type": "data-draft", "id": call.id, "data": output})
        return drafted

    async def _call(self, call: ToolCall) -> tuple[Any, bool]:
        """What a tool gave, or why it failed."""
        described = {"toolCallId": call.id, "toolName": call.name}
        try:
            given = orjson.loads(call.arguments or "{}")
        except orjson.JSONDecodeError:
            text = "The input is not valid JSON."
            self.recorder.emit({"type": "tool-input-error", **described, "input": call.arguments, "errorText": text})
            return text, True
        self.recorder.emit({"type": "tool-input-available", **described, "input": given})
        try:
            work = UnitOfWork(self.recorder.database, self.answer.organization_id)
            async with asyncio.timeout(TOOL_SECONDS):
                output = bounded(await self.toolbox.call(call.name, given, work))
        except SoundstageError as error:
            return self._failed(call, error.message), True
        except TimeoutError:
            return self._failed(call, f"The tool took longer than {TOOL_SECONDS:g} seconds."), True
        except Exception:
            log.exception("tool.defect", answer=self.answer.id, tool=call.name)
            return self._failed(call, "The tool failed by a defect of the server."), True
        self.recorder.emit({"type": "tool-output-available", "toolCallId": call.id, "output": output})
        return output, False

    def _failed(self, call: ToolCall, text: str) -> str:
        self.recorder.emit({"type": "tool-output-error", "toolCallId": call.id, "errorText": text})
        return text
