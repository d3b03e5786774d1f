"""Tokens: minting, verifying, and what they weigh, beside the same without the second proof."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import jwt
from cryptography.fernet import Fernet

from app.core.clock import now
from app.core.vault import Vault
from app.database.migrate import migrate_sqlite
from app.database.sqlite import SqliteDatabase
from app.tokens.hybrid import Issuer, Mode, verify
from app.tokens.jwk import Family, read_set
from app.tokens.models import KeyState
from app.tokens.private_keys import ClassicalKey, unseal
from app.tokens.service import SigningKeys

ISSUER = "https://soundstage.example"
CLAIMS = {
    "sub": "usr_01k9zq3v5x8w2r7t4m6n0p1s9d",
    "org_id": "org_01k9zq3v5x8w2r7t4m6n0p1s9d",
    "scope": "environments:write organization:read",
    "sid": "ses_01k9zq3v5x8w2r7t4m6n0p1s9d",
}


async def _times(count: int, work: Callable[[], Awaitable[object]]) -> list[float]:
    """Microseconds of each."""
    found = []
    for _ in range(count):
        began = time.perf_counter()
        await work()
        found.append((time.perf_counter() - began) * 1e6)
    return found


def _row(what: str, times: list[float], size: str = "") -> str:
    p99 = statistics.quantiles(times, n=100)[98]
    return f"| {what} | {statistics.median(times):,.0f} µs | {p99:,.0f} µs | {size} |"


async def compare(folder: Path) -> list[str]:
    """Rows of a table."""
    await migrate_sqlite(folder / "soundstage.db")
    database = await SqliteDatabase(folder / "soundstage.db").open()
    vault = Vault(Fernet.generate_key())
    keys = await SigningKeys(database, vault, issuer=ISSUER).open()
    known = await keys.all()
    active = next(key for key in known if (key.family, key.state) == (Family.CLASSICAL, KeyState.ACTIVE))
    private = unseal(active.sealed, vault)
    assert isinstance(private, ClassicalKey)
    token = await keys.mint(CLAIMS, timedelta(minutes=5))
    public = read_set(key.public for key in known)
    both, one = (Issuer(ISSUER, public, mode) for mode in (Mode.REQUIRE, Mode.OFF))
    moment = int(time.time())
    plain_claims = {**CLAIMS, "iss": ISSUER, "aud": ISSUER, "iat": moment, "nbf": moment, "exp": moment + 300}
    header = {"kid": active.kid, "typ": "at+jwt"}
    plain = jwt.encode(plain_claims, private.key, "ES256", header)

    async def mint() -> object:
        return await keys.mint(CLAIMS, timedelta(minutes=5))

    async def mint_plain() -> object:
        return jwt.encode(plain_claims, private.key, "ES256", header)

    async def verify_both() -> object:
        return verify(token, issuer=both, audience=ISSUER, now=now())

    async def verify_one() -> object:
        return verify(token, issuer=one, audience=ISSUER, now=now())

    async def verify_kept() -> object:
        return await keys.verify(token)

    async def verify_plain() -> object:
        return jwt.decode(plain, private.key.public_key(), ["ES256"], audience=ISSUER, issuer=ISSUER)

    rows = [
        _row("mint", await _times(500, mint), f"{len(token):,}"),
        _row("mint ES256 alone, by PyJWT", await _times(500, mint_plain), f"{len(plain):,}"),
        _row("verify both proofs", await _times(1_000, verify_both)),
        _row("verify the classical proof of the same", await _times(1_000, verify_one)),
        _row("verify again within a minute", await _times(5_000, verify_kept)),
        _row("verify ES256 alone, by PyJWT", await _times(1_000, verify_plain)),
    ]
    await database.close()
    return rows


def measure() -> list[str]:
    """Rows of a table."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(compare(Path(folder)))
