"""What a shared server is told of its viewers: what the first one can do, less what would differ between them."""

from __future__ import annotations

import copy
from typing import Any

from app.language_servers.catalogue import Known
from app.language_servers.roots import Root

#: What a server may ask that is answered here.
REGISTER, UNREGISTER = "client/registerCapability", "client/unregisterCapability"
WATCHED = "workspace/didChangeWatchedFiles"


def initialize_params(given: dict[str, Any], known: Known, root: Root) -> dict[str, Any]:
    """The parameters of `initialize`, of the worktree and of nothing else."""
    params = copy.deepcopy(given)
    params.pop("workDoneToken", None)
    options = params.get("initializationOptions")
    if known.options or options is not None:
        params["initializationOptions"] = {**known.options, **(options if isinstance(options, dict) else {})}
    return {
        **params,
        "processId": None,  # the leash holds it; in its own namespace it could not see us
        "clientInfo": {"name": "soundstage"},
        "rootPath": str(root.folder),
        "rootUri": root.uri,
        "workspaceFolders": [{"uri": root.uri, "name": "workspace"}],
        "trace": "off",
        "capabilities": _shared(params.get("capabilities") or {}),
    }


def _shared(given: dict[str, Any]) -> dict[str, Any]:
    """Nothing is registered later, so that the answer to `initialize` says all; positions count UTF-16 units.

    Diagnostics are pushed, to all; progress is not told, since its tokens are one viewer's.
    """
    capabilities: dict[str, Any] = _without_registration(given)
    workspace = capabilities.setdefault("workspace", {})
    document = capabilities.setdefault("textDocument", {})
    workspace["configuration"] = True
    workspace["didChangeWatchedFiles"] = {"dynamicRegistration": True, "relativePatternSupport": False}
    workspace.pop("diagnostics", None)
    workspace.pop("workspaceFolders", None)
    document.pop("diagnostic", None)
    document.setdefault("publishDiagnostics", {})["versionSupport"] = True
    capabilities["window"] = {**capabilities.get("window", {}), "workDoneProgress": False}
    capabilities["general"] = {**capabilities.get("general", {}), "positionEncodings": ["utf-16"]}
    return capabilities


def _without_registration(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: False if name == "dynamicRegistration" else _without_registration(member)
            for name, member in value.items()
        }
    return value
