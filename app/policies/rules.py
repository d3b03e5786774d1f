"""Each type of rule as closures. A rule is bound to an action once; what cannot concern it binds to nothing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from app.policies import cedar, document
from app.policies.call import Call
from app.policies.globs import any_matches, matcher
from app.policies.schemas import compile_schema

if TYPE_CHECKING:
    from cedarpy import Entities

POLICY_ERROR = "policy_error"
#: Agents whose Cedar entities are kept parsed, for each rule.
ENTITIES_KEPT = 256


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a rule refuses a call."""

    code: str
    message: str


Judge = Callable[[Call], Finding | None]
#: What a rule has to say about calls of an action (its words): a judge, or None where it has nothing to say.
Bind = Callable[[tuple[str, ...]], Judge | None]


class MissingAttribute(LookupError):
    """A rule asks for an attribute that the call does not have."""


def bind(rule: document.Rule) -> Bind:
    """The closure of a rule that denies or asks for approval; counting rules are in `limits`."""
    made = _BUILDERS[type(rule)](rule)
    actions = getattr(rule, "actions", None)
    if actions is None or isinstance(rule, document.ActionAllowlist | document.ActionDenylist):
        return made
    concerns = matcher(actions)
    return lambda words: made(words) if any_matches(concerns, words) else None


def _always(judge: Judge) -> Bind:
    return lambda words: judge


def _action_allowlist(rule: document.ActionAllowlist) -> Bind:
    listed, shown = matcher(rule.actions), ", ".join(rule.actions[:10]) or "nothing"

    def bound(words: tuple[str, ...]) -> Judge | None:
        if any_matches(listed, words):
            return None
        found = Finding("action_not_allowed", f"The action {words[0]} is not on the allowlist ({shown}).")
        return lambda call: found

    return bound


def _action_denylist(rule: document.ActionDenylist) -> Bind:
    listed = matcher(rule.actions)

    def bound(words: tuple[str, ...]) -> Judge | None:
        if not any_matches(listed, words):
            return None
        found = Finding("action_denied", f"The action {words[0]} is on the denylist.")
        return lambda call: found

    return bound


def _resource_allow(rule: document.ResourceAllow) -> Bind:
    listed = matcher(rule.resources)

    def judge(call: Call) -> Finding | None:
        for resource in call.resources:
            if not listed(resource):
                return Finding("resource_not_allowed", f"The resource {resource or '(none)'} is not on the allowlist.")
        return None

    return _always(judge)


def _resource_deny(rule: document.ResourceDeny) -> Bind:
    listed = matcher(rule.resources)

    def judge(call: Call) -> Finding | None:
        for resource in call.resources:
            if listed(resource):
                return Finding("resource_denied", f"The resource {resource or '(none)'} is on the denylist.")
        return None

    return _always(judge)


def _argument_schema(rule: document.ArgumentSchema) -> Bind:
    validator = compile_schema(rule.schema_)

    def judge(call: Call) -> Finding | None:
        if validator.is_valid(call.arguments):
            return None
        first = next(validator.iter_errors(call.arguments))
        where = ".".join(map(str, first.instance_path)) or "the arguments"
        # The schema's words, not the value's: it may hold a secret.
        return Finding("arguments_invalid", f"{where}: not valid by `{'.'.join(map(str, first.schema_path))}`.")

    return _always(judge)


def _attribute_match(rule: document.AttributeMatch) -> Bind:
    holds, wanted = _condition(rule.where), rule.effect == "allow"
    path, name = rule.where.attribute.split("."), rule.where.attribute
    found = Finding("attribute_denied", f"The attribute {name} does not permit this.")

    def judge(call: Call) -> Finding | None:
        try:
            value = attribute(call.attributes, path)
        except (LookupError, TypeError):
            raise MissingAttribute(f"The attribute {name} is missing.") from None
        return None if holds(value) is wanted else found

    return _always(judge)


def _condition(where: document.Where) -> Callable[[Any], bool]:
    if where.matches is not None:
        matches = matcher([where.matches])
        return lambda value: isinstance(value, str) and matches(value)
    if isinstance(where.equals, str):
        text = where.equals
        return lambda value: bool(value == text)
    known = distinct(where)
    return lambda value: isinstance(value, str | int | float) and (isinstance(value, bool), value) in known


def attribute(attributes: Mapping[str, Any], path: Sequence[str]) -> Any:
    """What a call has at a path; raises `LookupError` or `TypeError` where it has nothing."""
    value: Any = attributes
    for step in path:
        value = value[step]
    return value


