"""Time comes in as an argument. Instants are aware and in UTC; days are days in Europe/Berlin."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Protocol
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")


class Clock(Protocol):
    """Where a process takes the present instant from."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...


@dataclass(slots=True)
class FixedClock:
    """A clock that stands still until it is set."""

    instant: datetime

    def now(self) -> datetime:
        return self.instant


def berlin_day(instant: datetime) -> date:
    """The calendar day in Europe/Berlin of an instant."""
    return instant.astimezone(BERLIN).date()


def berlin_noon(day: date) -> datetime:
    """Noon in Europe/Berlin of a day, as an instant in UTC."""
    return datetime.combine(day, time(12), BERLIN).astimezone(UTC)
