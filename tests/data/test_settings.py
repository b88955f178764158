from __future__ import annotations

from pathlib import Path

import pytest

from data.errors import ConfigError
from data.settings import load_settings


def test_secrets_show_in_no_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QAI_WEBHOOK_SECRET", "hunter2")
    monkeypatch.setenv("QAI_RELAY_KEYS", '{"k1": "hunter3"}')
    settings = load_settings()
    assert "hunter" not in repr(settings) + str(settings) + settings.model_dump_json()
    assert settings.relay_keys["k1"].get_secret_value() == "hunter3"


@pytest.mark.parametrize("blank", ["", "   "])
def test_a_blank_secret_is_no_secret(monkeypatch: pytest.MonkeyPatch, blank: str) -> None:
    monkeypatch.setenv("QAI_WEBHOOK_SECRET", blank)
    assert load_settings().webhook_secret is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("QAI_PORT", "eighty"), ("QAI_PORT", "70000"), ("QAI_WEBHOOK_WINDOW_S", "-1"), ("QAI_RELAY_KEYS", '{"k": ""}')],
)
def test_a_bad_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=f"^{name}"):
        load_settings()


def test_a_malformed_json_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QAI_RELAY_KEYS", "not json")
    with pytest.raises(ConfigError, match="relay_keys"):
        load_settings()


def test_state_lives_in_one_folder_unless_a_database_is_named(tmp_path: Path) -> None:
    local = load_settings(state_dir=tmp_path)
    assert str(tmp_path) in local.store_url
    assert str(tmp_path) in local.workflow_url
    shared = load_settings(database_url="postgresql+psycopg://h/db")
    assert shared.store_url == shared.workflow_url == "postgresql+psycopg://h/db"
