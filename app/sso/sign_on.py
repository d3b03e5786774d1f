"""Signing in by an identity provider, by people who are nobody yet."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

import structlog

from app.audit import service as audit
from app.audit.models import AuditResult
from app.core.actor import Actor, CredentialKind, Role
from app.core.clock import Clock, now
from app.core.errors import InvalidRequest, SoundstageError
from app.core.ids import new_id
from app.database.unit_of_work import UnitOfWork
from app.identity import repository as identity
from app.identity.models import User
from app.identity.service import add_member
from app.members.service import LONGEST_NAME, email_address
from app.sign_in.models import Means
from app.sign_in.service import SIGN_IN, disarm
from app.sign_in.sessions import Client, Sessions, SignedIn
from app.sso import repository
from app.sso.domains import domain_name, domain_of
from app.sso.errors import SsoFailed, SsoRefused, SsoStateMismatch, SsoUnavailable
from app.sso.exchange import Registration, authorization_url, tokens_for, with_email
from app.sso.id_tokens import Claims, verified
from app.sso.models import SsoConnection, SsoIdentity
from app.sso.provider import Metadata
from app.sso.service import SsoParts
from app.sso.transactions import Transaction, local_path, opened, sealed

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the browser goes, and what it has to bring back."""

    url: str
    cookie: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider's redirect carries (RFC 6749, section 4.1.2; RFC 9207)."""

    state: str | None
    code: str | None
    issuer: str | None
    error: str | None


@dataclass(frozen=True, slots=True)
class SignedOn:
    """An open session, and where the browser goes."""

    made: SignedIn
    return_to: str
    connection: str


