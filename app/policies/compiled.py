"""An organization's policies, compiled: for each action the closures that have a say in it, and how they are judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from app.core.canonical import canonical_hash
from app.core.errors import SoundstageError
from app.identity.models import DefaultDecision
from app.policies import document
from app.policies.call import Call
from app.policies.globs import any_matches, matcher
from app.policies.models import Policy, PolicyMode, PolicyScope, PolicyStatus, Verdict
from app.policies.plans import Place, Plan
from app.policies.rules import POLICY_ERROR, Bind, Finding, Judge, bind

#: Actions whose plans are kept; clients may name any action.
PLANS_KEPT = 2_048
_COUNTING = document.RateLimit | document.Budget | document.Concurrency


@dataclass(slots=True)
class Judgement:
    """How a call is judged before anything is counted."""

    verdict: Verdict
    #: Why it is refused; in monitor mode also why it would have been.
    reasons: list[dict[str, Any]]
    #: Rules that ask for an approval.
    approvals: list[Place]
    limits: list[Place]
    #: Set where the agent itself is refused, rather than the call.
    refusal: SoundstageError | None = None


def unruled(code: str, message: str) -> dict[str, Any]:
    """A reason that is no rule's."""
    names = {"policyId": "", "policyName": "", "version": 0, "ruleIndex": 0}
    return {**names, "code": code, "message": message, "mode": str(PolicyMode.ENFORCE)}


class Compiled:
    """The policies of one organization at one revision."""

    def __init__(self, policies: Sequence[Policy], default: DefaultDecision = DefaultDecision.ALLOW) -> None:
        active = [policy for policy in policies if policy.status is PolicyStatus.ACTIVE]
        self.default = default
        self.hash = set_hash(active, default)
        self._rules = [
            rule for policy in active if policy.mode is not PolicyMode.OFF for rule in _compile_policy(policy)
        ]
        # Denials come before allowlists: the reason that is told is the plainest.
        self._rules.sort(key=lambda rule: not isinstance(rule[0].rule, _DENYING))
        self._plans: dict[tuple[str, ...], Plan] = {}

    def judge(self, call: Call, *, explain: bool = False) -> Judgement:
        """Judges a call; stops at the first refusal, unless every reason is asked for."""
        plan = self._plans.get(call.words) or self._plan(call.words)
        reasons: list[dict[str, Any]] = []
        refused = False
        for place, judge in plan.checks.met_by(call):
            if place.concerns is not None and not place.concerns(call):
                continue
            try:
                finding = judge(call)
            except Exception as error:
                finding = _not_evaluated(error)
            if finding is None:
                continue
            reasons.append(place.reason(finding))
            if place.enforced:
                refused = True
                if not explain:
                    return Judgement(Verdict.DENY, reasons, [], [])
        if self.default is DefaultDecision.DENY and not refused and not _concern(plan.grants, call):
            refused = True
            reasons.append(unruled("default_deny", "The organization denies what no policy allows."))
        approvals = self._approvals(plan, call, reasons) if plan.approvals else []
        verdict = Verdict.DENY if refused else Verdict.ESCALATE if approvals else Verdict.ALLOW
        return Judgement(verdict, reasons, approvals, _concern(plan.limits, call))

    def _approvals(self, plan: Plan, call: Call, reasons: list[dict[str, Any]]) -> list[Place]:
        asking = []
        for place, judge in plan.approvals:
            if place.concerns is not None and not place.concerns(call):
                continue
            try:
                finding = judge(call)
            except Exception as error:
                finding = _not_evaluated(error)
            if finding is not None:
                reasons.append(place.reason(finding))
                if place.enforced:
                    asking.append(place)
        return asking

    def _plan(self, words: tuple[str, ...]) -> Plan:
        plan = Plan()
        for place, bound in self._rules:
            rule = place.rule
            if isinstance(rule, _COUNTING):
                if rule.actions is None or any_matches(matcher(rule.actions), words):
                    plan.limits.append(place)
                continue
            judge = bound(words) if bound is not None else None
            if place.enforced and _grants(rule, judge):
                plan.grants.append(place)
            if judge is not None:
                if isinstance(rule, document.RequireApproval):
                    plan.approvals.append((place, judge))
                else:
                    plan.checks.add(place, judge)
        if len(self._plans) >= PLANS_KEPT:
            self._plans.clear()
        self._plans[words] = plan
        return plan


_DENYING = (document.ActionDenylist, document.ResourceDeny)


def set_hash(active: Sequence[Policy], default: DefaultDecision) -> str:
    """SHA-256 over the canonical form (RFC 8785) of all active policies, by id, and the default."""
    documents = [
        {
            "id": policy.id,
            "version": policy.version,
            "scope": str(policy.scope),
            "target": policy.target,
            "mode": str(policy.mode),
            "rules": policy.rules,
        }
        for policy in sorted(active, key=lambda policy: policy.id)
    ]
    return canonical_hash({"default": str(default), "policies": documents})


def _compile_policy(policy: Policy) -> list[tuple[Place, Bind | None]]:
    concerns, enforced = _concerns(policy.scope, policy.target), policy.mode is PolicyMode.ENFORCE
    made: list[tuple[Place, Bind | None]] = []
    for index, rule in enumerate(document.parse_rules(policy.rules)):
        place = Place(policy.id, policy.name, policy.version, index, enforced, rule, concerns)
        made.append((place, None if isinstance(rule, _COUNTING) else bind(rule)))
    return made


def _concerns(scope: PolicyScope, target: str) -> Callable[[Call], bool] | None:
    if scope is PolicyScope.AGENT:
        return lambda call: call.agent_id == target
    if scope is PolicyScope.GROUP:
        return lambda call: target in call.groups
    if scope is PolicyScope.ENVIRONMENT:
        return lambda call: target in call.environments
    return None


def _not_evaluated(error: Exception) -> Finding:
    """A rule that cannot be evaluated refuses."""
    return Finding(POLICY_ERROR, f"The rule could not be evaluated: {error}")


def _grants(rule: document.Rule, judge: Judge | None) -> bool:
    """Whether a rule that does not refuse says yes to the action, rather than nothing."""
    if isinstance(rule, document.ActionAllowlist):
        return judge is None
    if isinstance(rule, document.AttributeMatch):
        return judge is not None and rule.effect == "allow"
    return judge is not None and isinstance(rule, document.ResourceAllow | document.Cedar)


def _concern(places: list[Place], call: Call) -> list[Place]:
    return [place for place in places if place.concerns is None or place.concerns(call)]
