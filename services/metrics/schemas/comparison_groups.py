"""Shapes of comparison groups."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.metrics.domain.comparison import ID_LENGTH, MAX_MEMBERS, TITLE_LENGTH
from services.metrics.domain.sums import Member
from services.metrics.schemas.types import Ags
from services.metrics.service.comparison_groups import ComparisonGroup
from shared.http.bodies import RequestModel

Title = Annotated[str, Field(min_length=1, max_length=TITLE_LENGTH, examples=["Modellregionen nTA"])]
ValidFrom = Annotated[date | None, Field(description="First day of a month; null = always")]
ValidTo = Annotated[date | None, Field(description="Last day of a month; null = open")]


class MemberIn(RequestModel):
    """A provider, or (for movements and stays without provider) a Mitgliedskörperschaft, during whole months."""

    provider_id: UUID | None = Field(None, description="Counts nothing until the provider is known")
    mitgliedskoerperschaft: Ags | None = None
    valid_from: ValidFrom = None
    valid_to: ValidTo = None

    def member(self) -> Member:
        """The same for the domain."""
        return Member(self.provider_id, self.mitgliedskoerperschaft, self.valid_from, self.valid_to)


class ComparisonGroupIn(RequestModel):
    """What a comparison group consists of; everything else of the Träger is `base`."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "title": "Modellregionen nTA",
                "members": [
                    {"provider_id": "019ab2f4-9c1e-7c64-8a51-3f0f2a4f6a10", "valid_from": "2020-01-01"},
                    {"mitgliedskoerperschaft": "05515"},
                ],
            }
        }
    )

    title: Title
    members: list[MemberIn] = Field(max_length=MAX_MEMBERS)

    def domain_members(self) -> list[Member]:
        """The members for the domain."""
        return [entry.member() for entry in self.members]


class MemberOut(BaseModel):
    """A member during whole months."""

    provider_id: UUID | None
    mitgliedskoerperschaft: Ags | None
    valid_from: ValidFrom
    valid_to: ValidTo


class ComparisonGroupOut(BaseModel):
    """One version of a comparison group."""

    id: str = Field(max_length=ID_LENGTH, examples=["nta-modell"])
    version: int = Field(ge=1, json_schema_extra={"format": "int32"}, description="The number in the ETag")
    title: Title
    members: list[MemberOut] = Field(max_length=MAX_MEMBERS)

    @classmethod
    def of(cls, group: ComparisonGroup) -> "ComparisonGroupOut":
        """The shape of a group."""
        members = [
            MemberOut.model_construct(
                provider_id=member.provider_id,
                mitgliedskoerperschaft=member.mitgliedskoerperschaft,
                valid_from=member.valid_from,
                valid_to=member.valid_to,
            )
            for member in group.members
        ]
        return cls.model_construct(id=group.id, version=group.version, title=group.title, members=members)
