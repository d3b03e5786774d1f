"""Our tokens in the hands of others: seven libraries verify them by the key sets that we publish."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt as pyjwt
import pytest
from jose import JWTError
from jose import jwt as python_jose
from joserfc import jwk as joserfc_keys
from joserfc import jwt as joserfc
from joserfc.errors import BadSignatureError
from jwcrypto import jwk as jwcrypto_keys
from jwcrypto import jws as jwcrypto_jws
from jwcrypto import jwt as jwcrypto

from app.tokens.encoding import decode, encode
from tests.support.live import LiveServer
from tests.support.node import run_client

Keys = dict[str, Any]


def _pyjwt(token: str, keys: Keys, issuer: str) -> dict[str, Any]:
    key = pyjwt.PyJWKSet.from_dict(keys)[pyjwt.get_unverified_header(token)["kid"]]
    return pyjwt.decode(token, key, algorithms=["ES256"], audience=issuer, issuer=issuer)


def _joserfc(token: str, keys: Keys, issuer: str) -> dict[str, Any]:
    found = joserfc.decode(token, joserfc_keys.KeySet.import_key_set(keys), algorithms=["ES256"])
    joserfc.JWTClaimsRegistry(iss={"essential": True, "value": issuer}).validate(found.claims)
    return dict(found.claims)


def _jwcrypto(token: str, keys: Keys, issuer: str) -> dict[str, Any]:
    whole = jwcrypto_keys.JWKSet.from_json(json.dumps(keys))
    checked = jwcrypto.JWT(algs=["ES256"], check_claims={"iss": issuer, "aud": issuer})
    checked.deserialize(token, whole)
    found: dict[str, Any] = json.loads(checked.claims)
    return found


def _python_jose(token: str, keys: Keys, issuer: str) -> dict[str, Any]:
    found: dict[str, Any] = python_jose.decode(token, keys, algorithms=["ES256"], audience=issuer, issuer=issuer)
    return found


#: How each verifies, and how it says that a signature is wrong.
LIBRARIES: list[tuple[Callable[[str, Keys, str], dict[str, Any]], type[Exception]]] = [
    (_pyjwt, pyjwt.InvalidSignatureError),
    (_joserfc, BadSignatureError),
    (_jwcrypto, jwcrypto.JWTMissingKey),
    (_python_jose, JWTError),
]


def _mint(live: LiveServer) -> str:
    tokens = live.product.tokens
    return live.run(
        tokens.mint({"sub": "usr_1", "org_id": "org_1", "scope": "*", "sid": "ses_1"}, timedelta(minutes=5))
    )


def _tampered(token: str) -> str:
    header, payload, signature = token.split(".")
    claims = json.loads(decode(payload))
    return f"{header}.{encode(json.dumps({**claims, 'sub': 'usr_2'}).encode())}.{signature}"


def test_the_libraries_of_python_verify_our_tokens(live: LiveServer) -> None:
    token, issuer = _mint(live), live.product.tokens.issuer
    keys = live.http.get("/.well-known/jwks.json").json()

    for verify, refusal in LIBRARIES:
        claims = verify(token, keys, issuer)
        assert (claims["sub"], claims["org_id"], claims["iss"]) == ("usr_1", "org_1", issuer), verify.__name__
        with pytest.raises(refusal):
            verify(_tampered(token), keys, issuer)


def test_the_libraries_of_node_verify_our_tokens(live: LiveServer) -> None:
    token, issuer = _mint(live), live.product.tokens.issuer
    order = {"jwks": f"{live.url}/.well-known/jwks.json", "issuer": issuer, "audience": issuer}

    found = run_client("jwt.mjs", {**order, "token": token})
    tampered = run_client("jwt.mjs", {**order, "token": _tampered(token)})

    assert [result["library"] for result in found] == ["jose", "jsonwebtoken", "fast-jwt"]
    assert [result.get("claims", {}).get("sub") for result in found] == ["usr_1"] * 3, found
    assert all("refused" in result for result in tampered), tampered


def test_the_second_proof_is_verified_by_another_library(live: LiveServer) -> None:
    """As a stranger would do it: the proof, the claims without it in canonical form, and the published key."""
    import rfc8785

    token = _mint(live)
    keys = live.http.get("/federation/jwks", params={"kty": "AKP"}).json()
    claims = json.loads(decode(token.split(".")[1]))
    header, _, signature = claims.pop("pqs").partition("..")
    named = json.loads(decode(header))

    def verify(payload: bytes) -> bytes:
        proof = jwcrypto_jws.JWS()
        proof.allowed_algs = ["ML-DSA-65"]
        proof.deserialize(f"{header}.{encode(payload)}.{signature}")
        [key] = [key for key in keys["keys"] if key["kid"] == named["kid"]]
        proof.verify(jwcrypto_keys.JWK(**key))
        verified: bytes = proof.payload
        return verified

    assert verify(rfc8785.dumps(claims)) == rfc8785.dumps(claims)
    assert named["ckid"] == json.loads(decode(token.split(".")[0]))["kid"]
    with pytest.raises(jwcrypto_jws.InvalidJWSSignature):
        verify(rfc8785.dumps({**claims, "sub": "usr_2"}))


def test_the_sets_are_split_by_family(live: LiveServer) -> None:
    def types(path: str, **query: str) -> set[str]:
        answer = live.http.get(path, params=query, headers={"Authorization": ""})
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=300"
        return {key["kty"] for key in answer.json()["keys"]}

    assert types("/.well-known/jwks.json") == {"EC"}
    assert types("/federation/jwks") == types("/v1/federation/jwks") == {"EC", "AKP"}
    assert types("/federation/jwks", kty="EC") == {"EC"}
    assert types("/federation/jwks", kty="AKP") == {"AKP"}
    assert live.http.get("/federation/jwks", params={"kty": "RSA"}).status_code == 400


def test_only_the_routes_let_others_keep_the_answer(live: LiveServer) -> None:
    """A GraphQL answer may hold what is private beside the keys."""
    answer = live.http.post("/graphql", json={"query": "{ jwks viewer { email } }"})

    assert len(answer.json()["data"]["jwks"]["keys"]) == 4
    assert "cache-control" not in answer.headers


def test_a_published_key_is_named_by_its_thumbprint_and_holds_no_secret(live: LiveServer) -> None:
    for jwk in live.http.get("/federation/jwks").json()["keys"]:
        assert jwcrypto_keys.JWK(**jwk).thumbprint() == jwk["kid"]
        assert set(jwk) == {"kid", "kty", "alg", "use"} | ({"pub"} if jwk["kty"] == "AKP" else {"crv", "x", "y"})
