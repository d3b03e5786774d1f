"""What is asked of policies."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import strawberry
from strawberry.scalars import JSON

from app.core.errors import InvalidRequest
from app.policies.call import Usage
from app.policies.governance import Question, check_usage
from resolvers.policies.types import PolicyMode, PolicyScope
from resolvers.scalars import PolicyRule

LONGEST_ACTION = 200
LONGEST_RESOURCE = 2_000


@strawberry.input(description="A policy to make.")
class CreatePolicyInput:
    name: str = strawberry.field(description="1 to 100 characters, unique in the organization.")
    rules: list[PolicyRule] = strawberry.field(description="At most 100.")
    description: str | None = strawberry.field(default=None, description="What it is for.")
    org_id: strawberry.ID | None = strawberry.field(
        default=None, description="Your organization's id; refused where it is another's. May be left out."
    )
    scope: PolicyScope = strawberry.field(default=PolicyScope.ORG, description="Whom it concerns.")
    target: str | None = strawberry.field(default=None, description="The environment, group or agent that it is for.")
    mode: PolicyMode = strawberry.field(default=PolicyMode.ENFORCE, description="Whether it is enforced.")


@strawberry.input(description="What of a policy can change. What is left out stays as it is.")
class UpdatePolicyInput:
    name: str | None = strawberry.field(default=None, description="1 to 100 characters, unique in the organization.")
    rules: list[PolicyRule] | None = strawberry.field(default=None, description="Take the place of all rules.")
    description: str | None = strawberry.field(default=None, description="What it is for.")
    scope: PolicyScope | None = strawberry.field(default=None, description="Whom it concerns.")
    target: str | None = strawberry.field(default=None, description="The environment, group or agent that it is for.")


@strawberry.input(description="What a call uses at most, or has used.")
class UsageInput:
    tokens: int = strawberry.field(default=0, description="Tokens of a model.")
    cost: float = strawberry.field(default=0.0, description="Money, to a millionth.")


@strawberry.input(description="A call to judge.")
class EvaluatePolicyInput:
    action: str = strawberry.field(description="What is to be done: `orders.refund`, or `read`.")
    resource: str = strawberry.field(default="", description="To what: `orders/12345`, or a URL.")
    agent_id: strawberry.ID | None = strawberry.field(
        default=None, description="The agent; the one that asks by default."
    )
    arguments: JSON | None = strawberry.field(default=None, description="The call's arguments: a JSON object.")
    attributes: JSON | None = strawberry.field(
        default=None, description="What else rules may ask for: a JSON object; `agent` is filled in."
    )
    usage: UsageInput | None = strawberry.field(
        default=None, description="What the call uses at most: reserved from budgets, settled by `settleUsage`."
    )
    dry_run: bool = strawberry.field(
        default=False, description="Only tell how it would be decided: nothing is counted, reserved or asked for."
    )


@strawberry.input(description="A call to explain.")
class ExplainDecisionInput:
    action: str = strawberry.field(description="What is to be done: `orders.refund`, or `read`.")
    resource: str = strawberry.field(default="", description="To what: `orders/12345`, or a URL.")
    agent_id: strawberry.ID | None = strawberry.field(
        default=None, description="The agent; the one that asks by default."
    )
    arguments: JSON | None = strawberry.field(default=None, description="The call's arguments: a JSON object.")
    attributes: JSON | None = strawberry.field(default=None, description="What else rules may ask for: a JSON object.")
    usage: UsageInput | None = strawberry.field(default=None, description="What the call uses at most.")


@strawberry.input(description="A policy to try on what agents did.")
class BacktestPolicyInput:
    draft: CreatePolicyInput = strawberry.field(description="The policy.")
    from_: datetime = strawberry.field(name="from", description="Events from this time on …")
    to: datetime = strawberry.field(description="… and before this one.")
    replaces: strawberry.ID | None = strawberry.field(
        default=None, description="The policy whose place the draft takes; it is added to the others by default."
    )
    limit: int = strawberry.field(default=1_000, description="How many events at most, the newest: 1 to 10,000.")


def question(asked: EvaluatePolicyInput | ExplainDecisionInput) -> Question:
    """What is asked of the policies; raises `InvalidRequest`."""
    if not 1 <= len(asked.action) <= LONGEST_ACTION or len(asked.resource) > LONGEST_RESOURCE:
        raise InvalidRequest(
            f"An action has 1 to {LONGEST_ACTION} characters, a resource at most {LONGEST_RESOURCE:,}."
        )
    return Question(
        action=asked.action,
        resources=(asked.resource,),
        arguments=_object("arguments", asked.arguments),
        attributes=_object("attributes", asked.attributes),
        usage=usage(asked.usage),
    )


def usage(given: UsageInput | None) -> Usage:
    """The usage; raises `InvalidRequest` for what nobody can use."""
    made = Usage(given.tokens, given.cost) if given is not None else Usage()
    check_usage(made)
    return made


def _object(name: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidRequest(f"'{name}' has to be a JSON object.")
    return value
