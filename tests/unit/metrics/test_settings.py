"""Settings: nothing guessable and nothing unencrypted in production."""

from typing import Any

import pytest
from pydantic import ValidationError

from services.metrics.settings import Settings

SAFE: dict[str, Any] = {
    "database_url": "postgresql+psycopg://metrics_app:8c1f90d2@db/metrics",
    "worker_database_url": "postgresql+psycopg://metrics_worker:77ab13f0@db/metrics",
    "issuer": "https://issuer.test",
    "jwks_url": "https://issuer.test/jwks",
    "cases_url": "http://cases:8000",
    "budgets_url": "http://budgets:8000",
    "token_url": "http://issuer:8080/token",
    "client_id": "metrics",
    "client_secret": "d2b4a7c09e",
    "environment": "production",
}


def test_safe_settings_pass() -> None:
    assert Settings.model_validate(SAFE).is_production


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("database_url", "postgresql+psycopg://metrics_app:metrics_app@db/metrics"),
        ("worker_database_url", "postgresql+psycopg://metrics_worker@db/metrics"),
        ("client_secret", "secret"),
        ("issuer", "http://issuer.test"),
        ("jwks_url", "http://issuer.test/jwks"),
        ("transport", "kafka"),
        ("environment", "staging"),
    ],
)
def test_what_is_not_safe_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({**SAFE, name: value})
    if name not in ("transport", "environment"):
        Settings.model_validate({**SAFE, name: value, "environment": "local"})
