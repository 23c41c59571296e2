"""Settings of cases: what production refuses."""

from typing import Any

import pytest
from pydantic import ValidationError

from services.cases.settings import Settings

SAFE = {
    "database_url": "postgresql+psycopg://cases_app:dW5ndWVzc2FibGU@db/cases",
    "worker_database_url": "postgresql+psycopg://cases_worker:dW5ndWVzc2FibGUy@db/cases",
    "issuer": "https://login.example/realms/teilhabe",
    "jwks_url": "https://login.example/realms/teilhabe/certs",
    "environment": "production",
}


def test_sound_settings_pass() -> None:
    settings = Settings.model_validate(SAFE)
    assert settings.is_production
    assert (settings.audience, settings.import_max_bytes) == ("urn:teilhabe:cases", 2 * 1024**3)
    assert "dW5n" not in repr(settings)


@pytest.mark.parametrize(
    "change",
    [
        {"database_url": "postgresql+psycopg://cases_app:cases_app@db/cases"},
        {"database_url": "postgresql+psycopg://cases_app@db/cases"},
        {"worker_database_url": "postgresql+psycopg://cases_worker:changeme@db/cases"},
        {"issuer": "http://login.example/realms/teilhabe"},
        {"jwks_url": "http://login.example/certs"},
        {"transport": "kafka"},
        {"environment": "staging"},
        {"import_max_bytes": 0},
    ],
)
def test_production_refuses(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(SAFE | change)


def test_elsewhere_guessable_secrets_are_fine() -> None:
    url = "postgresql+psycopg://cases_app:cases_app@127.0.0.1/cases"
    local = {"database_url": url, "worker_database_url": url, "issuer": "http://i", "jwks_url": "http://i/jwks"}
    assert not Settings.model_validate(local).is_production


def test_they_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (SAFE | {"transport": "kafka", "kafka_bootstrap": "kafka:9092"}).items():
        monkeypatch.setenv(f"CASES_{name.upper()}", value)
    assert Settings().kafka_bootstrap == "kafka:9092"
