"""An organization's connections to code hosts."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from app.database.statements import Record
from app.database.types import Choice, Moment


class CodeHost(enum.StrEnum):
    """Where repositories are."""

    GITHUB = "github"
    GITLAB = "gitlab"
    BITBUCKET = "bitbucket"


class Connection(Record):
    """A token of the organization's at a code host, and where that is. One for each code host."""

    id: str = Field(primary_key=True)
    organization_id: str = Field(foreign_key="organizations.id")
    host: CodeHost = Field(sa_type=Choice(CodeHost))
    #: Of its API, without a slash at the end.
    base_url: str
    #: Bitbucket's API tokens go with an e-mail address; empty for all others.
    username: str
    #: Whose token it is, as the code host says.
    account: str
    #: Sealed.
    token: str
    created_by: str
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)
    version: int = 1


class ConnectionTable(Connection, table=True):
    __tablename__ = "code_host_connections"
    __table_args__ = (UniqueConstraint("organization_id", "host", name="code_host_connections_once"),)
