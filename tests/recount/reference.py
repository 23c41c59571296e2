"""The 53 Mitgliedskörperschaften, from a copy of the official list of its own."""

import csv
from pathlib import Path

OUTSIDE = "99999"
TRAEGER = ("LVR", "LWL")


def _read() -> dict[str, tuple[str, ...]]:
    members: dict[str, list[str]] = {traeger: [] for traeger in TRAEGER}
    with (Path(__file__).parent / "mitgliedskoerperschaften.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            members[row["traeger"]].append(row["ags"])
    return {traeger: tuple(sorted(found)) for traeger, found in members.items()}


MEMBERS = _read()
"""AGS of the Mitgliedskörperschaften of each Träger."""

ALL_AGS = frozenset(ags for members in MEMBERS.values() for ags in members) | {OUTSIDE}
"""Every AGS a provider or a residence may have."""
