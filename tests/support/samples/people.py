"""People: signing in, members, roles, keys, single sign-on."""

from __future__ import annotations

from typing import Any

from tests.support.sampling import Facts, RouteSample, Sample
from tests.support.tenants import PASSWORD


def _organization(facts: Facts) -> dict[str, Any]:
    return {"organizationId": facts["organization"]}


SSO = {"issuer": "https://login.example", "clientId": "soundstage", "clientSecret": "s3cret-of-the-client"}
SAMPLES: dict[str, Sample] = {
    "Query.ssoConnections": Sample(given="", needs=("connection",)),
    "Query.ssoDiscover": Sample(lambda _: {"email": "somebody@nowhere.example"}, given=""),
    "Query.ssoLogin": Sample(lambda _: {"email": "somebody@nowhere.example"}, given="", otherwise="SSO_UNAVAILABLE"),
    "Mutation.ssoCallback": Sample(lambda _: {"state": "x", "code": "y"}, given="", otherwise="SSO_STATE_MISMATCH"),
    "Mutation.updateSso": Sample(lambda _: {"input": SSO}, given=""),
    "Mutation.removeSsoConnection": Sample(lambda facts: {"id": facts["connection"]}, given="", needs=("connection",)),
    "Mutation.verifySsoDomain": Sample(lambda facts: {"id": facts["domain"]}, given="", needs=("connection",)),
    "Mutation.confirmSsoDomain": Sample(lambda facts: {"record": facts["record"]}, given="", needs=("connection",)),
    "Query.viewer": Sample(given=""),
    "Query.apiKeys": Sample(_organization, given=""),
    "Query.member": Sample(lambda facts: {"id": facts["member"]}, given="", needs=("member",)),
    "Query.members": Sample(given=""),
    "Query.roles": Sample(given=""),
    "Query.role": Sample(lambda facts: {"id": facts["role"]}, given="", needs=("role",)),
    "Query.permissions": Sample(given=""),
    "Query.invitations": Sample(given="", needs=("invitation",)),
    "Query.organizations": Sample(given=""),
    "Query.organization": Sample(lambda facts: {"id": facts["organization"]}, given=""),
    "Query.account": Sample(given=""),
    "Query.signInSessions": Sample(given="", needs=("session",)),
    "Mutation.createApiKey": Sample(
        lambda facts: {**_organization(facts), "input": {"name": "deploy", "scopes": ["environments:read"]}}, given=""
    ),
    "Mutation.revokeApiKey": Sample(lambda facts: {"id": facts.key}, given=""),
    "Mutation.rotateApiKey": Sample(lambda facts: {"id": facts.key, "overlap": 60}, given=""),
    "Mutation.inviteMember": Sample(lambda _: {"input": {"email": "guest@example.com", "role": "viewer"}}, given=""),
    "Mutation.revokeInvitation": Sample(lambda facts: {"id": facts["invitation"]}, given="", needs=("invitation",)),
    "Mutation.updateMember": Sample(
        lambda facts: {"id": facts["member"], "input": {"role": "member"}}, given="", needs=("member",)
    ),
    "Mutation.removeMember": Sample(lambda facts: {"id": facts["member"]}, given="", needs=("member",)),
    "Mutation.createRole": Sample(
        lambda _: {"input": {"name": "tester", "permissions": ["environments:read"]}}, given=""
    ),
    "Mutation.updateRole": Sample(
        lambda facts: {"id": facts["role"], "input": {"permissions": ["environments:read"]}},
        given="",
        needs=("role",),
    ),
    "Mutation.deleteRole": Sample(lambda facts: {"id": facts["role"]}, given="", needs=("role",)),
    "Mutation.updateOrganization": Sample(
        lambda facts: {"id": facts["organization"], "input": {"name": "Renamed"}}, given=""
    ),
    "Mutation.createPasswordReset": Sample(lambda facts: {"userId": facts["member"]}, given="", needs=("member",)),
    "Mutation.signIn": Sample(
        lambda facts: {"input": {"email": facts["email"], "password": PASSWORD}}, given="", needs=("email",)
    ),
    "Mutation.refreshSession": Sample(
        lambda facts: {"refreshToken": facts["refresh_token"]}, given="", needs=("session",)
    ),
    "Mutation.acceptInvitation": Sample(
        lambda facts: {"input": {"token": facts["invitation_token"], "password": PASSWORD}},
        given="",
        needs=("invitation",),
    ),
    "Mutation.resetPassword": Sample(
        lambda facts: {"input": {"token": facts["reset_token"], "password": PASSWORD}}, given="", needs=("reset",)
    ),
    "Mutation.signOut": Sample(given="", session=True, otherwise="CONFLICT"),
    "Mutation.endSignInSession": Sample(
        lambda facts: {"id": facts["session"]}, given="", needs=("session",), otherwise="NOT_FOUND"
    ),
    "Mutation.changePassword": Sample(
        lambda _: {"input": {"currentPassword": PASSWORD, "newPassword": "another long password"}}, given=""
    ),
    "Mutation.beginSecondFactor": Sample(lambda _: {"password": PASSWORD}, given=""),
    "Mutation.confirmSecondFactor": Sample(
        lambda facts: {"code": facts["code"]}, given="", needs=("second_factor",), otherwise="CONFLICT"
    ),
    "Mutation.removeSecondFactor": Sample(
        lambda facts: {"input": {"password": PASSWORD, "code": facts["recovery_code"]}},
        given="",
        needs=("confirmed_factor",),
        otherwise="CONFLICT",
    ),
}

