"""What can be announced: the events that webhooks send and automations wait for."""

from __future__ import annotations

from app.core.errors import InvalidRequest

#: Each type of event, and when it happens. Whoever announces a new one adds a line.
KINDS: dict[str, str] = {
    "agent.suspended": "An agent was suspended.",
    "approval.requested": "An agent's call waits for somebody to approve it.",
    "commit.created": "A commit was made in a session, a rollback included.",
    "environment.created": "An environment was asked for.",
    "environment.degraded": "An environment was ready, and a part of it no longer is.",
    "environment.failed": "An environment failed; it is tried again by itself.",
    "environment.running": "All services of an environment are ready.",
    "environment.stopped": "An environment was stopped; folders and volumes are kept.",
    "environment.terminated": "An environment was deleted, and nothing of it is left.",
    "pull_request.closed": "A pull request was closed without being merged.",
    "pull_request.merged": "The commits of a pull request came into its target branch.",
    "pull_request.opened": "A pull request was opened.",
    "pull_request.reopened": "A closed pull request was opened again.",
    "pull_request.reviewed": "A pull request was reviewed.",
    "pull_request.updated": "A pull request has another text, another target, or its branches moved.",
    "repository.pushed": "Branches of a workspace's repository were moved by `git push`.",
    "session.created": "A session was made.",
    "session.deleted": "A session was deleted.",
    "workspace.created": "A workspace was made.",
    "workspace.deleted": "A workspace was deleted with all its sessions.",
    "workspace.updated": "A workspace has another name, description, default branch or settings.",
}
#: Events that came in by a webhook: `incoming.github.push`. They trigger automations and are sent to nobody.
INCOMING = "incoming."
#: Asked for by hand, and sent to one endpoint.
TEST = "webhook.test"
LONGEST_TYPE = 100
MOST_PATTERNS = 50


def checked_patterns(patterns: list[str], *, incoming: bool = False) -> list[str]:
    """Types of events, `environment.*`, or `*` for all; raises `InvalidRequest` for what never happens."""
    if not 1 <= len(patterns) <= MOST_PATTERNS:
        raise InvalidRequest(f"Name 1 to {MOST_PATTERNS} types of events; `*` is all of them.")
    wrong = sorted({pattern for pattern in patterns if not _happens(pattern, incoming)})
    if wrong:
        raise InvalidRequest(
            f"No event is called {', '.join(each[:LONGEST_TYPE] for each in wrong)}. There are {', '.join(KINDS)}; "
            "`environment.*` is all of a part, `*` all."
        )
    return sorted(set(patterns))


def matches(patterns: list[str], event_type: str) -> bool:
    """Whether one of the patterns means this type. `*` alone means no event that came in by a webhook."""
    return any(
        event_type.startswith(pattern[:-1]) if pattern.endswith(".*") else pattern == event_type for pattern in patterns
    ) or ("*" in patterns and not event_type.startswith(INCOMING))


def _happens(pattern: str, incoming: bool) -> bool:
    if pattern.startswith(INCOMING):
        return incoming and len(pattern) <= LONGEST_TYPE
    return pattern == "*" or any(matches([pattern], kind) for kind in KINDS)
