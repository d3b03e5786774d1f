"""What policies refuse, and what can be wrong with them."""

from __future__ import annotations

from app.core.errors import Conflict, Forbidden, InvalidRequest


class PolicyDenied(Forbidden):
    """A policy of your organization does not permit this. `reasons` tells which rule, and why."""

    code = "POLICY_DENIED"


class BudgetExhausted(PolicyDenied):
    """A budget is used up. It begins anew with its next period."""


class ApprovalUsed(PolicyDenied):
    """The approval for this call was used by another call at the same time. Ask again."""


class ApprovalRequired(Forbidden):
    """A person has to approve this call first (`approvalId`). Repeat it unchanged once it is approved."""

    code = "APPROVAL_REQUIRED"


class PolicyInvalid(InvalidRequest):
    """The policy is not valid."""


class PolicyNameTaken(Conflict):
    """A policy of this name exists. Choose another name, or update the one that is there."""


class ApprovalDecided(Conflict):
    """This approval was decided, used, or has expired. Let the agent ask again."""


class AlreadySettled(Conflict):
    """The usage of this decision was settled already."""
