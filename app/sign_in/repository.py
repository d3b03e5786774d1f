"""All queries about signing in."""

from __future__ import annotations

from sqlalchemy import Integer, bindparam, exists, false, or_, select

from app.database.statements import (
    adding,
    change,
    changing,
    changing_everywhere,
    everywhere,
    readable,
    removing_everywhere,
    statement,
    table,
)
from app.identity.models import Credential, MembershipTable, Organization, OrganizationTable, UserTable
from app.identity.repository import opened_by
from app.sign_in.models import (
    Account,
    PasswordReset,
    PasswordResetTable,
    Place,
    RefreshToken,
    RefreshTokenTable,
    SignInSession,
    SignInSessionTable,
    UserSecrets,
    UserSecretsTable,
)

_users, _members, _secrets = table(UserTable).c, table(MembershipTable).c, table(UserSecretsTable).c
_sessions, _refresh, _resets = table(SignInSessionTable).c, table(RefreshTokenTable).c, table(PasswordResetTable).c
_organizations = table(OrganizationTable).c
_LIMIT = bindparam("limit", type_=Integer)

# Before somebody has signed in there is no organization to start from.
_ACCOUNT = select(
    _users.id,
    _users.email,
    _users.name,
    _secrets.password_hash,
    _secrets.totp_sealed,
    _secrets.totp_confirmed,
    _secrets.totp_step,
    _secrets.recovery_hashes,
    _secrets.version,
).join(_secrets.user_id.table, _secrets.user_id == _users.id, isouter=True)
ACCOUNT_BY_EMAIL = statement(_ACCOUNT.where(_users.email == bindparam("email")), Account)
ACCOUNT = statement(_ACCOUNT.where(_users.id == bindparam("user_id")), Account)
PLACES = statement(
    select(_members.organization_id, _members.role, _organizations.require_sso)
    .join(_organizations.id.table, _organizations.id == _members.organization_id)
    .where(_members.user_id == bindparam("user_id"))
    .order_by(_members.id),
    Place,
)
ORGANIZATION = statement(
    everywhere(OrganizationTable).where(_organizations.id == bindparam("organization_id")), Organization
)
ADD_SECRETS = change(adding(UserSecretsTable))
SET_PASSWORD = change(
    changing_everywhere(UserSecretsTable)
    .where(_secrets.user_id == bindparam("whose"))
    .values(password_hash=bindparam("new_hash"), version=_secrets.version + 1)
)
TAKE_STEP = change(
    changing_everywhere(UserSecretsTable)
    .where(_secrets.user_id == bindparam("whose"), _secrets.totp_step < bindparam("step", type_=Integer))
    .values(totp_step=bindparam("step", type_=Integer))
)
SET_SECOND_FACTOR = change(
    changing_everywhere(UserSecretsTable)
    .where(_secrets.user_id == bindparam("whose"), _secrets.version == bindparam("old_version"))
    .values(
        totp_sealed=bindparam("sealed"),
        totp_confirmed=bindparam("confirmed"),
        totp_step=bindparam("step", type_=Integer),
        recovery_hashes=bindparam("hashes"),
        version=_secrets.version + 1,
    )
)
#: Neither password nor second factor opens the account any more.
DISARM = change(
    changing_everywhere(UserSecretsTable)
    .where(_secrets.user_id == bindparam("whose"))
    .values(
        password_hash=bindparam("none"),
        totp_sealed=bindparam("none"),
        totp_confirmed=false(),
        recovery_hashes=bindparam("no_hashes"),
        version=_secrets.version + 1,
    )
)

ADD_SESSION = change(adding(SignInSessionTable))
SESSION_BY_HASH = statement(everywhere(SignInSessionTable).where(_sessions.hash == bindparam("hash")), SignInSession)
SESSION_BY_ID = statement(everywhere(SignInSessionTable).where(_sessions.id == bindparam("id")), SignInSession)
#: What a session opens, as long as it stands.
CREDENTIAL_BY_SESSION = statement(
    opened_by(table(SignInSessionTable), _sessions.last_used_at, _sessions.expires_at).where(
        _sessions.hash == bindparam("hash"), _sessions.revoked_at.is_(None)
    ),
    Credential,
)
CREDENTIAL_BY_SESSION_ID = statement(
    opened_by(table(SignInSessionTable), _sessions.last_used_at, _sessions.expires_at).where(
        _sessions.id == bindparam("id"), _sessions.revoked_at.is_(None)
    ),
    Credential,
)
SESSION_USED = change(
    changing(SignInSessionTable).where(_sessions.id == bindparam("id")).values(last_used_at=bindparam("moment"))
)
OWN_SESSION = statement(
    readable(SignInSessionTable).where(_sessions.id == bindparam("id"), _sessions.user_id == bindparam("user_id")),
    SignInSession,
)
OWN_SESSIONS_BEFORE = statement(
    readable(SignInSessionTable)
    .where(
        _sessions.user_id == bindparam("user_id"),
        _sessions.id < bindparam("before"),
        _sessions.revoked_at.is_(None),
        _sessions.expires_at > bindparam("moment"),
    )
    .order_by(_sessions.id.desc())
    .limit(_LIMIT),
    SignInSession,
)
END_SESSION = change(
    changing(SignInSessionTable)
    .where(_sessions.id == bindparam("id"), _sessions.revoked_at.is_(None))
    .values(revoked_at=bindparam("moment"))
)
#: All sessions of a person, in every organization, but one.
END_SESSIONS_OF = change(
    changing_everywhere(SignInSessionTable)
    .where(_sessions.user_id == bindparam("whose"), _sessions.id != bindparam("but"), _sessions.revoked_at.is_(None))
    .values(revoked_at=bindparam("moment"))
)
FORGET_SESSIONS = change(
    removing_everywhere(SignInSessionTable).where(
        or_(_sessions.expires_at < bindparam("moment"), _sessions.revoked_at < bindparam("moment"))
    )
)

ADD_REFRESH = change(adding(RefreshTokenTable))
REFRESH_BY_HASH = statement(everywhere(RefreshTokenTable).where(_refresh.hash == bindparam("hash")), RefreshToken)
USE_REFRESH = change(
    changing(RefreshTokenTable)
    .where(_refresh.hash == bindparam("hash"), _refresh.used_at.is_(None))
    .values(used_at=bindparam("moment"))
)
_ENDED = exists(
    select(_sessions.id).where(
        _sessions.id == _refresh.session_id,
        or_(_sessions.expires_at < bindparam("moment"), _sessions.revoked_at < bindparam("moment")),
    )
)
FORGET_REFRESH = change(removing_everywhere(RefreshTokenTable).where(_ENDED))

ADD_RESET = change(adding(PasswordResetTable))
RESET_BY_HASH = statement(everywhere(PasswordResetTable).where(_resets.hash == bindparam("hash")), PasswordReset)
USE_RESET = change(
    changing(PasswordResetTable)
    .where(_resets.hash == bindparam("hash"), _resets.used_at.is_(None))
    .values(used_at=bindparam("moment"))
)
#: All links of a person that still work.
VOID_RESETS_OF = change(
    changing_everywhere(PasswordResetTable)
    .where(_resets.user_id == bindparam("whose"), _resets.used_at.is_(None))
    .values(used_at=bindparam("moment"))
)
SECRETS = statement(everywhere(UserSecretsTable).where(_secrets.user_id == bindparam("user_id")), UserSecrets)
