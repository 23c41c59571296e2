"""Settings of `budgets`, from environment variables with the prefix `BUDGETS_`. Read by main and worker only."""

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url

_GUESSABLE = frozenset(
    {"", "budgets_app", "budgets_worker", "budgets", "postgres", "secret", "password", "changeme", "test"}
)


class Settings(BaseSettings):
    """What differs between installations. In production nothing guessable and nothing unencrypted passes."""

    model_config = SettingsConfigDict(env_prefix="BUDGETS_", frozen=True)

    database_url: SecretStr = Field(description="postgresql+psycopg:// URL of the role behind requests")
    worker_database_url: SecretStr = Field(description="The same for the role of the background loops")
    issuer: str = Field(description="`iss` of accepted tokens")
    jwks_url: str = Field(description="Where the public keys of the issuer are")
    audience: str = "urn:teilhabe:budgets"
    environment: Literal["local", "test", "production"] = "local"
    transport: Literal["feed", "kafka"] = "feed"
    kafka_bootstrap: str | None = None
    cases_url: str = Field(description="Base URL of `cases`, whose feed is read")
    token_url: str = Field(description="Where this service gets tokens for itself")
    client_id: str = Field(description="Who it is to the issuer")
    client_secret: SecretStr = Field(description="How it proves that")

    @property
    def is_production(self) -> bool:
        """Whether real data is at stake."""
        return self.environment == "production"

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.transport == "kafka" and not self.kafka_bootstrap:
            raise ValueError("transport kafka needs kafka_bootstrap")
        if self.is_production:
            for name, url in (("database_url", self.database_url), ("worker_database_url", self.worker_database_url)):
                if (make_url(url.get_secret_value()).password or "") in _GUESSABLE:
                    raise ValueError(f"{name}: a password that can be guessed is refused in production")
            if self.client_secret.get_secret_value() in _GUESSABLE:
                raise ValueError("client_secret: one that can be guessed is refused in production")
            for name, address in (
                ("issuer", self.issuer), ("jwks_url", self.jwks_url), ("token_url", self.token_url)
            ):  # fmt: skip
                if urlsplit(address).scheme != "https":
                    raise ValueError(f"{name}: only https in production")
        return self
