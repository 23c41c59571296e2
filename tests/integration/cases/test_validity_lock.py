"""A command that read a provider just before its validity was ended decides again on what holds now."""

import asyncio
from datetime import date
from uuid import UUID

import pytest

from services.cases.service.actor import Actor
from services.cases.service.providers import ProviderService
from shared.db.engine import create_engine, tenant_transaction
from shared.kernel.clock import FixedClock
from shared.kernel.mitgliedskoerperschaften import Traeger
from tests.integration.cases.api import Api, refused
from tests.integration.cases.conftest import Rows
from tests.support.databases import TestDatabase
from tests.support.processes import wait_for

_WAITING = """
    SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@pytest.mark.parametrize(("new_end", "status"), [("2025-03-01", 409), ("2025-02-02", 409), ("2025-01-20", 200)])
async def test_a_stay_is_judged_by_the_provider_as_it_is_when_written(
    lwl: Api, cases_database: TestDatabase, clock: FixedClock, rows: Rows, new_end: str, status: int
) -> None:
    """The stay ends on 31 January, so the provider may end too. While that is written, the stay gets another end."""
    provider, case = await lwl.provider(), await lwl.register()
    await lwl.record(case["id"], 1, "ZUGANG_EV", "2025-01-01", provider_id=provider["id"])
    end = await lwl.record(case["id"], 2, "ABGANG", "2025-02-01", reason="VERZICHT")
    path = f"/v1/cases/{case['id']}/movements/{end['fact_id']}"
    engine = create_engine(cases_database.app_url, application_name="race")
    async with tenant_transaction(engine, Traeger.LWL, "anna") as connection:
        actor = Actor(Traeger.LWL, "anna", "front-end")
        providers = ProviderService(connection=connection, actor=actor, clock=clock)
        found = await providers.find_to_change(provider_id=UUID(provider["id"]))
        await providers.change(provider=found, expected=1, changes={"valid_to": date(2025, 1, 31)})
        patch = {"effective_on": new_end, "reason_for_correction": "x"}
        amending = asyncio.create_task(lwl.patch(path, patch, version=3))
        await asyncio.to_thread(wait_for, lambda: bool(rows(_WAITING)), what="a command that has looked and waits")
    answer = await amending
    await engine.dispose()
    if status == 409:
        problem = refused(answer, 409, "provider-not-valid")
        assert problem["breaks_at"] != end["fact_id"]
    assert answer.status_code == status
    assert (await lwl.case(case["id"]))["version"] == (4 if status == 200 else 3)
