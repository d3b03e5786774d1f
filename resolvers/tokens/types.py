"""What keys, and what was verified of a token, look like in GraphQL."""

from __future__ import annotations

from datetime import datetime

import strawberry

from app.core.actor import Actor, CredentialKind
from app.tokens import jwk, models
from app.tokens.hybrid import Verified

KeyFamily = jwk.Family
strawberry.enum(
    KeyFamily,
    name="KeyFamily",
    description="Which mathematics a signature rests on: `CLASSICAL` is ES256, `POST_QUANTUM` is ML-DSA-65.",
)
SigningKeyState = models.KeyState
strawberry.enum(
    SigningKeyState,
    name="SigningKeyState",
    description="A signing key's life: `NEXT` is published, `ACTIVE` signs, what a `RETIRING` one signed is still "
    "accepted, what a `RETIRED` one signed is not.",
)
strawberry.enum(CredentialKind, name="CredentialKind", description="What a request was authenticated with.")


@strawberry.type(description="A signature of a token.")
class VerifiedSignature:
    alg: str = strawberry.field(description="The algorithm, as JOSE names it: `ES256` or `ML-DSA-65`.")
    kid: str | None = strawberry.field(description="The key that verified it; null where none did.")
    valid: bool = strawberry.field(description="Whether it was there and was verified.")


@strawberry.type(description="What the credential of this request proves.")
class IdentityVerification:
    valid: bool = strawberry.field(description="True: a credential that is not valid is answered with an error.")
    subject: str = strawberry.field(
        description="Who acts: the member, the agent, or for a federated token the subject as its issuer names it."
    )
    organization_id: strawberry.ID = strawberry.field(description="The organization in which the credential acts.")
    org_scope: str = strawberry.field(
        description="How far it reaches there: `organization` without a limit, `restricted` with the scopes below."
    )
    scopes: list[str] = strawberry.field(description="What the credential is limited to; `*` for no limit.")
    credential_kind: CredentialKind = strawberry.field(description="What the request was authenticated with.")
    expires_at: datetime | None = strawberry.field(description="When the token ends; null for other credentials.")
    issuer: str | None = strawberry.field(description="Who issued the token; null for other credentials.")
    classical: VerifiedSignature | None = strawberry.field(
        description="The token's ES256 signature; null for other credentials."
    )
    post_quantum: VerifiedSignature | None = strawberry.field(
        description="The token's ML-DSA-65 signature; null for other credentials."
    )
    signature_verified: bool = strawberry.field(description="Whether both signatures were there and were verified.")


@strawberry.type(description="A key that the installation signs tokens with. The private part is never shown.")
class SigningKey:
    kid: str = strawberry.field(description="Its RFC 7638 thumbprint.")
    family: KeyFamily = strawberry.field(description="Which mathematics it rests on.")
    state: SigningKeyState = strawberry.field(description="Where it is in its life.")
    created_at: datetime = strawberry.field(description="When it was made, and so published.")
    activates_at: datetime = strawberry.field(description="When it began to sign, or is to begin.")
    retires_at: datetime | None = strawberry.field(
        description="When what it signed is accepted no more; null while that is not settled."
    )
    revoked_at: datetime | None = strawberry.field(description="When it was dropped in an emergency; null otherwise.")

    @property
    def audited_as(self) -> str:
        """What the audit log names it by."""
        return self.kid


def verification(actor: Actor, verified: Verified | None) -> IdentityVerification:
    """What the actor's credential proves."""
    unlimited = "*" in actor.scopes
    return IdentityVerification(
        valid=True,
        subject=actor.user_id or actor.agent_id or actor.subject,
        organization_id=strawberry.ID(actor.organization_id),
        org_scope="organization" if unlimited else "restricted",
        scopes=sorted(actor.scopes),
        credential_kind=actor.kind,
        expires_at=verified.expires_at if verified else None,
        issuer=verified.text("iss") if verified else None,
        classical=_signature(jwk.Algorithm.ES256, verified.classical_kid) if verified else None,
        post_quantum=_signature(jwk.Algorithm.ML_DSA_65, verified.post_quantum_kid) if verified else None,
        signature_verified=actor.signature_verified,
    )


def signing_key(record: models.SigningKey) -> SigningKey:
    """The record as GraphQL shows it."""
    return SigningKey(
        kid=record.kid,
        family=record.family,
        state=record.state,
        created_at=record.created_at,
        activates_at=record.activates_at,
        retires_at=record.retires_at,
        revoked_at=record.revoked_at,
    )


def _signature(algorithm: jwk.Algorithm, kid: str | None) -> VerifiedSignature:
    return VerifiedSignature(alg=algorithm.value, kid=kid, valid=kid is not None)
