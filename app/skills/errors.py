"""What can be wrong with a skill."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, Unprocessable


class SkillNotFound(NotFound):
    """No skill with this id is visible to you."""


class SkillNameTaken(Conflict):
    """The workspace has a skill of this name. Choose another name, or change the one that is there."""

    code = "SKILL_NAME_TAKEN"


class BadSkill(Unprocessable):
    """The skill is not valid."""

    code = "BAD_SKILL"


class TooManySkills(Conflict):
    """The workspace has as many skills as it can have. Delete one that is not needed any more."""

    code = "TOO_MANY_SKILLS"
