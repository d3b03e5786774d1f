"""Who may call a root field, and what of it is audited: declared in the schema, enforced here and nowhere else."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from typing import Any, TypeVar

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.schema_directive import Location
from strawberry.types import Info
from strawberry.types.field import StrawberryField

from app.audit import service as audit
from app.core.actor import Kind, Scope
from app.policies.errors import PolicyDenied
from app.policies.governance import Question
from resolvers import judging
from resolvers.context import Context

#: How often a stream looks whether its agent may still act.
LOOK_AGAIN_SECONDS = 1.0
#: How often an evaluation is made at most where another call takes the room that it found.
ASKED_AT_MOST = 3

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

AccessScope = Scope
strawberry.enum(
    AccessScope, name="AccessScope", description="A part of the product that a credential can be limited to."
)
AccessKind = Kind
strawberry.enum(AccessKind, name="AccessKind", description="What an operation does to its scope.")


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="access",
    description="Calling this field takes a credential with this scope, in a role that permits this kind.",
)
class Access:
    scope: AccessScope = strawberry.directive_field(name="scope")
    kind: AccessKind = strawberry.directive_field(name="kind")


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION], name="public", description="Anybody may call this field."
)
class Public:
    pass


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="audit",
    description="Each call is recorded in the audit log under this action, in the transaction of its change.",
)
class Audit:
    action: str = strawberry.directive_field(name="action")


class Guard(FieldExtension):
    """Lets a root field resolve only for an actor that may call it; an agent's call also has to pass the policies."""

    #: Whether policies judge the field when an agent calls it.
    judged = True
    #: Whether nothing happens around the resolver but the check, and the judging of agents.
    reads = True

    def __init__(self, access: Access | None) -> None:
        self.access = access
        self._needed = None if access is None else (Scope(access.scope), Kind(access.kind))

    def check(self, context: Context) -> None:
        """Raises `Unauthorized` without an actor, `Forbidden` for one that may not."""
        if self._needed is not None:
            context.require_actor().require(*self._needed)

    def question(self, arguments: Mapping[str, Any]) -> Question:
        """What policies are asked: a field that reads has the action `<scope>.read`."""
        access = self.asks_for(arguments)
        scope = str(access.scope.value) if access is not None else judging.PUBLIC
        return judging.question(f"{scope}.{Kind.READ}", str(Kind.READ), arguments)

    def asks_for(self, arguments: Mapping[str, Any]) -> Access | None:
        """What a call takes."""
        return self.access

    def resolve_async(
        self, next_: Callable[..., Awaitable[Any]], source: Any, info: Info[Context, None], **arguments: Any
    ) -> Any:
        context = info.context
        if self.reads and not judging.is_judged(context):  # what `run` would do, without a coroutine around another
            self.check(context)
            return next_(source, info, **arguments)
        return self.run(context, arguments, lambda: next_(source, info, **arguments))

    async def run(self, context: Context, arguments: Mapping[str, Any], resolve: Callable[[], Awaitable[T]]) -> T:
        """Resolves for an actor that may; also the way in for what is no field, such as a push of commits."""
        self.check(context)
        if not judging.is_judged(context):
            return await resolve()
        if not self.judged:
            await self._tell(context)
            return await resolve()
        async with judging.judging(context, self.question(arguments)) as judged:
            await judging.admit(judged)
            return await resolve()

    async def _tell(self, context: Context) -> None:
        """Records an agent's call that policies do not judge."""
        work, action = context.governance().work, self.question({}).action
        audit.record(work, context.require_actor(), action=action, resource="", request_id=context.request_id)
        await work.commit()


class NodeGuard(Guard):
    """For `node`, which asks for whatever the id is one of."""

    def __init__(self, access: Access, by_prefix: Mapping[str, Access]) -> None:
        super().__init__(access)
        self.by_prefix = by_prefix

    def asks_for(self, arguments: Mapping[str, Any]) -> Access | None:
        return self.by_prefix.get(str(arguments.get("id", "")).partition("_")[0], self.access)


class StreamGuard(Guard):
    """The same for a subscription, whose resolver is an async generator: nothing is awaited before the first item."""

    #: Whether what it shows depends on the organization and its viewer's rights alone, so that viewers share it.
    shared = False

    def resolve_async(self, next_: Callable[..., Any], source: Any, info: Info[Context, None], **arguments: Any) -> Any:
        self.check(info.context)
        if not judging.is_judged(info.context):
            return next_(source, info, **arguments)
        return self._stream(next_, source, info, arguments)

    async def _stream(
        self, next_: Callable[..., Any], source: Any, info: Info[Context, None], arguments: dict[str, Any]
    ) -> AsyncIterator[Any]:
        """The items, as long as the agent may act."""
        context = info.context
        async with judging.judging(context, self.question(arguments)) as judged:
            await judging.admit(judged)
            looked = time.monotonic()
            async with aclosing(next_(source, info, **arguments)) as items:
                async for item in items:
                    if time.monotonic() - looked >= LOOK_AGAIN_SECONDS:
                        await judged.governance.check_agent(context.require_actor().agent_id)
                        looked = time.monotonic()
                    yield item


