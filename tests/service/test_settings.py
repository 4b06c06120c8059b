from __future__ import annotations

import pytest
from pydantic import ValidationError

from service.errors import SettingsError
from service.settings import Settings


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARSHOT_MAX_BODY_BYTES", "1000")
    assert Settings.read().max_body_bytes == 1000


def test_the_command_line_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARSHOT_PORT", "1")
    assert Settings.read(port=2, host=None).port == 2
    assert Settings.read(port=None).port == 1


def test_a_variable_set_to_nothing_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARSHOT_THREADS", "")
    assert Settings.read().threads is None


def test_an_unusable_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EARSHOT_PORT", "http")
    with pytest.raises(SettingsError, match="EARSHOT_PORT"):
        Settings.read()


def test_settings_are_frozen() -> None:
    settings = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        setattr(settings, "port", 1)  # noqa: B010 — the type checker would rightly refuse the plain assignment
