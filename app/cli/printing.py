"""Prints documents that need no server."""

from __future__ import annotations

import dataclasses

from app.blueprints import json_schema, templates
from app.blueprints.validation import check
from app.cli import output
from app.cli.exits import CliError, Exit, this_command
from app.cli.problems import read_source, show_problems
from app.contract import contract
from app.core.errors import NotFound


def openapi() -> None:
    """The OpenAPI document of the REST API."""
    from rest_compat import openapi as document
    from rest_compat.service import operations

    output.write_json(document.build(operations(contract("graphql"))))


def schema() -> None:
    """The SDL of the GraphQL schema."""
    from resolvers.schema import build_schema

    output.write_text(build_schema().as_str())


def blueprint_schema() -> None:
    """The JSON Schema of Blueprints."""
    output.write_json(json_schema.schema())


def validate(file: str, *, as_json: bool) -> None:
    """Tells every problem of a Blueprint; raises `CliError` when there is one."""
    shown, source = read_source(file)
    checked = check(source)
    problems = [problem.as_dict() for problem in checked.problems]
    found = checked.blueprint
    if as_json:
        services = list(found.services) if found else []
        output.write_json({"valid": found is not None, "services": services, "problems": problems})
    if found is None:
        if not as_json:
            show_problems(shown, source, problems)
        raise CliError(f"{shown} does not validate.", f"{this_command()} blueprint schema   tells what may be written")
    if not as_json:
        output.write_text(f"{shown} is valid: {', '.join(found.services)}")


def show_templates(template_id: str | None, *, as_json: bool) -> None:
    """The bundled templates, or the text of one."""
    if template_id is not None:
        try:
            found = templates.template(template_id)
        except NotFound as error:
            raise CliError(error.message, f"{this_command()} blueprint templates", exit_code=Exit.USAGE) from None
        if as_json:
            output.write_json(dataclasses.asdict(found))
        else:
            output.write_text(found.source)
    elif as_json:
        output.write_json([dataclasses.asdict(found) for found in templates.templates()])
    else:
        rows = [(found.id, ", ".join(found.services), found.description) for found in templates.templates()]
        output.table(("ID", "SERVICES", "DESCRIPTION"), rows, last_folds=True)
