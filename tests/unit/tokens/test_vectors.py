"""Vectors of others: Wycheproof's for ML-DSA-65, JWS and JWK, and the JOSE working group's for ML-DSA."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey

from app.tokens.encoding import encode
from app.tokens.errors import KeyRefused, TokenRefused
from app.tokens.jwk import Algorithm, PublicKey, public_jwk, read_key, read_set, thumbprint
from app.tokens.jws import open_jws
from app.tokens.private_keys import PostQuantumKey
from tests.support.suites import read_suite

#: Why a valid vector is refused here, by what it needs.
NOT_OURS = {
    "HS256": "symmetric: a verifier could mint",
    "RS256": "RSA is none of our two algorithms",
    "RS384": "RSA is none of our two algorithms",
    "RS512": "RSA is none of our two algorithms",
    "PS256": "RSA is none of our two algorithms",
    "PS384": "RSA is none of our two algorithms",
    "PS512": "RSA is none of our two algorithms",
    "ES521": "P-521 is none of our two algorithms",
    "HS384": "symmetric: a verifier could mint",
    "HS512": "symmetric: a verifier could mint",
}


def _cases(suite: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    return ((group, case) for group in suite["testGroups"] for case in group["tests"])


def _is_right(public: str, case: Mapping[str, Any]) -> bool:
    try:
        key = read_key({"kty": "AKP", "alg": "ML-DSA-65", "kid": "k", "pub": encode(bytes.fromhex(public))})
    except KeyRefused:
        return False
    return key.verifies(bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"]))


def test_wycheproof_ml_dsa_65() -> None:
    """JOSE signs with an empty context (RFC 9964): vectors with another one are not applicable."""
    results: Counter[str] = Counter()
    wrong = []

    for group, case in _cases(read_suite("wycheproof/mldsa_65_verify_test.json")):
        if case.get("ctx"):
            results["another context"] += 1
            continue
        results[case["result"]] += 1
        if _is_right(group["publicKey"], case) is not (case["result"] == "valid"):
            wrong.append((case["tcId"], case["comment"]))

    assert wrong == []
    assert results == APPLICABLE_ML_DSA


APPLICABLE_ML_DSA = {"valid": 77, "invalid": 126, "another context": 7}


def _opens(jws: object, keys: Mapping[str, PublicKey]) -> bool:
    if not isinstance(jws, str):
        return False  # the JSON serialization: a token is compact
    try:
        open_jws(jws, keys, Algorithm.ES256)
    except TokenRefused:
        return False
    return True


def test_wycheproof_json_web_signatures() -> None:
    """All 401: what is valid is accepted if it is ES256, everything else is refused."""
    results: Counter[str] = Counter()
    wrong = []

    for group, case in _cases(read_suite("wycheproof/json_web_signature_test.json")):
        key = group.get("public") or group["private"]
        valid, ours = case["result"] == "valid", key.get("alg") == "ES256"
        results["invalid" if not valid else "ES256" if ours else NOT_OURS[key["alg"]]] += 1
        if _opens(case["jws"], read_set([key])) is not (valid and ours):
            wrong.append((case["tcId"], case["comment"]))

    assert wrong == []
    assert sum(results.values()) == 401
    assert (results["ES256"], results["invalid"]) == (2, 355)


def test_wycheproof_json_web_keys() -> None:
    """All 26: those for ES256 are all bad keys."""
    results: Counter[str] = Counter()
    wrong = []

    for group, case in _cases(read_suite("wycheproof/json_web_key_test.json")):
        keys = (group.get("public") or group["private"])["keys"]
        valid = case["result"] == "valid"
        results[NOT_OURS[keys[0]["alg"]] if valid else "invalid"] += 1
        try:
            accepted = _opens(case["jws"], read_set(keys))
        except KeyRefused:
            accepted = False
        if accepted:
            wrong.append((case["tcId"], case["comment"]))

    assert wrong == []
    assert sum(results.values()) == 26


def test_the_working_groups_example() -> None:
    """From its seed we derive the same public key and thumbprint, and its signature verifies."""
    example = read_suite("jose-ml-dsa/ML_DSA_65.jose.json")
    private = MLDSA65PrivateKey.from_seed_bytes(bytes.fromhex(example["priv"]))

    jwk = public_jwk(private.public_key())
    opened = open_jws(example["jws"], {example["jwk"]["kid"]: read_key(example["jwk"])}, Algorithm.ML_DSA_65)

    assert (jwk["pub"], jwk["kid"]) == (example["jwk"]["pub"], example["jwk"]["kid"])
    assert thumbprint(example["jwk"]) == example["jwk"]["kid"]
    assert opened.payload.decode().startswith("It’s a dangerous business, Frodo")
    signed = bytes.fromhex(example["raw_to_be_signed"])
    assert read_key(jwk).verifies(PostQuantumKey(private).sign(signed), signed)


def test_the_other_parameter_sets_are_not_ours() -> None:
    for name in ("44", "87"):
        example = read_suite(f"jose-ml-dsa/ML_DSA_{name}.jose.json")
        assert read_set([example["jwk"]]) == {}
