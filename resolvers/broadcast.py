"""One stream for all who watch the same: each event is executed and encoded once, and every viewer gets the same bytes.

Only for subscriptions that are declared to be `shared`: what they show depends on the organization and on what its
viewer may, and on nothing else of the viewer. So a group is of one plan, one set of variables, one organization and
one set of rights. Whoever comes later gets everything from the group's beginning, as a stream of its own would give.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import aclosing
from typing import Any

import orjson
from graphql import ExecutionResult, GraphQLError

from app.core.actor import Actor
from resolvers.access import StreamGuard
from resolvers.context import Context
from resolvers.errors import as_graphql_error, shown
from resolvers.judging import is_judged
from resolvers.plans.operation import Prepared
from resolvers.plans.sources import definition_of

#: What a group keeps for those who come later, in results and bytes. Beyond that they begin a group of their own.
MOST_KEPT, LARGEST_KEPT = 1_000, 1024 * 1024
#: Results that a viewer may be behind; a slower one is cut.
MOST_BEHIND = 1_000
#: Results that a group is ahead of its fastest viewer at most.
AHEAD = 256


class TooSlow(Exception):
    """A viewer that is too far behind."""


class Broadcast:
    """The groups of one server."""

    def __init__(self) -> None:
        self._groups: dict[Hashable, Group] = {}

    def join(self, prepared: Prepared, context: Context) -> Member | None:
        """A seat in the group that watches the same, begun where there is none; None for what is not shared."""
        if not is_shared(prepared) or context.actor is None or is_judged(context):
            return None
        key = _key(prepared, context.actor)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(self, key, prepared, context)
        return Member(group)

    def close_to_newcomers(self, group: Group) -> None:
        """The group has ended, or no longer has its beginning."""
        if self._groups.get(group.key) is group:
            del self._groups[group.key]

    @property
    def size(self) -> int:
        """How many groups there are."""
        return len(self._groups)


def is_shared(prepared: Prepared) -> bool:
    """Whether an operation shows the same to all who may see it, and calls no resolver for an event."""
    plan = prepared.plan
    if plan is None or not prepared.operation.is_subscription or not plan.shareable:
        return False
    field = definition_of(plan.root.fields[0].definition)
    return any(isinstance(each, StreamGuard) and each.shared for each in field.extensions)


def _key(prepared: Prepared, actor: Actor) -> Hashable:
    rights = (actor.organization_id, actor.role, actor.scopes, actor.permissions, actor.operator, actor.kind)
    variables = orjson.dumps(prepared.sent, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return (id(prepared.plan), variables, rights)


class Group:
    """A stream that runs as long as somebody watches."""

    def __init__(self, registry: Broadcast, key: Hashable, prepared: Prepared, context: Context) -> None:
        self.registry, self.key, self.prepared, self.context = registry, key, prepared, context
        self.members: set[Member] = set()
        #: The encoded results from `first` on; whether each is an error of the whole stream.
        self.results: list[tuple[bool, bytes]] = []
        self.first = self.bytes = 0
        self.ended = False
        #: Resolved when there is room again.
        self.room: asyncio.Future[None] | None = None
        self._task = asyncio.create_task(self._run())

    @property
    def end(self) -> int:
        """The position behind the last result."""
        return self.first + len(self.results)

    def leave(self, member: Member) -> None:
        """The last one to leave ends the stream."""
        self.members.discard(member)
        self.moved()
        if not self.members:
            self.registry.close_to_newcomers(self)
            self._task.cancel()

    async def _run(self) -> None:
        try:
            events = await self.prepared.subscribe(self.context)
            if isinstance(events, ExecutionResult):
                self._put(True, _errors(events.errors or [], self.context))
                return
            async with aclosing(events):
                async for result in events:
                    self._put(False, self._encoded(result))
                    if self._is_ahead():
                        await self._caught_up()
        except Exception as error:  # of the source of the events: it ends the stream, as an error that viewers see
            self._put(False, self._encoded(ExecutionResult(None, [as_graphql_error(error)])))
        finally:
            self.ended = True
            self.registry.close_to_newcomers(self)
            self._wake()

    def _is_ahead(self) -> bool:
        return self.end - max((member.position for member in self.members), default=self.end) >= AHEAD

    async def _caught_up(self) -> None:
        """Waits for the fastest viewer: whoever reads a long past sets the pace."""
        while self._is_ahead():
            self.room = asyncio.get_running_loop().create_future()
            await self.room

    def moved(self) -> None:
        """A viewer has taken a result."""
        room = self.room
        if room is not None and not room.done() and not self._is_ahead():
            room.set_result(None)

    def _encoded(self, result: ExecutionResult) -> bytes:
        data = orjson.dumps(result.data)
        if not result.errors:
            return b'"data":' + data
        return b'"errors":' + _errors(result.errors, self.context) + b',"data":' + data

    def _put(self, fails: bool, result: bytes) -> None:
        self.results.append((fails, result))
        self.bytes += len(result)
        if self.first == 0 and (len(self.results) > MOST_KEPT or self.bytes > LARGEST_KEPT):
            self.registry.close_to_newcomers(self)
            self._trim()
        elif self.first and len(self.results) > 2 * MOST_KEPT:
            self._trim()
        self._wake(None if fails else result)

    def _trim(self) -> None:
        """Forgets what every viewer has seen, or is too far behind to get."""
        seen = min((member.position for member in self.members), default=self.end)
        keep_from = max(seen, self.end - MOST_BEHIND, 1)
        self.bytes -= sum(len(result) for _, result in self.results[: keep_from - self.first])
        del self.results[: keep_from - self.first]
        self.first = keep_from

    def _wake(self, result: bytes | None = None) -> None:
        """Hands a new result to those who wait for just that and can take it at once; wakes the others."""
        newest = self.end - 1
        for member in self.members:
            waiter = member.waiter
            if waiter is None or waiter.done():
                continue
            deliver = member.deliver if member.position == newest else None
            # No task has to run where the result can be written at once: that would cost as much as all the rest.
            if result is not None and deliver is not None and deliver(result):
                member.position += 1
            else:
                waiter.set_result(None)


class Member:
    """One viewer's place in a group."""

    __slots__ = ("deliver", "group", "position", "waiter")

    def __init__(self, group: Group) -> None:
        self.group, self.position = group, 0
        self.waiter: asyncio.Future[None] | None = None
        #: Takes a result at once; says whether it did.
        self.deliver: Callable[[bytes], bool] | None = None
        group.members.add(self)

    async def results(self) -> AsyncIterator[tuple[bool, bytes]]:
        """What follows: whether it is an error of the whole stream, and the members of its JSON object. Once only.

        Raises `TooSlow` where the viewer is too far behind.
        """
        group = self.group
        loop = asyncio.get_running_loop()
        try:
            while True:
                while self.position < group.end:
                    if self.position < group.first:
                        raise TooSlow
                    result = group.results[self.position - group.first]
                    self.position += 1
                    yield result
                    group.moved()
                if group.ended:
                    return
                self.waiter = loop.create_future()
                await self.waiter
        finally:
            group.leave(self)


def _errors(errors: list[GraphQLError], context: Context) -> bytes:
    formatted: list[Any] = [error.formatted for error in shown(errors, context)]
    return orjson.dumps(formatted)