ROUTE_SAMPLES: dict[str, RouteSample] = {
    "DiscoverSso": RouteSample(query={"domain": "nowhere.example"}, given=""),
    "BeginSso": RouteSample(query={"email": "somebody@nowhere.example"}, given=""),
    "FinishSso": RouteSample(query={"state": "x", "code": "y"}, given=""),
    "UpdateSso": RouteSample(body=SSO, given=""),
    "ListSsoConnections": RouteSample(given="", needs=("connection",)),
    "RemoveSsoConnection": RouteSample(lambda facts: {"id": facts["connection"]}, given="", needs=("connection",)),
    "VerifySsoDomain": RouteSample(lambda facts: {"id": facts["domain"]}, given="", needs=("connection",)),
    "Login": RouteSample(
        body=lambda facts: {"email": facts["email"], "password": PASSWORD}, given="", needs=("email",)
    ),
    "RefreshLogin": RouteSample(
        body=lambda facts: {"refreshToken": facts["refresh_token"]}, given="", needs=("session",)
    ),
    "Register": RouteSample(
        body=lambda facts: {"token": facts["invitation_token"], "password": PASSWORD}, given="", needs=("invitation",)
    ),
    "Logout": RouteSample(given="", session=True),
    "GetMe": RouteSample(given=""),
    "GetAccount": RouteSample(given=""),
    "ChangePassword": RouteSample(body={"currentPassword": PASSWORD, "newPassword": "another long password"}, given=""),
    "ResetPassword": RouteSample(
        body=lambda facts: {"token": facts["reset_token"], "password": PASSWORD}, given="", needs=("reset",)
    ),
    "ListSessions": RouteSample(given="", needs=("session",)),
    "EndSession": RouteSample(lambda facts: {"id": facts["session"]}, given="", needs=("session",)),
    "BeginSecondFactor": RouteSample(body={"password": PASSWORD}, given=""),
    "ConfirmSecondFactor": RouteSample(body=lambda facts: {"code": facts["code"]}, given="", needs=("second_factor",)),
    "RemoveSecondFactor": RouteSample(
        body=lambda facts: {"password": PASSWORD, "code": facts["recovery_code"]},
        given="",
        needs=("confirmed_factor",),
    ),
    "ListUsers": RouteSample(given="", needs=("member",)),
    "GetUser": RouteSample(lambda facts: {"id": facts["member"]}, given="", needs=("member",)),
    "UpdateUser": RouteSample(
        lambda facts: {"id": facts["member"]}, body={"role": "member"}, given="", needs=("member",)
    ),
    "RemoveUser": RouteSample(lambda facts: {"id": facts["member"]}, given="", needs=("member",)),
    "OfferPasswordReset": RouteSample(lambda facts: {"id": facts["member"]}, given="", needs=("member",)),
    "InviteUser": RouteSample(body={"email": "guest@example.com", "role": "viewer"}, given=""),
    "ListInvitations": RouteSample(given="", needs=("invitation",)),
    "RevokeInvitation": RouteSample(lambda facts: {"id": facts["invitation"]}, given="", needs=("invitation",)),
    "ListRoles": RouteSample(given="", needs=("role",)),
    "GetRole": RouteSample(lambda facts: {"id": facts["role"]}, given="", needs=("role",)),
    "CreateRole": RouteSample(body={"name": "tester", "permissions": ["environments:read"]}, given=""),
    "UpdateRole": RouteSample(
        lambda facts: {"id": facts["role"]}, body={"description": "tests"}, given="", needs=("role",)
    ),
    "DeleteRole": RouteSample(lambda facts: {"id": facts["role"]}, given="", needs=("role",)),
    "ListPermissions": RouteSample(given=""),
    "ListCompanies": RouteSample(given=""),
    "GetCompany": RouteSample(lambda facts: {"id": facts["organization"]}, given=""),
    "UpdateCompany": RouteSample(lambda facts: {"id": facts["organization"]}, body={"name": "Renamed"}, given=""),
    "ListApiKeys": RouteSample(given=""),
    "CreateApiKey": RouteSample(body={"name": "deploy", "scopes": ["environments:read"]}, given=""),
    "RotateApiKey": RouteSample(lambda facts: {"id": facts["key"]}, body={"overlap": 60}, given=""),
    "RevokeApiKey": RouteSample(lambda facts: {"id": facts["key"]}, given=""),
}
