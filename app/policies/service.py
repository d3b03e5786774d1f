"""The organization's policies: made, changed in versions, set to a mode, archived."""

from __future__ import annotations

from typing import Any

from app.core.actor import Actor
from app.core.clock import Clock, now
from app.core.errors import Conflict, InvalidRequest, NotFound, PreconditionFailed
from app.core.ids import new_id
from app.core.paging import NEWEST, Page
from app.database.unit_of_work import UnitOfWork
from app.identity.models import DefaultDecision
from app.policies import repository
from app.policies.document import parse_rules, plain_rules
from app.policies.errors import PolicyInvalid, PolicyNameTaken
from app.policies.models import Policy, PolicyMode, PolicyScope, PolicyStatus, PolicyVersion

LONGEST_NAME, LONGEST_DESCRIPTION = 100, 2_000
#: Sorts after every version.
_NEWEST_VERSION = 2**31 - 1


class Policies:
    """What an actor sees and does with its organization's policies."""

    def __init__(self, work: UnitOfWork, actor: Actor, clock: Clock = now) -> None:
        self.work, self.actor, self.clock = work, actor, clock

    async def find(self, policy_id: str) -> Policy | None:
        """One policy, archived ones included."""
        return await self.work.one(repository.POLICY, id=policy_id)

    async def get(self, policy_id: str) -> Policy:
        """The same; raises `NotFound`."""
        found = await self.find(policy_id)
        if found is None:
            raise NotFound()
        return found

    async def page(self, limit: int, before: str | None) -> Page[Policy]:
        """Policies from the newest on, archived ones included."""
        found = await self.work.all(repository.POLICIES_BEFORE, before=before or NEWEST, limit=limit + 1)
        return Page(found[:limit], len(found) > limit)

    async def versions(self, policy_id: str, limit: int, before: str | None) -> Page[PolicyVersion]:
        """A policy's versions from the newest on; raises `NotFound`."""
        await self.get(policy_id)
        if before is not None and not before.isdecimal():
            raise InvalidRequest("The cursor is not one that this API gave out. Leave it away to start anew.")
        last = min(int(before), _NEWEST_VERSION) if before else _NEWEST_VERSION
        found = await self.work.all(repository.VERSIONS_BEFORE, policy_id=policy_id, before=last, limit=limit + 1)
        return Page(found[:limit], len(found) > limit)

    def create(
        self,
        name: str,
        rules: Any,
        *,
        description: str = "",
        scope: PolicyScope = PolicyScope.ORG,
        target: str = "",
        mode: PolicyMode = PolicyMode.ENFORCE,
    ) -> Policy:
        """A new policy, in force with its commit; raises `PolicyInvalid`."""
        policy = self.draft(name, rules, description=description, scope=scope, target=target, mode=mode)
        self.work.write(repository.ADD_POLICY, otherwise=PolicyNameTaken(), **policy.__dict__)
        self._keep_version(policy)
        return policy

    def draft(
        self,
        name: str,
        rules: Any,
        *,
        description: str = "",
        scope: PolicyScope = PolicyScope.ORG,
        target: str = "",
        mode: PolicyMode = PolicyMode.ENFORCE,
    ) -> Policy:
        """A policy that is not stored; raises `PolicyInvalid`."""
        moment = self.clock()
        return Policy(
            id=new_id("pol"),
            organization_id=self.actor.organization_id,
            name=_name(name),
            description=_description(description),
            scope=scope,
            target=_target(scope, target),
            rules=plain_rules(parse_rules(rules)),
            mode=mode,
            status=PolicyStatus.ACTIVE,
            created_by=self.actor.user_id,
            created_at=moment,
            updated_at=moment,
        )

    async def update(
        self,
        policy_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        rules: Any = None,
        scope: PolicyScope | None = None,
        target: str | None = None,
        expected_version: int | None = None,
    ) -> Policy:
        """The next version, with what is given changed; raises `PreconditionFailed` at another version."""
        found = await self._active(policy_id, expected_version)
        chosen = found.scope if scope is None else scope
        aimed = _target(chosen, (found.target if scope is None else "") if target is None else target)
        return self._change(
            found,
            name=found.name if name is None else _name(name),
            description=found.description if description is None else _description(description),
            rules=found.rules if rules is None else plain_rules(parse_rules(rules)),
            scope=chosen,
            target=aimed,
        )

    async def set_mode(self, policy_id: str, mode: PolicyMode) -> Policy:
        """Enforces, monitors, or switches off."""
        found = await self._active(policy_id)
        return found if found.mode is mode else self._change(found, mode=mode)

    async def archive(self, policy_id: str) -> Policy:
        """Takes a policy out of use, for good; its name stays taken and its versions stay readable."""
        found = await self.get(policy_id)
        return found if found.status is PolicyStatus.ARCHIVED else self._change(found, status=PolicyStatus.ARCHIVED)

    def set_default(self, default: DefaultDecision) -> None:
        """What is decided where no policy says anything."""
        self.work.write(repository.SET_DEFAULT, default_decision=default)
        self.work.write(repository.RAISE_REVISION)

    async def _active(self, policy_id: str, expected_version: int | None = None) -> Policy:
        found = await self.get(policy_id)
        if expected_version is not None and found.version != expected_version:
            raise PreconditionFailed()
        if found.status is PolicyStatus.ARCHIVED:
            raise Conflict("The policy was archived, for good. Make a new one from its rules.")
        return found

    def _change(self, found: Policy, **changes: Any) -> Policy:
        changed = found.changed(**changes, version=found.version + 1, updated_at=self.clock())
        wrong = PolicyNameTaken() if changed.name != found.name else Conflict()
        self.work.write(repository.CHANGE_POLICY, expect=1, otherwise=wrong, seen=found.version, **changed.__dict__)
        self._keep_version(changed)
        return changed

    def _keep_version(self, policy: Policy) -> None:
        kept = {name: value for name, value in policy.__dict__.items() if name in PolicyVersion.model_fields}
        kept |= {"policy_id": policy.id, "created_by": self.actor.user_id, "created_at": policy.updated_at}
        self.work.write(repository.ADD_VERSION, **kept)
        self.work.write(repository.RAISE_REVISION)


def _name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME:
        raise PolicyInvalid(f"A name has 1 to {LONGEST_NAME} characters.")
    return name


def _description(text: str) -> str:
    if len(text) > LONGEST_DESCRIPTION:
        raise PolicyInvalid(f"A description has at most {LONGEST_DESCRIPTION:,} characters.")
    return text


def _target(scope: PolicyScope, target: str) -> str:
    if (scope is PolicyScope.ORG) != (not target):
        raise PolicyInvalid(
            "The scope `org` takes no target."
            if target
            else f"The scope `{scope}` takes a target: the {scope} that the policy is for."
        )
    if len(target) > 200:
        raise PolicyInvalid("A target has at most 200 characters.")
    return target