def distinct(where: document.Where) -> set[tuple[bool, Any]]:
    """The values of `equals` or `in`. Python holds True and 1 for equal; JSON does not."""
    wanted = [where.equals] if where.equals is not None else list(where.in_ or ())
    return {(isinstance(value, bool), value) for value in wanted}


def _time_window(rule: document.TimeWindow) -> Bind:
    zone, days = ZoneInfo(rule.zone), [rule_day in rule.days for rule_day in document.Day]
    begin, end = rule.from_, rule.to
    shown = f"{begin:%H:%M} to {end:%H:%M} {rule.zone} on {', '.join(rule.days)}"
    found = Finding("outside_time_window", f"This is permitted only from {shown}.")

    def judge(call: Call) -> Finding | None:
        local = call.at.astimezone(zone)
        time, today = local.time(), local.weekday()
        if begin < end:
            return None if days[today] and begin <= time < end else found
        yesterday = (local - timedelta(days=1)).weekday()
        return None if (days[today] and time >= begin) or (days[yesterday] and time < end) else found

    return _always(judge)


def _require_approval(rule: document.RequireApproval) -> Bind:
    listed = matcher(rule.resources) if rule.resources is not None else None
    found = Finding("approval_required", "A person has to approve this call first.")

    def judge(call: Call) -> Finding | None:
        return found if listed is None or any_matches(listed, call.resources) else None

    return _always(judge)


def _egress_allow(rule: document.EgressAllow) -> Bind:
    listed = matcher(domain.lower().rstrip(".") for domain in rule.domains)

    def judge(call: Call) -> Finding | None:
        for domain in _domains(call):
            if not listed(domain):
                return Finding("egress_denied", f"The domain {domain} is not on the allowlist.")
        return None

    return _always(judge)


def _domains(call: Call) -> list[str]:
    """Every domain that a call names; raises `ValueError` for a URL without one."""
    found, named = [], call.attributes.get("domain")
    if named is not None:
        found.append(str(named).lower().rstrip("."))
    urls = [str(url) for url in (call.attributes.get("url"),) if url is not None]
    for url in (*urls, *(resource for resource in call.resources if "://" in resource)):
        host = urlsplit(url).hostname
        if not host:
            raise ValueError("The URL names no domain.")
        found.append(host.lower().rstrip("."))
    return found


def _cedar(rule: document.Cedar) -> Bind:
    policies = cedar.parse(rule.text, rule.schema_)
    kept: OrderedDict[str, tuple[Any, Entities]] = OrderedDict()

    def entities(call: Call) -> Entities:
        attributes = call.attributes.get("agent") or {}
        known = kept.get(call.agent_id)
        if known is None or known[0] != attributes:
            made = cedar.agent_entities(call.agent_id, {**attributes, "groups": sorted(call.groups)})
            known = kept[call.agent_id] = (attributes, made)
            while len(kept) > ENTITIES_KEPT:
                kept.popitem(last=False)
        return known[1]

    def judge(call: Call) -> Finding | None:
        given = {name: value for name, value in call.attributes.items() if name != "agent"}
        said = cedar.context({"attributes": given, "arguments": call.arguments, "kind": call.kind})
        for resource in call.resources:
            request = {
                "principal": {"type": "Agent", "id": call.agent_id},
                "action": {"type": "Action", "id": call.action},
                "resource": {"type": "Resource", "id": resource},
                "context": said,
            }
            answer = policies.authorize(request, entities(call))
            if answer.errors:
                return Finding(POLICY_ERROR, f"Cedar could not evaluate: {answer.errors[0]}")
            if not answer.allowed:
                by = f" by {', '.join(answer.reasons)}" if answer.reasons else ": no policy permits it"
                return Finding("cedar_denied", f"Cedar forbids this{by}.")
        return None

    return _always(judge)


_BUILDERS: dict[type[Any], Callable[[Any], Bind]] = {
    document.ActionAllowlist: _action_allowlist,
    document.ActionDenylist: _action_denylist,
    document.ResourceAllow: _resource_allow,
    document.ResourceDeny: _resource_deny,
    document.ArgumentSchema: _argument_schema,
    document.AttributeMatch: _attribute_match,
    document.TimeWindow: _time_window,
    document.RequireApproval: _require_approval,
    document.EgressAllow: _egress_allow,
    document.Cedar: _cedar,
}
