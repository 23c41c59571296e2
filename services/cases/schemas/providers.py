"""Shapes of providers."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.json_schema import SkipJsonSchema

from services.cases.domain.providers import Provider, ProviderKind
from services.cases.schemas.values import Ags, ExternalRef, Version
from shared.http.bodies import RequestModel

Name = Annotated[str, Field(min_length=1, max_length=200, examples=["Werkstatt am Kanal"])]


class NewProvider(RequestModel):
    """A WfbM or anderer Leistungsanbieter to register. Both days of its validity count; null = open."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "name": "Werkstatt am Kanal",
                "kind": "WFBM",
                "mitgliedskoerperschaft": "05515",
                "external_ref": "wfbm-0001",
                "valid_from": "1990-01-01",
                "valid_to": None,
            }
        }
    )

    name: Name
    kind: ProviderKind
    mitgliedskoerperschaft: Ags
    external_ref: ExternalRef | None = None
    valid_from: date
    valid_to: date | None = None


class ProviderPatch(RequestModel):
    """A merge patch of a provider. `kind`, `mitgliedskoerperschaft` and `valid_from` may be named but not changed."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "Werkstatt am Kanal gGmbH"}})

    name: Name | SkipJsonSchema[None] = None
    external_ref: ExternalRef | None = None
    valid_to: date | None = None
    kind: ProviderKind | SkipJsonSchema[None] = None
    mitgliedskoerperschaft: Ags | SkipJsonSchema[None] = None
    valid_from: date | SkipJsonSchema[None] = None

    @field_validator("name", "kind", "mitgliedskoerperschaft", "valid_from", mode="after")
    @classmethod
    def _is_there(cls, value: Any) -> Any:
        if value is None:
            raise ValueError("Cannot be removed.")
        return value

    def changes(self) -> dict[str, Any]:
        """The given members by name."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class ProviderOut(BaseModel):
    """A provider as the Träger registered it."""

    id: UUID
    version: Version
    name: Name
    kind: ProviderKind
    mitgliedskoerperschaft: Ags
    external_ref: ExternalRef | None
    valid_from: date = Field(description="First day of validity")
    valid_to: date | None = Field(description="Last day of validity; null = open")

    @classmethod
    def of(cls, provider: Provider) -> "ProviderOut":
        """The shape of a provider."""
        return cls.model_construct(
            id=provider.provider_id,
            version=provider.version,
            name=provider.name,
            kind=provider.kind,
            mitgliedskoerperschaft=provider.mitgliedskoerperschaft,
            external_ref=provider.external_ref,
            valid_from=provider.valid_from,
            valid_to=provider.valid_to,
        )