class MutationGuard(Guard):
    """The same for a mutation, which is also one unit of work: change, audit event and commit, or nothing."""

    reads = False

    def __init__(self, access: Access | None, action: str, *, personal: bool, judged: bool) -> None:
        super().__init__(access)
        self.action, self.personal = action, personal
        self.judged = judged and access is not None
        #: Whether a lost answer can be made again without doing it again.
        self.repeatable = judged

    def question(self, arguments: Mapping[str, Any]) -> Question:
        kind = str(self.access.kind.value) if self.access is not None else ""
        return judging.question(self.action, kind, arguments)

    async def run(self, context: Context, arguments: Mapping[str, Any], resolve: Callable[[], Awaitable[T]]) -> T:
        self.check(context)
        if self.personal:
            context.unbind()
        try:
            answer: T = await self._judge(context, self.question(arguments), resolve)
            return answer
        finally:
            if self.personal:
                context.bind()

    async def _judge(self, context: Context, asked: Question, resolve: Callable[[], Awaitable[Any]]) -> Any:
        replay = context.replay
        if not (self.judged and judging.is_judged(context)):
            return await replay() if replay is not None else await self._ask(context, asked, resolve)
        work = context.work if replay is None else None
        async with judging.judging(context, asked, work) as judged:
            if replay is not None:
                await judging.admit(judged)
                return await replay()
            return await self._judged_change(judged, asked, resolve)

    async def _ask(self, context: Context, asked: Question, resolve: Callable[[], Awaitable[Any]]) -> Any:
        """A change that may be a question to the policies: asked again where another call took the room meanwhile."""
        for _ in range(ASKED_AT_MOST - 1):
            with suppress(PolicyDenied):
                return await self._change(context, asked, resolve)
        return await self._change(context, asked, resolve)

    async def _judged_change(
        self, judged: judging.Judging, asked: Question, resolve: Callable[[], Awaitable[Any]]
    ) -> Any:
        try:
            return await self._change(judged.context, asked, resolve, judged)
        except PolicyDenied as error:
            await judged.refuse(error)
            raise
        except Exception as error:
            await judged.fail(error)
            raise

    async def _change(
        self,
        context: Context,
        asked: Question,
        resolve: Callable[[], Awaitable[Any]],
        judged: judging.Judging | None = None,
    ) -> Any:
        try:
            result = await resolve()
            # What has no id, such as a file, is told by what the call names.
            resource = str(getattr(result, "id", "") or next(iter(asked.resources), ""))
            if judged is not None:
                judged.record(resource)
            elif context.decision is not None:
                judging.record(context, context.work, context.decision)
            else:
                touched = str(getattr(result, "audited_as", resource))
                actor = context.require_actor()
                audit.record(
                    context.work,
                    actor,
                    action=self.action,
                    resource=touched,
                    request_id=context.request_id,
                    details=context.audit_details,
                )
            for prepare in context.before_commit:
                # What asks the policies returns no object that could be read again: it is asked again.
                prepare(resource if self.repeatable else "")
            await context.work.commit()
        except PolicyDenied:
            if context.decision is not None:
                context.governance().leave(context.decision)
            raise
        finally:
            context.work.discard()
            context.decision = None
        return result


def guarded_change(access: Access, action: str) -> MutationGuard:
    """The guard of a change that is no field: access, policies, one audit event, one transaction."""
    return MutationGuard(access, action, personal=False, judged=True)


def query(description: str, access: Access | None, *, judged: bool = True) -> Callable[[F], StrawberryField]:
    """Declares a root field that reads. Without `access` anybody may call it."""
    guard = Guard(access)
    guard.judged = judged
    return _field(description, [access or Public()], guard)


def node_query(description: str, access: Access, by_prefix: Mapping[str, Access]) -> Callable[[F], StrawberryField]:
    """Declares the root field that reads anything by its id; the prefix tells what that takes."""
    return _field(description, [access], NodeGuard(access, by_prefix))


def mutation(
    description: str, access: Access | None, *, audited: str, personal: bool = False, judged: bool = True
) -> Callable[[F], StrawberryField]:
    """Declares a root field that changes something.

    `personal`: it changes a person's own account, which is in no organization. Without `access` anybody may call it:
    then it sets `context.actor` to whom it has found the caller to be, and policies do not judge it. Nor do they judge
    an agent's call with `judged=False`: it is how an agent asks them.
    """
    guard = MutationGuard(access, audited, personal=personal, judged=judged)
    return _field(description, [access or Public(), Audit(action=audited)], guard)


def subscription(description: str, access: Access, *, shared: bool = False) -> Callable[[F], Any]:
    """Declares a root field that streams.

    `shared`: what it shows depends on the organization and its viewer's rights alone, and nothing happens because
    somebody watches. Then all who watch the same get the same bytes.
    """
    guard = StreamGuard(access)
    guard.shared = shared

    def declare(resolver: F) -> Any:
        return strawberry.subscription(resolver, description=description, directives=[access], extensions=[guard])

    return declare


def _field(description: str, directives: list[object], guard: Guard) -> Callable[[F], StrawberryField]:
    def declare(resolver: F) -> StrawberryField:
        return strawberry.field(resolver, description=description, directives=directives, extensions=[guard])

    return declare


def root_access(schema: strawberry.Schema) -> dict[str, tuple[str, str] | None]:
    """What each root field takes, as (scope, kind); None where anybody may. Raises `TypeError` for a silent one."""
    found: dict[str, tuple[str, str] | None] = {}
    for operation in (schema.query, schema.mutation, schema.subscription):
        for field in operation.__strawberry_definition__.fields if operation is not None else ():  # type: ignore[attr-defined]
            declared = next((item for item in field.directives if isinstance(item, (Access, Public))), None)
            if declared is None:
                raise TypeError(f"{field.python_name} needs an access rule: see resolvers/access.py")
            name = schema.config.name_converter.get_graphql_name(field)
            rule = None if isinstance(declared, Public) else (str(declared.scope.value), str(declared.kind.value))
            found[name] = rule
    return found
