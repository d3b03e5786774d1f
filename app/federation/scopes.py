"""What a federated token may do: the smaller of what it claims and what its provider is allowed."""

from __future__ import annotations

from collections.abc import Iterable

from app.core.actor import ALL_SCOPES, ROLE_PERMISSIONS, Kind, Role, Scope, permission
from app.core.errors import InvalidRequest

#: What belongs to members alone: their own accounts, keys and people, and the trust in others.
_OWN = frozenset({Scope.ACCOUNT, Scope.CREDENTIALS, Scope.MEMBERS, Scope.FEDERATION, Scope.ADMINISTRATION})
#: What a provider can be allowed at all: a member's rights, never an admin's.
FEDERABLE = frozenset(
    found
    for scope in Scope
    if scope not in _OWN
    for kind in (Kind.READ, Kind.WRITE)
    if (found := permission(scope, kind)) in ROLE_PERMISSIONS[Role.MEMBER]
)


def checked(scopes: Iterable[str]) -> list[str]:
    """The scopes, sorted; raises `InvalidRequest` for those that no provider can have, and for none."""
    wanted = set(scopes)
    refused = sorted(wanted - FEDERABLE)
    if refused or not wanted:
        raise InvalidRequest(
            f"A provider cannot be allowed {', '.join(refused) or 'nothing'}. "
            f"It can be allowed {', '.join(sorted(FEDERABLE))}."
        )
    return sorted(wanted)


def smaller(claimed: Iterable[str], allowed: Iterable[str]) -> frozenset[str]:
    """What is in both, where writing includes reading."""
    return _expanded(claimed) & _expanded(allowed)


def _expanded(scopes: Iterable[str]) -> frozenset[str]:
    found = set(scopes)
    if ALL_SCOPES in found:
        return FEDERABLE
    found |= {f"{scope.rpartition(':')[0]}:{Kind.READ}" for scope in found if scope.endswith(f":{Kind.WRITE}")}
    return FEDERABLE & found
