"""What an operation document may not say."""

from __future__ import annotations

from pathlib import Path

import pytest

from rest_compat.operations import DocumentError
from rest_compat.service import operations


def test_only_what_is_public_may_be_kept_by_others(tmp_path: Path) -> None:
    folder = tmp_path / "microstax"
    folder.mkdir()
    (folder / "keys.graphql").write_text(
        'query Who @rest(method: GET, path: "/v1/who", maxAge: 300) { viewer { name } }\n'
    )

    with pytest.raises(DocumentError, match="Who: only what is public"):
        operations(tmp_path)
