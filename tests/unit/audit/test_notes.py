"""Signed checkpoints: the form of C2SP, both signatures, and nothing else counts."""

from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.audit.notes import Checkpoint, NoteInvalid, PublicKey, origin_of, parse_note, signed_note, unsigned
from tests.support.signing import SIGNER, KeyPair

pytestmark = pytest.mark.anyio

CHECKPOINT = Checkpoint(origin_of("org_1"), 42, bytes(range(32)))
KEYS = [PublicKey(jwk) for jwk in SIGNER.jwks]


async def _note(keys: KeyPair = SIGNER) -> str:
    return signed_note(CHECKPOINT, await keys.sign(CHECKPOINT.text().encode()), keys.jwks)


async def test_a_note_has_the_documented_form() -> None:
    note = await _note()

    *text, blank, classical, post_quantum, end = note.split("\n")
    assert text == ["soundstage/org_1", "42", base64.b64encode(bytes(range(32))).decode()]
    assert (blank, end) == ("", "")
    assert classical.startswith("\u2014 soundstage/org_1 ")
    assert len(base64.b64decode(post_quantum.rpartition(" ")[2])) == 4 + 3_309


async def test_key_ids_are_those_of_the_specification() -> None:
    der = SIGNER.classical.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    raw = SIGNER.post_quantum.public_key().public_bytes_raw()

    assert KEYS[0].id("any") == hashlib.sha256(der).digest()[:4]
    assert KEYS[1].id("name") == hashlib.sha256(b"name\n\xffsoundstage/ML-DSA-65" + raw).digest()[:4]


async def test_both_signatures_vouch_for_a_note() -> None:
    signed = parse_note(await _note())

    assert signed.checkpoint == CHECKPOINT
    assert unsigned(signed, KEYS) == []


async def test_keys_of_others_vouch_for_nothing() -> None:
    assert unsigned(parse_note(await _note(KeyPair("other"))), KEYS) == ["ES256", "ML-DSA-65"]


@pytest.mark.parametrize(("line", "missing"), [(0, "ES256"), (1, "ML-DSA-65")])
async def test_a_note_without_one_signature_is_not_enough(line: int, missing: str) -> None:
    body, lines = (await _note()).split("\n\n")
    kept = [found for number, found in enumerate(lines.splitlines(keepends=True)) if number != line]

    assert unsigned(parse_note(body + "\n\n" + "".join(kept)), KEYS) == [missing]


async def test_another_size_is_not_signed() -> None:
    note = (await _note()).replace("\n42\n", "\n43\n")

    assert unsigned(parse_note(note), KEYS) == ["ES256", "ML-DSA-65"]


async def test_lines_of_other_names_and_unknown_keys_are_ignored() -> None:
    note = await _note()
    witness = "\u2014 witness.example " + base64.b64encode(bytes(68)).decode() + "\n"
    unknown = "\u2014 soundstage/org_1 " + base64.b64encode(bytes(68)).decode() + "\n"

    assert unsigned(parse_note(note + witness + unknown), KEYS) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "origin\n1\n\n",
        "origin\n01\nAAAA\n\n\u2014 origin AAAA\n",
        "origin\nx\nAAAA\n\n\u2014 origin AAAA\n",
        "origin\n1\nAAAA\n\n\u2014 origin AAAA\n",
        "origin\n1\n" + base64.b64encode(bytes(32)).decode() + "\n\n- origin AAAA\n",
        "origin\n1\n" + base64.b64encode(bytes(32)).decode() + "\n\n\u2014 origin ???\n",
        "origin\n1\n" + base64.b64encode(bytes(32)).decode() + "\nmore\n\n\u2014 origin AAAA\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteInvalid):
        parse_note(text)


@pytest.mark.parametrize("jwk", [{"kty": "RSA"}, {"kty": "AKP", "alg": "ML-DSA-44", "pub": ""}, {"kty": "oct"}, {}])
def test_other_kinds_of_key_are_refused(jwk: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="ES256 and ML-DSA-65"):
        PublicKey(jwk)
