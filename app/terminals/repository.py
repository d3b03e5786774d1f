"""All queries about terminals."""

from __future__ import annotations

from sqlalchemy import BindParameter, Integer, bindparam, exists

from app.database.statements import (
    adding,
    change,
    changing,
    changing_everywhere,
    everywhere,
    readable,
    statement,
    table,
)
from app.terminals.models import Terminal, TerminalStatus, TerminalTable
from app.workspaces.models import SessionTable

_terminal, _session = table(TerminalTable).c, table(SessionTable).c
_LIMIT = bindparam("limit", type_=Integer)
_BEFORE: BindParameter[str] = bindparam("before")
_ID: BindParameter[str] = bindparam("id")
_OPEN = _terminal.status == TerminalStatus.OPEN
_OF_NODE = (_terminal.node == bindparam("node"), _OPEN)
_ENDED = {
    "status": TerminalStatus.ENDED,
    "cause": bindparam("cause"),
    "message": bindparam("message"),
    "exit_code": bindparam("exit_code"),
    "ended_at": bindparam("ended_at"),
    "version": _terminal.version + 1,
}
_SIZE = {"columns": bindparam("columns"), "rows": bindparam("rows"), "version": _terminal.version + 1}

TERMINAL = statement(readable(TerminalTable).where(_terminal.id == _ID), Terminal)
PAGE_BEFORE = statement(
    readable(TerminalTable)
    .where(_terminal.session_id == bindparam("session_id"), _terminal.id < _BEFORE)
    .order_by(_terminal.id.desc())
    .limit(_LIMIT),
    Terminal,
)
ADD = change(adding(TerminalTable))
#: Touches nothing where it has ended already: the first who sees the end tells it.
END = change(changing(TerminalTable).where(_terminal.id == _ID, _OPEN).values(_ENDED))
RESIZE = change(changing(TerminalTable).where(_terminal.id == _ID, _OPEN).values(_SIZE))

# What the keeper compares with the engine.
OPEN_OF_NODE = statement(everywhere(TerminalTable).where(*_OF_NODE), Terminal)
OF_GONE_SESSIONS = statement(
    everywhere(TerminalTable).where(*_OF_NODE, ~exists().where(_session.id == _terminal.session_id)), Terminal
)
SEE_END = change(changing_everywhere(TerminalTable).where(_terminal.id == _ID, _OPEN).values(_ENDED))
SEE_SIZE = change(changing_everywhere(TerminalTable).where(_terminal.id == _ID, _OPEN).values(_SIZE))
