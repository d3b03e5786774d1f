"""Who may call a root field, and what of it is audited: declared in the schema, enforced here and nowhere else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.schema_directive import Location
from strawberry.types import Info
from strawberry.types.field import StrawberryField

from app.audit import service as audit
from app.core.actor import Kind, Scope
from resolvers.context import Context

F = TypeVar("F", bound=Callable[..., Any])

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
    """Lets a root field resolve only for an actor that may call it."""

    def __init__(self, access: Access | None) -> None:
        self.access = access

    def check(self, context: Context) -> None:
        """Raises `Unauthorized` without an actor, `Forbidden` for one that may not."""
        if self.access is not None:
            context.require_actor().require(Scope(self.access.scope), Kind(self.access.kind))

    async def resolve_async(
        self, next_: Callable[..., Awaitable[Any]], source: Any, info: Info[Context, None], **arguments: Any
    ) -> Any:
        self.check(info.context)
        return await next_(source, info, **arguments)


class StreamGuard(Guard):
    """The same for a subscription, whose resolver is an async generator: nothing is awaited before the first item."""

    def resolve_async(self, next_: Callable[..., Any], source: Any, info: Info[Context, None], **arguments: Any) -> Any:
        self.check(info.context)
        return next_(source, info, **arguments)


class MutationGuard(Guard):
    """The same for a mutation, which is also one unit of work: change, audit event and commit, or nothing."""

    def __init__(self, access: Access | None, action: str, *, personal: bool) -> None:
        super().__init__(access)
        self.action, self.personal = action, personal

    async def resolve_async(
        self, next_: Callable[..., Awaitable[Any]], source: Any, info: Info[Context, None], **arguments: Any
    ) -> Any:
        context = info.context
        self.check(context)
        if self.personal:
            context.unbind()
        if context.replay is not None:
            return await context.replay()
        try:
            result = await next_(source, info, **arguments)
            actor = context.require_actor()
            resource = str(getattr(result, "id", "") or "")
            touched = str(getattr(result, "audited_as", resource))
            audit.record(
                context.work,
                actor,
                action=self.action,
                resource=touched,
                request_id=context.request_id,
                details=context.audit_details,
            )
            for prepare in context.before_commit:
                prepare(resource)
            await context.work.commit()
        finally:
            context.work.discard()
            if self.personal:
                context.bind()
        return result


def query(description: str, access: Access | None) -> Callable[[F], StrawberryField]:
    """Declares a root field that reads. Without `access` anybody may call it."""
    return _field(description, [access or Public()], Guard(access))


def mutation(
    description: str, access: Access | None, *, audited: str, personal: bool = False
) -> Callable[[F], StrawberryField]:
    """Declares a root field that changes something.

    `personal`: it changes a person's own account, which is in no organization. Without `access` anybody may call it:
    then it sets `context.actor` to whom it has found the caller to be.
    """
    guard = MutationGuard(access, audited, personal=personal)
    return _field(description, [access or Public(), Audit(action=audited)], guard)


def subscription(description: str, access: Access) -> Callable[[F], Any]:
    """Declares a root field that streams."""

    def declare(resolver: F) -> Any:
        return strawberry.subscription(
            resolver, description=description, directives=[access], extensions=[StreamGuard(access)]
        )

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
