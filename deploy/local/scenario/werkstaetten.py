"""The 59 WfbM of the scenario in the 27 Mitgliedskörperschaften of the LWL, and five andere Leistungsanbieter.

Numbers, names and sizes of single providers are invented. Münster, Warendorf, Hamm and Siegen-Wittgenstein took part
in the model as a whole, Herford and Bochum with the first of their two WfbM here.
"""

from collections.abc import Mapping
from datetime import date

from deploy.local.scenario.people import Provider
from shared.kernel.mitgliedskoerperschaften import BY_AGS, Modellregion

_WFBM_PER_MK: Mapping[str, int] = {
    "05512": 1, "05513": 2, "05515": 3, "05554": 3, "05558": 2, "05562": 4, "05566": 3, "05570": 2, "05711": 3,
    "05754": 2, "05758": 2, "05762": 1, "05766": 3, "05770": 3, "05774": 2, "05911": 2, "05913": 3, "05914": 1,
    "05915": 1, "05916": 1, "05954": 2, "05958": 2, "05962": 3, "05966": 1, "05970": 2, "05974": 3, "05978": 2,
}  # fmt: skip
_ANDERE = ("05515", "05562", "05711", "05913", "05978")
_WEIGHTS = (100, 63, 138, 84, 117, 71, 126)
_ROMAN = ("I", "II", "III", "IV")
FOUNDED = date(1980, 1, 1)
ANDERE_SINCE = date(2018, 1, 1)
"""Andere Leistungsanbieter exist since § 60 SGB IX came into force."""

WHOLE_MODEL_MKS = tuple(sorted(ags for ags, mk in BY_AGS.items() if mk.modellregion is Modellregion.JA))
"""AGS of the four Mitgliedskörperschaften that took part as a whole."""


def providers() -> list[Provider]:
    """All providers, WfbM first, by AGS; the weights are how likely somebody goes there."""
    found: list[Provider] = []
    for ags, number in _WFBM_PER_MK.items():
        region = BY_AGS[ags].modellregion
        for index in range(number):
            modell = region is Modellregion.JA or (region is Modellregion.TEILWEISE and index == 0)
            name = f"Werkstätten {BY_AGS[ags].name} {_ROMAN[index]}"
            weight = _WEIGHTS[len(found) % len(_WEIGHTS)]
            found.append(Provider(f"WFBM-{ags}-{index + 1}", name, "WFBM", ags, FOUNDED, modell, weight))
    for ags in _ANDERE:
        name = f"Arbeit und Teilhabe {BY_AGS[ags].name}"
        modell = ags in WHOLE_MODEL_MKS
        found.append(Provider(f"ALA-{ags}", name, "ANDERER_LEISTUNGSANBIETER", ags, ANDERE_SINCE, modell, 0))
    return found
