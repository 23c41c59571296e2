"""Settings of `cases`, from environment variables with the prefix `CASES_`. Read by main and worker only."""

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url

_GUESSABLE = frozenset(
    {"", "cases_app", "cases_worker", "cases", "postgres", "secret", "password", "changeme", "test"}
)


class Settings(BaseSettings):
    """What differs between installations. In production nothing guessable and nothing unencrypted passes."""

    model_config = SettingsConfigDict(env_prefix="CASES_", frozen=True)

    database_url: SecretStr = Field(description="postgresql+psycopg:// URL of the role behind requests and imports")
    worker_database_url: SecretStr = Field(description="The same for the role of the background loops")
    issuer: str = Field(description="`iss` of accepted tokens")
    jwks_url: str = Field(description="Where the public keys of the issuer are")
    audience: str = "urn:teilhabe:cases"
    environment: Literal["local", "test", "production"] = "local"
    transport: Literal["feed", "kafka"] = "feed"
    kafka_bootstrap: str | None = None
    token_url: str | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    import_max_bytes: int = Field(2 * 1024**3, gt=0, description="Largest body that POST /v1/imports takes")

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
            for name, address in (("issuer", self.issuer), ("jwks_url", self.jwks_url)):
                if urlsplit(address).scheme != "https":
                    raise ValueError(f"{name}: only https in production")
        return self
