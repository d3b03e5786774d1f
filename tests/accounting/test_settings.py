"""Every setting says what it does, and every one can be given by the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.settings import Settings


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_setting_is_described(name: str) -> None:
    description = Settings.model_fields[name].description or ""

    assert description, f"give {name} in app/settings.py a description"
    assert description.endswith("."), f"the description of {name} is not a sentence"


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDSTAGE_PORT", "8123")
    monkeypatch.setenv("SOUNDSTAGE_DATA_DIR", "/somewhere")
    monkeypatch.setenv("SOUNDSTAGE_ALLOWED_ORIGINS", '["https://app.example"]')
    monkeypatch.setenv("SOUNDSTAGE_ISOLATION", "plain")

    settings = Settings()

    assert (settings.port, settings.data_dir) == (8123, Path("/somewhere"))
    assert settings.allowed_origins == ["https://app.example"]
    assert settings.isolation == "plain"


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "70000"), ("PORT", "-1"), ("BODY_LIMIT", "0"), ("ISOLATION", "x")]
)
def test_a_setting_out_of_range_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"SOUNDSTAGE_{name}", value)

    with pytest.raises(ValueError):
        Settings()


def test_the_server_listens_only_to_this_machine_unless_told() -> None:
    assert Settings().host == "127.0.0.1"
    assert Settings().production is False


@pytest.mark.parametrize(
    ("given", "issuer"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"host": "::1", "port": 9000}, "http://[::1]:9000"),
        ({"issuer": "https://soundstage.example/"}, "https://soundstage.example"),
    ],
)
def test_tokens_name_the_address_that_the_server_is_reached_at(given: dict[str, object], issuer: str) -> None:
    assert Settings(**given).own_issuer == issuer
