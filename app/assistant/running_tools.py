"""The tools for what runs in a session: commands, services and their databases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.assistant.tools import Tool, ToolContext, object_schema
from app.core.actor import Kind, Scope
from app.core.ids import new_id
from app.database.unit_of_work import UnitOfWork
from app.database_console.models import Bounds, Statement, Table
from app.database_console.service import ConsoleParts, DatabaseConsole
from app.environments.models import Environment, UnitRecord
from app.services.models import SessionService
from app.services.runtimes import RuntimeParts, Runtimes
from app.services.service import Services
from app.terminals.commands import begin, finish
from app.terminals.service import TerminalParts, Terminals

#: Within the time that a tool may take.
COMMAND_SECONDS, MOST_SECONDS, QUERY_SECONDS = 30, 50, 20.0
#: Of a command's output, from its beginning and from its end.
FIRST_CHARACTERS, LAST_CHARACTERS = 4_000, 12_000
MOST_ROWS, MOST_BYTES, MOST_TABLES = 100, 64 * 1024, 50
_TEXT = {"type": "string", "minLength": 1}
_SESSION = {"type": "string", "description": "The session; this chat's own where it is left out."}
_SERVICE = {"type": "string", "description": "The service's id, as list_services tells it."}
_READING: dict[str, Any] = {
    "scope": Scope.WORKSPACES,
    "kind": Kind.READ,
    "action": "workspaces.read",
}
_WRITING: dict[str, Any] = {"scope": Scope.WORKSPACES, "kind": Kind.WRITE}


@dataclass(frozen=True)
class RunningTools:
    """Makes the tools over the running product's parts."""

    runtimes: RuntimeParts
    terminals: TerminalParts
    databases: ConsoleParts

    def all(self) -> list[Tool]:
        """All of them."""
        return [self._run_command(), *self._of_services(), *self._of_databases()]

    # Commands.

    def _run_command(self) -> Tool:
        seconds = {"type": "integer", "minimum": 1, "maximum": MOST_SECONDS}
        return Tool(
            name="run_command",
            description="Runs a command of the shell in the session's working copy to its end, and tells its exit code "
            "and its output. Nobody types, and it is ended after `seconds` (30 by default). What is to run on is a "
            "service, not a command.",
            schema=object_schema({"sessionId": _SESSION, "command": _TEXT, "seconds": seconds}, ["command"]),
            action="terminal.open",
            run=self._command,
            resources=("sessionId",),
            **_WRITING,
        )

    async def _command(self, context: ToolContext, given: dict[str, Any]) -> Any:
        # Its row stands whatever becomes of the call: the command has run.
        own = UnitOfWork(context.work.database, context.actor.organization_id)
        terminals = Terminals(own, context.actor, self.terminals)
        opened = await begin(terminals, context.session(given), given["command"])
        ran = await finish(terminals, opened, seconds=given.get("seconds", COMMAND_SECONDS))
        return {
            "terminalId": opened.id,
            "exitCode": ran.exit_code,
            "timedOut": ran.timed_out,
            "message": ran.message,
            "output": _shortened(ran.output),
        }

    # Services.

    def _of_services(self) -> list[Tool]:
        return [
            Tool(
                name="list_services",
                description="The services of the session: what each runs, the state of its replicas, its ports, and "
                "whether it is a database. Their logs are read with read_environment_logs, by `environmentId`.",
                schema=object_schema({"sessionId": _SESSION}),
                run=self._list,
                resources=("sessionId",),
                **_READING,
            ),
            Tool(
                name="restart_service",
                description="Starts a service of the session afresh, whether it runs or not; its build is run again.",
                schema=object_schema({"sessionId": _SESSION, "serviceId": _SERVICE}, ["serviceId"]),
                action="service.restart",
                run=self._restart,
                resources=("sessionId", "serviceId"),
                **_WRITING,
            ),
        ]

    async def _list(self, context: ToolContext, given: dict[str, Any]) -> Any:
        session_id = context.session(given)
        services = await Services(context.work, context.actor, self.runtimes).all(session_id)
        runtimes = Runtimes(context.work, context.actor, self.runtimes)
        environment = await runtimes.of(session_id)
        units: list[UnitRecord] = []
        if environment is not None:
            [units] = await runtimes.environments.units([environment.id])
        return {
            "environmentId": environment.id if environment is not None else None,
            "services": [_service(each, environment, units) for each in services],
        }

    async def _restart(self, context: ToolContext, given: dict[str, Any]) -> Any:
        runtimes = Runtimes(context.work, context.actor, self.runtimes)
        found = await runtimes.restart(context.session(given), given["serviceId"])
        return {"id": found.id, "name": found.name, "told": "It is being started."}

    # Databases.

    def _of_databases(self) -> list[Tool]:
        named = {"sessionId": _SESSION, "serviceId": _SERVICE}
        query = {
            **named,
            "sql": _TEXT,
            "parameters": {"type": "array"},
            "write": {"type": "boolean", "description": "Whether it may change something; false by default."},
        }
        return [
            Tool(
                name="describe_database",
                description="The tables and views of a service's database with columns, keys and indexes.",
                schema=object_schema({**named, "schema": _TEXT}, ["serviceId"]),
                run=self._describe,
                resources=("sessionId", "serviceId"),
                **_READING,
            ),
            Tool(
                name="query_database",
                description=f"Runs one SQL statement in a service's database, and tells at most {MOST_ROWS} rows. It "
                "only reads, unless `write` is true: change data only where the person asked for it.",
                schema=object_schema(query, ["serviceId", "sql"]),
                action="database.query",
                run=self._query,
                resources=("sessionId", "serviceId"),
                **_WRITING,
            ),
        ]

    async def _describe(self, context: ToolContext, given: dict[str, Any]) -> Any:
        console = DatabaseConsole(context.work, context.actor, self.databases)
        session_id, service_id = context.session(given), given["serviceId"]
        page = await console.tables(session_id, service_id, given.get("schema"), None, MOST_TABLES)
        return {"tables": [_table(each) for each in page.items], "more": page.has_more}

    async def _query(self, context: ToolContext, given: dict[str, Any]) -> Any:
        console = DatabaseConsole(context.work, context.actor, self.databases)
        statement = Statement(given["sql"], given.get("parameters", []), given.get("write", False))
        bounds = Bounds(QUERY_SECONDS, MOST_ROWS, MOST_BYTES)
        name = new_id("qry")
        found = await console.query(context.session(given), given["serviceId"], statement, bounds, name)
        return {
            "columns": [{"name": column.name, "type": column.type} for column in found.columns],
            "rows": found.rows,
            "changed": found.changed,
            "cut": str(found.cut) if found.cut else None,
        }