class SignOn:
    """Both halves of a sign-in. `work` is the system's: its writes are committed by its owner."""

    def __init__(self, work: UnitOfWork, parts: SsoParts, client: Client, request_id: str, clock: Clock = now) -> None:
        self.work, self.parts, self.client, self.request_id, self.clock = work, parts, client, request_id, clock

    async def discover(self, email: str | None, domain: str | None) -> tuple[str, bool]:
        """The domain, and whether its people can sign on; the same for every address of the domain."""
        if (email is None) == (domain is None):
            raise InvalidRequest("Give either 'email' or 'domain'.")
        name = domain_of(email) if email is not None else domain_name(domain or "")
        return name, await self.work.one(repository.CONNECTION_OF_DOMAIN, domain=name) is not None

    async def begin(self, email: str | None, connection_id: str | None, return_to: str | None) -> Begun:
        """Raises `SsoUnavailable`, `SsoProviderUnavailable`."""
        if (email is None) == (connection_id is None):
            raise InvalidRequest("Give either 'email' or 'connectionId'.")
        path = local_path(return_to)
        if email is not None:
            connection = await self.work.one(repository.CONNECTION_OF_DOMAIN, domain=domain_of(email))
        else:
            connection = await self._enabled(connection_id or "")
        if connection is None:
            raise SsoUnavailable()
        metadata = await self.parts.providers.metadata(connection.issuer)
        begun = Transaction.begin(connection.id, connection.issuer, path)
        url = authorization_url(metadata, self._registration(connection), begun, email)
        return Begun(url, sealed(begun, self.parts.vault, self.clock()))

    async def finish(self, cookie: str | None, answer: Answer) -> SignedOn:
        """A session for whom the provider vouches.

        Raises `SsoStateMismatch`, `SsoFailed`, `SsoRefused`, `SsoUnavailable`, `SsoProviderUnavailable`.
        """
        begun = opened(cookie, self.parts.vault, self.clock())
        if not hmac.compare_digest(begun.state.encode(), (answer.state or "").encode()):
            raise SsoStateMismatch()
        connection = await self._enabled(begun.connection)
        if connection is None or connection.issuer != begun.issuer:
            raise SsoUnavailable()
        try:
            user_id = await self._person(connection, await self._claims(connection, begun, answer))
        except SoundstageError as error:
            await self._tell_failure(connection, error)
            raise
        sessions = Sessions(self.work, self.parts.mint, self.clock)
        made = await sessions.open(user_id, connection.organization_id, Means.COOKIE, self.client, second_factor=False)
        return SignedOn(made, begun.return_to, connection.id)

    async def _enabled(self, connection_id: str) -> SsoConnection | None:
        found = await self.work.one(repository.CONNECTION_ANYWHERE, id=connection_id)
        return found if found is not None and found.enabled else None

    def _registration(self, connection: SsoConnection) -> Registration:
        secret = self.parts.vault.open(connection.client_secret).get("client", "")
        return Registration(connection.client_id, secret, self.parts.redirect_uri)

    async def _claims(self, connection: SsoConnection, begun: Transaction, answer: Answer) -> Claims:
        providers = self.parts.providers
        metadata = await providers.metadata(connection.issuer)
        _check_answer(answer, metadata)
        ours = self._registration(connection)
        tokens = await tokens_for(answer.code or "", providers, metadata, ours, begun.verifier)
        claims = await verified(
            tokens.get("id_token"),
            providers,
            metadata,
            client_id=connection.client_id,
            nonce=begun.nonce,
            moment=self.clock(),
        )
        return await with_email(claims, tokens, providers, metadata)

    async def _person(self, connection: SsoConnection, claims: Claims) -> str:
        """The user that these claims are about; made, joined and linked where needed."""
        subject = claims["sub"]
        known = await self.work.one(repository.IDENTITY, connection_id=connection.id, subject=subject)
        if known is not None:
            user = await self.work.one(repository.USER, id=known.user_id)
            if user is None or not await self._is_member(connection, user.id):
                raise SsoRefused("not_a_member", "You are no longer a member of this organization.")
            _refuse_operators(user)
            return user.id
        email = await self._vouched_address(connection, claims)
        user = await self.work.one(repository.USER_BY_EMAIL, email=email)
        user_id = self._new_user(email, claims) if user is None else await self._existing(connection, user)
        if user is None or not await self._is_member(connection, user_id):
            add_member(self.work, connection.organization_id, user_id, connection.default_role, clock=self.clock)
        link = SsoIdentity(
            connection_id=connection.id,
            subject=subject,
            organization_id=connection.organization_id,
            user_id=user_id,
            created_at=self.clock(),
        )
        self.work.write(repository.ADD_IDENTITY, otherwise=SsoFailed("at_once"), **link.__dict__)
        return user_id

    async def _vouched_address(self, connection: SsoConnection, claims: Claims) -> str:
        """The address that the provider has verified, in a domain that is the organization's."""
        given = claims.get("email")
        if not isinstance(given, str) or claims.get("email_verified") is not True:
            raise SsoRefused("email_unverified", "Your identity provider has not verified your e-mail address.")
        try:
            email = email_address(given)
            domain = await self.work.one(repository.VERIFIED_DOMAIN, domain=domain_of(email))
        except InvalidRequest as error:
            raise SsoRefused("email_malformed") from error
        if domain is None or domain.organization_id != connection.organization_id:
            raise SsoRefused("domain_unverified", "Your e-mail address is of no verified domain of the organization.")
        return email

    async def _existing(self, connection: SsoConnection, user: User) -> str:
        """Links an account that was there. Somebody else could have made it beforehand, so it is emptied first."""
        _refuse_operators(user)
        if not await self._is_member(connection, user.id):
            disarm(self.work, user.id, self.clock())
        return user.id

    def _new_user(self, email: str, claims: Claims) -> str:
        told = claims.get("name")
        name = told.strip()[:LONGEST_NAME] if isinstance(told, str) else ""
        name = name.replace("\0", "") or email.partition("@")[0]
        user = User(id=new_id("usr"), email=email, name=name, created_at=self.clock())
        self.work.write(identity.ADD_USER, otherwise=SsoFailed("at_once"), **user.__dict__)
        return user.id

    async def _is_member(self, connection: SsoConnection, user_id: str) -> bool:
        found = await self.work.one(identity.STANDING, organization_id=connection.organization_id, user_id=user_id)
        return found is not None

    async def _tell_failure(self, connection: SsoConnection, error: SoundstageError) -> None:
        """Records a failure in the organization's audit log, whatever becomes of the request."""
        reason = error.reason if isinstance(error, SsoFailed | SsoRefused) else error.code
        log.info("sso.failed", connection=connection.id, reason=reason, request_id=self.request_id)
        work = UnitOfWork(self.work.database, None)
        audit.record(
            work,
            Actor(connection.organization_id, "", Role.VIEWER, kind=CredentialKind.SESSION),
            action=SIGN_IN,
            resource=connection.id,
            request_id=self.request_id,
            result=AuditResult.DENIED,
            details={"means": "sso", "connection": connection.id, "failed": reason},
        )
        await work.commit()


def _check_answer(answer: Answer, metadata: Metadata) -> None:
    """The answer is this provider's (RFC 9207, section 2.4: else another one got the person to send its code here)."""
    if answer.issuer != metadata.issuer and (answer.issuer is not None or metadata.names_itself):
        raise SsoFailed("issuer_of_answer")
    if answer.error is not None:
        raise SsoFailed("refused_by_provider")


def _refuse_operators(user: User) -> None:
    """An organization's provider must not vouch for who rules over all organizations."""
    if user.operator:
        raise SsoRefused("operator", "Operators of the installation sign in with their passwords.")
