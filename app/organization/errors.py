"""What can go wrong with an organization's settings."""

from __future__ import annotations

from app.core.errors import InvalidRequest


class DriftPolicyInvalid(InvalidRequest):
    """The drift policy does not make sense. Mind the limits in the message."""

    code = "DRIFT_POLICY_INVALID"


class ModelsInvalid(InvalidRequest):
    """The list of models is not valid. Give each id once, and an http or https address."""

    code = "MODELS_INVALID"
