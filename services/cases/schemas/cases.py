"""Shapes of cases."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.cases.domain.cell import Disability, Registration
from services.cases.schemas.movements import CellOut
from services.cases.schemas.values import Ags, ExternalRef, Version
from services.cases.service.views import CaseView, Status
from shared.http.bodies import RequestModel


class NewCase(RequestModel):
    """A case to register: the attributes are the defaults of its first movement."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "external_ref": "fall-2024-0001",
                "payer_mk": "05515",
                "residence_mk": "05515",
                "disability": "GEISTIG",
                "kombi": False,
            }
        }
    )

    external_ref: ExternalRef
    payer_mk: Ags
    residence_mk: Ags
    disability: Disability
    kombi: bool = Field(False, description="Soziale Teilhabe in parallel")

    def registration(self) -> Registration:
        """The attributes without the reference."""
        return Registration(self.payer_mk, self.residence_mk, self.disability, self.kombi)


class CaseOut(BaseModel):
    """A case: what it was registered with, and where the person is today."""

    id: UUID
    external_ref: ExternalRef
    version: Version
    status: Status = Field(description="REGISTERED: nothing effective yet; ACTIVE: in a cell today; ENDED: no longer")
    cell: CellOut | None = Field(description="The cell of today (Berlin)")
    payer_mk: Ags = Field(description="As registered")
    residence_mk: Ags = Field(description="As registered")
    disability: Disability = Field(description="As registered")
    kombi: bool = Field(description="As registered")
    recorded_at: datetime = Field(description="Instant of the last command")

    @classmethod
    def of(cls, view: CaseView) -> "CaseOut":
        """The shape of a case."""
        return cls.model_construct(
            id=view.case_id,
            external_ref=view.external_ref,
            version=view.version,
            status=view.status,
            cell=None if view.cell is None else CellOut.of(view.cell),
            payer_mk=view.registration.payer_mk,
            residence_mk=view.registration.residence_mk,
            disability=view.registration.disability,
            kombi=view.registration.kombi,
            recorded_at=view.recorded_at,
        )
