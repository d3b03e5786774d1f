"""An organization as a whole, and what it has settled for itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.core.actor import Actor
from app.core.addresses import is_web_address
from app.core.clock import Clock, now
from app.core.errors import Conflict, NotFound, PreconditionFailed
from app.core.vault import Vault
from app.database.unit_of_work import UnitOfWork
from app.organization import repository
from app.organization.errors import DriftPolicyInvalid, ModelsInvalid
from app.organization.models import DriftAction, DriftPolicy, DriftSeverity, EnabledModel, Overview

#: Minutes between two looks: at least five, at most a week.
SHORTEST_SCHEDULE, LONGEST_SCHEDULE = 5, 7 * 24 * 60
MOST_EXEMPTIONS = 100
MOST_MODELS = 50
LONGEST_TEXT = 200
LONGEST_KEY = 4_000


@dataclass(frozen=True, slots=True)
class DriftChange:
    """What to change of a drift policy; None leaves it."""

    action: DriftAction | None = None
    severity_threshold: DriftSeverity | None = None
    schedule: int | None = None
    exemptions: Sequence[str] | None = None
    auto_remediate: bool | None = None


@dataclass(frozen=True, slots=True)
class ModelGiven:
    """A model to enable."""

    id: str
    name: str
    provider: str
    base_url: str
    #: None keeps the one that the model has at this address; empty removes it.
    api_key: str | None = None


class OwnOrganization:
    """The actor's organization."""

    def __init__(self, work: UnitOfWork, actor: Actor, vault: Vault, clock: Clock = now) -> None:
        self.work, self.actor, self.vault, self.clock = work, actor, vault, clock

    def check(self, organization_id: str | None) -> None:
        """Raises `NotFound` for any organization but the actor's own."""
        if organization_id not in (None, self.actor.organization_id):
            raise NotFound()

    async def overview(self) -> Overview:
        """The organization with what it holds."""
        found = await self.work.one(repository.OVERVIEW)
        if found is None:
            raise NotFound()
        return found

    async def second_factors(self, user_ids: list[str]) -> list[bool]:
        """Of each member, whether a second factor is confirmed."""
        found = {row["user_id"] for row in await self.work.all(repository.PROTECTED_MEMBERS, ids=user_ids)}
        return [user_id in found for user_id in user_ids]

    async def drift_policy(self) -> DriftPolicy:
        """What the organization has settled; the default where it has settled nothing."""
        found = await self.work.one(repository.DRIFT_POLICY)
        return found or DriftPolicy(
            organization_id=self.actor.organization_id,
            action=DriftAction.ALERT,
            severity_threshold=DriftSeverity.MEDIUM,
            schedule=60,
            exemptions=[],
            auto_remediate=False,
        )

    async def change_drift_policy(self, wanted: DriftChange, expected_version: int | None) -> DriftPolicy:
        """The changed policy. Raises `DriftPolicyInvalid`, `PreconditionFailed`, and `Conflict` at the commit."""
        old = await self.drift_policy()
        if expected_version not in (None, old.version):
            raise PreconditionFailed()
        given = {name: getattr(wanted, name) for name in DriftChange.__slots__}
        changes = {name: value for name, value in given.items() if value is not None}
        changed = old.changed(**changes, updated_at=self.clock(), version=old.version + 1)
        _check_drift(changed)
        if old.updated_at is None:
            self.work.write(repository.ADD_DRIFT_POLICY, otherwise=Conflict(), **changed.__dict__)
        else:
            values = {f"new_{name}": getattr(changed, name) for name in (*DriftChange.__slots__, "updated_at")}
            self.work.write(repository.CHANGE_DRIFT_POLICY, expect=1, old_version=old.version, **values)
        return changed

    async def models(self) -> list[EnabledModel]:
        """The models that the organization enables, in its own order."""
        return await self.work.all(repository.MODELS)

    async def set_models(self, given: Sequence[ModelGiven]) -> list[EnabledModel]:
        """Puts a list in the place of the one before; raises `ModelsInvalid`.

        A key stays with its model at its address: with another address it would be sent to whoever is there.
        """
        _check_models(given)
        before = {(each.id, each.base_url): each.secrets for each in await self.models()}
        made = [
            EnabledModel(
                organization_id=self.actor.organization_id,
                id=each.id,
                name=each.name,
                provider=each.provider,
                base_url=each.base_url,
                position=position,
                secrets=before.get((each.id, each.base_url), "")
                if each.api_key is None
                else self.vault.seal({"key": each.api_key} if each.api_key else {}),
            )
            for position, each in enumerate(given)
        ]
        self.work.write(repository.REMOVE_MODELS)
        for model in made:
            self.work.write(repository.ADD_MODEL, otherwise=Conflict(), **model.__dict__)
        return made


def _check_drift(policy: DriftPolicy) -> None:
    if not SHORTEST_SCHEDULE <= policy.schedule <= LONGEST_SCHEDULE:
        raise DriftPolicyInvalid(f"'schedule' has to be from {SHORTEST_SCHEDULE} to {LONGEST_SCHEDULE:,} minutes.")
    if len(policy.exemptions) > MOST_EXEMPTIONS or any(not 0 < len(each) <= LONGEST_TEXT for each in policy.exemptions):
        raise DriftPolicyInvalid(
            f"'exemptions' takes {MOST_EXEMPTIONS} texts of at most {LONGEST_TEXT} characters; none may be empty."
        )
    if policy.auto_remediate and policy.action is not DriftAction.REMEDIATE:
        raise DriftPolicyInvalid("'autoRemediate' goes with the action remediate only.")


def _check_models(given: Sequence[ModelGiven]) -> None:
    if len(given) > MOST_MODELS or len({each.id for each in given}) < len(given):
        raise ModelsInvalid(f"At most {MOST_MODELS} models, each id once.")
    for each in given:
        if any(not 0 < len(text) <= LONGEST_TEXT for text in (each.id, each.name, each.provider)):
            raise ModelsInvalid(f"A model's id, name and provider have 1 to {LONGEST_TEXT} characters.")
        if each.api_key is not None and (len(each.api_key) > LONGEST_KEY or not each.api_key.isascii()):
            raise ModelsInvalid(f"An API key has at most {LONGEST_KEY:,} ASCII characters.")
        if not is_web_address(each.base_url):
            raise ModelsInvalid(f"The base URL of {each.id} is no http or https address without user and password.")
