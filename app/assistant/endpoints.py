"""Asks OpenAI-compatible endpoints: a model's answer as a stream of deltas, or as one text."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from app.assistant.connecting import CONNECT_SECONDS, SILENCE_SECONDS, http_client
from app.assistant.errors import ModelFailed

#: How often a call is tried again that the endpoint refused for now (429, 5xx), before its first part.
RETRIES = 1
#: What is sent to an endpoint that takes no key.
NO_KEY = "none"
CUT_OFF = "The model's answer was cut off."


@dataclass(frozen=True, slots=True)
class Model:
    """A model that can be asked."""

    id: str
    base_url: str
    api_key: str = field(repr=False)
    allow_private: bool = False


@dataclass(slots=True)
class Spent:
    """What a call used, as the endpoint counts it."""

    tokens_in: int = 0
    tokens_out: int = 0


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of what the model says, or of how it reasons."""

    text: str
    reasoning: bool = False


@dataclass(frozen=True, slots=True)
class ToolPiece:
    """A piece of a tool call. The first piece of each index has an id and a name."""

    index: int
    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Finished:
    """Why the model ended: `stop`, `length`, `tool_calls`, `content_filter`."""

    reason: str


class Unreachable(ModelFailed):
    """The connection to the endpoint failed."""


Delta = Text | ToolPiece | Finished
Choice = Literal["auto", "required", "none"]


async def stream(
    model: Model,
    messages: Sequence[Mapping[str, Any]],
    spent: Spent,
    *,
    tools: Sequence[Mapping[str, Any]] = (),
    tool_choice: Choice = "auto",
) -> AsyncGenerator[Delta, None]:
    """The deltas of one answer. Raises `ModelFailed`, also in the middle; `spent` is filled at the end."""
    asked: dict[str, Any] = {
        "model": model.id,
        "messages": list(messages),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if tools:
        asked |= {"tools": list(tools), "tool_choice": tool_choice}
    begun = ended = False
    try:
        async with _client(model) as client, await client.chat.completions.create(**asked) as chunks:
            async for chunk in chunks:
                begun = True
                if chunk.usage is not None:
                    spent.tokens_in, spent.tokens_out = chunk.usage.prompt_tokens, chunk.usage.completion_tokens
                for choice in chunk.choices[:1]:
                    for delta in _deltas(choice):
                        ended = ended or isinstance(delta, Finished)
                        yield delta
    except Unreachable as error:
        if begun:
            raise ModelFailed(CUT_OFF) from error
        raise
    if not ended:
        raise ModelFailed(CUT_OFF)


async def complete(
    model: Model, messages: Sequence[Mapping[str, Any]], spent: Spent, *, seconds: float, tokens: int
) -> str:
    """The whole text of a short answer; raises `ModelFailed`."""
    try:
        async with asyncio.timeout(seconds), _client(model, retries=0) as client:
            found = await client.chat.completions.create(
                model=model.id, messages=list(messages), max_completion_tokens=tokens
            )
    except TimeoutError as error:
        raise ModelFailed(f"The model did not answer within {seconds:g} seconds.") from error
    if found.usage is not None:
        spent.tokens_in, spent.tokens_out = found.usage.prompt_tokens, found.usage.completion_tokens
    return (found.choices[0].message.content or "") if found.choices else ""


def _deltas(choice: Any) -> list[Delta]:
    found: list[Delta] = []
    delta = choice.delta
    # Not in OpenAI's own protocol: DeepSeek, vLLM and others say `reasoning_content`, OpenRouter `reasoning`.
    extra = delta.model_extra or {}
    reasoning = extra.get("reasoning_content") or extra.get("reasoning")
    if isinstance(reasoning, str):
        found.append(Text(reasoning, reasoning=True))
    if delta.content:
        found.append(Text(delta.content))
    for call in delta.tool_calls or ():
        function = call.function
        name, arguments = (function.name or "", function.arguments or "") if function else ("", "")
        found.append(ToolPiece(call.index, call.id or "", name, arguments))
    if choice.finish_reason:
        found.append(Finished(choice.finish_reason))
    return found


@asynccontextmanager
async def _client(model: Model, retries: int = RETRIES) -> AsyncIterator[Any]:
    """The client of one call; its errors become ours, without what the endpoint says: that may hold the key."""
    openai = await asyncio.to_thread(importlib.import_module, "openai")  # half a second, once
    http = http_client(allow_private=model.allow_private)
    broken = importlib.import_module("httpx2").HTTPError
    try:
        async with http:
            yield openai.AsyncOpenAI(
                api_key=model.api_key or NO_KEY,
                base_url=model.base_url,
                max_retries=retries,
                http_client=http,
                organization="",
                project="",
            )
    except openai.AuthenticationError as error:
        raise ModelFailed(f"The endpoint of {model.id} refused the API key. An admin sets another one.") from error
    except openai.RateLimitError as error:
        raise ModelFailed(f"The endpoint of {model.id} takes no more requests for now. Try again later.") from error
    except openai.APIStatusError as error:
        raise ModelFailed(f"The endpoint of {model.id} answered with status {error.status_code}.") from error
    except openai.APITimeoutError as error:
        waited = f"connect within {CONNECT_SECONDS:g} or say anything for {SILENCE_SECONDS:g} seconds"
        raise ModelFailed(f"The endpoint of {model.id} did not {waited}.") from error
    except openai.APIConnectionError as error:
        cause = error.__cause__
        unreachable = Unreachable(f"The endpoint of {model.id} cannot be reached.")
        raise (cause if isinstance(cause, ModelFailed) else unreachable) from error
    except openai.OpenAIError as error:
        raise ModelFailed(f"The endpoint of {model.id} broke the answer off with an error.") from error
    except (OSError, ValueError, broken) as error:
        raise ModelFailed(CUT_OFF) from error
