"""Tokens, signing keys and federation."""

from __future__ import annotations

from tests.support.sampling import RouteSample, Sample

PROVIDER = {"name": "Cluster", "issuer": "http://127.0.0.1:9", "scopes": ["environments:read"]}
FEDERATED = {"audience": "https://other.example/org_1", "scopes": ["federation:read"], "lifetimeSeconds": 60}
SAMPLES: dict[str, Sample] = {
    "Query.verifyIdentity": Sample(),
    "Query.jwks": Sample(given=""),
    "Query.signingKeys": Sample(given=""),
    "Query.federationProviders": Sample(given=""),
    "Mutation.rotateSigningKey": Sample(lambda _: {"family": "CLASSICAL"}, given=""),
    "Mutation.mintFederatedToken": Sample(lambda _: {"input": FEDERATED}, given=""),
    "Mutation.registerFederationProvider": Sample(lambda _: {"input": PROVIDER}, given=""),
    "Mutation.syncFederationProvider": Sample(lambda facts: {"id": facts["provider"]}, given="", needs=("provider",)),
    "Mutation.removeFederationProvider": Sample(lambda facts: {"id": facts["provider"]}, given="", needs=("provider",)),
}

ROUTE_SAMPLES: dict[str, RouteSample] = {
    "GetIdentityVerify": RouteSample(),
    "MintFederatedToken": RouteSample(body=FEDERATED, given=""),
    "RegisterFederationProvider": RouteSample(body=PROVIDER, given=""),
    "GetFederationJwks": RouteSample(query={"kty": "AKP"}, given=""),
    "GetWellKnownJwks": RouteSample(given=""),
    "ListFederationProviders": RouteSample(query={"limit": "10"}, given="", needs=("provider",)),
    "SyncFederationProvider": RouteSample(lambda facts: {"id": facts["provider"]}, given="", needs=("provider",)),
}