def _shortened(output: str) -> str:
    left_out = len(output) - FIRST_CHARACTERS - LAST_CHARACTERS
    if left_out <= 0:
        return output
    return f"{output[:FIRST_CHARACTERS]}\n[{left_out:,} characters are left out]\n{output[-LAST_CHARACTERS:]}"


def _service(found: SessionService, environment: Environment | None, units: list[UnitRecord]) -> dict[str, Any]:
    ports = environment.ports if environment is not None else {}
    return {
        "id": found.id,
        "name": found.name,
        "command": found.definition.get("run"),
        "database": found.database["engine"] if found.database else None,
        "ports": {name: number for name, number in ports.items() if name.startswith(f"{found.name}/")},
        "replicas": [
            {"status": str(unit.status), "restarts": unit.restarts, "cause": unit.cause}
            for unit in units
            if unit.service == found.name
        ],
    }


def _table(found: Table) -> dict[str, Any]:
    return {
        "schema": found.schema,
        "name": found.name,
        "kind": str(found.kind),
        "columns": [f"{column.name} {column.type}{'' if column.nullable else ' NOT NULL'}" for column in found.columns],
        "primaryKey": found.primary_key,
        "foreignKeys": [
            f"{', '.join(key.columns)} -> {key.foreign_schema}.{key.foreign_table}({', '.join(key.foreign_columns)})"
            for key in found.foreign_keys
        ],
        "indexes": [f"{index.name} ({', '.join(index.columns)})" for index in found.indexes],
        "estimatedRows": found.estimated_rows,
    }
