"""The 53 Mitgliedskörperschaften of the two Landschaftsverbände: 27 of the LWL, 26 of the LVR.

Source: Amtlicher Gemeindeschlüssel (Kreis level, five digits). `modellregion` tells which took part in the
evaluation of the nTA model 2020-2022; Herford and Bochum took part only in part.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Traeger(StrEnum):
    """The two Landschaftsverbände; also the tenants of the system."""

    LVR = "LVR"
    LWL = "LWL"


class Modellregion(StrEnum):
    """Part a Mitgliedskörperschaft took in the nTA model."""

    JA = "JA"
    TEILWEISE = "TEILWEISE"
    NEIN = "NEIN"


@dataclass(frozen=True, slots=True)
class Mitgliedskoerperschaft:
    """A Kreis, kreisfreie Stadt or the Städteregion that forms a Landschaftsverband."""

    ags: str
    name: str
    traeger: Traeger
    kind: str
    short: str
    modellregion: Modellregion


OUTSIDE = "99999"
"""The AGS that stands for a place outside Nordrhein-Westfalen."""

MITGLIEDSKOERPERSCHAFTEN: tuple[Mitgliedskoerperschaft, ...] = (
    Mitgliedskoerperschaft("05111", "Düsseldorf", Traeger.LVR, "kreisfreie Stadt", "D", Modellregion.NEIN),
    Mitgliedskoerperschaft("05112", "Duisburg", Traeger.LVR, "kreisfreie Stadt", "DU", Modellregion.NEIN),
    Mitgliedskoerperschaft("05113", "Essen", Traeger.LVR, "kreisfreie Stadt", "E", Modellregion.NEIN),
    Mitgliedskoerperschaft("05114", "Krefeld", Traeger.LVR, "kreisfreie Stadt", "KR", Modellregion.NEIN),
    Mitgliedskoerperschaft("05116", "Mönchengladbach", Traeger.LVR, "kreisfreie Stadt", "MG", Modellregion.NEIN),
    Mitgliedskoerperschaft("05117", "Mülheim an der Ruhr", Traeger.LVR, "kreisfreie Stadt", "MH", Modellregion.NEIN),
    Mitgliedskoerperschaft("05119", "Oberhausen", Traeger.LVR, "kreisfreie Stadt", "OB", Modellregion.NEIN),
    Mitgliedskoerperschaft("05120", "Remscheid", Traeger.LVR, "kreisfreie Stadt", "RS", Modellregion.NEIN),
    Mitgliedskoerperschaft("05122", "Solingen", Traeger.LVR, "kreisfreie Stadt", "SG", Modellregion.NEIN),
    Mitgliedskoerperschaft("05124", "Wuppertal", Traeger.LVR, "kreisfreie Stadt", "W", Modellregion.NEIN),
    Mitgliedskoerperschaft("05154", "Kleve", Traeger.LVR, "Kreis", "KLE", Modellregion.NEIN),
    Mitgliedskoerperschaft("05158", "Mettmann", Traeger.LVR, "Kreis", "ME", Modellregion.NEIN),
    Mitgliedskoerperschaft("05162", "Rhein-Kreis Neuss", Traeger.LVR, "Kreis", "NE", Modellregion.NEIN),
    Mitgliedskoerperschaft("05166", "Viersen", Traeger.LVR, "Kreis", "VIE", Modellregion.NEIN),
    Mitgliedskoerperschaft("05170", "Wesel", Traeger.LVR, "Kreis", "WES", Modellregion.NEIN),
    Mitgliedskoerperschaft("05314", "Bonn", Traeger.LVR, "kreisfreie Stadt", "BN", Modellregion.NEIN),
    Mitgliedskoerperschaft("05315", "Köln", Traeger.LVR, "kreisfreie Stadt", "K", Modellregion.NEIN),
    Mitgliedskoerperschaft("05316", "Leverkusen", Traeger.LVR, "kreisfreie Stadt", "LEV", Modellregion.NEIN),
    Mitgliedskoerperschaft("05334", "StädteRegion Aachen", Traeger.LVR, "Städteregion", "AC", Modellregion.NEIN),
    Mitgliedskoerperschaft("05358", "Düren", Traeger.LVR, "Kreis", "DN", Modellregion.NEIN),
    Mitgliedskoerperschaft("05362", "Rhein-Erft-Kreis", Traeger.LVR, "Kreis", "BM", Modellregion.NEIN),
    Mitgliedskoerperschaft("05366", "Euskirchen", Traeger.LVR, "Kreis", "EU", Modellregion.NEIN),
    Mitgliedskoerperschaft("05370", "Heinsberg", Traeger.LVR, "Kreis", "HS", Modellregion.NEIN),
    Mitgliedskoerperschaft("05374", "Oberbergischer Kreis", Traeger.LVR, "Kreis", "GM", Modellregion.NEIN),
    Mitgliedskoerperschaft("05378", "Rheinisch-Bergischer Kreis", Traeger.LVR, "Kreis", "GL", Modellregion.NEIN),
    Mitgliedskoerperschaft("05382", "Rhein-Sieg-Kreis", Traeger.LVR, "Kreis", "SU", Modellregion.NEIN),
    Mitgliedskoerperschaft("05512", "Bottrop", Traeger.LWL, "kreisfreie Stadt", "BOT", Modellregion.NEIN),
    Mitgliedskoerperschaft("05513", "Gelsenkirchen", Traeger.LWL, "kreisfreie Stadt", "GE", Modellregion.NEIN),
    Mitgliedskoerperschaft("05515", "Münster", Traeger.LWL, "kreisfreie Stadt", "MS", Modellregion.JA),
    Mitgliedskoerperschaft("05554", "Borken", Traeger.LWL, "Kreis", "BOR", Modellregion.NEIN),
    Mitgliedskoerperschaft("05558", "Coesfeld", Traeger.LWL, "Kreis", "COE", Modellregion.NEIN),
    Mitgliedskoerperschaft("05562", "Recklinghausen", Traeger.LWL, "Kreis", "RE", Modellregion.NEIN),
    Mitgliedskoerperschaft("05566", "Steinfurt", Traeger.LWL, "Kreis", "ST", Modellregion.NEIN),
    Mitgliedskoerperschaft("05570", "Warendorf", Traeger.LWL, "Kreis", "WAF", Modellregion.JA),
    Mitgliedskoerperschaft("05711", "Bielefeld", Traeger.LWL, "kreisfreie Stadt", "BI", Modellregion.NEIN),
    Mitgliedskoerperschaft("05754", "Gütersloh", Traeger.LWL, "Kreis", "GT", Modellregion.NEIN),
    Mitgliedskoerperschaft("05758", "Herford", Traeger.LWL, "Kreis", "HF", Modellregion.TEILWEISE),
    Mitgliedskoerperschaft("05762", "Höxter", Traeger.LWL, "Kreis", "HX", Modellregion.NEIN),
    Mitgliedskoerperschaft("05766", "Lippe", Traeger.LWL, "Kreis", "LIP", Modellregion.NEIN),
    Mitgliedskoerperschaft("05770", "Minden-Lübbecke", Traeger.LWL, "Kreis", "MI", Modellregion.NEIN),
    Mitgliedskoerperschaft("05774", "Paderborn", Traeger.LWL, "Kreis", "PB", Modellregion.NEIN),
    Mitgliedskoerperschaft("05911", "Bochum", Traeger.LWL, "kreisfreie Stadt", "BO", Modellregion.TEILWEISE),
    Mitgliedskoerperschaft("05913", "Dortmund", Traeger.LWL, "kreisfreie Stadt", "DO", Modellregion.NEIN),
    Mitgliedskoerperschaft("05914", "Hagen", Traeger.LWL, "kreisfreie Stadt", "HA", Modellregion.NEIN),
    Mitgliedskoerperschaft("05915", "Hamm", Traeger.LWL, "kreisfreie Stadt", "HAM", Modellregion.JA),
    Mitgliedskoerperschaft("05916", "Herne", Traeger.LWL, "kreisfreie Stadt", "HER", Modellregion.NEIN),
    Mitgliedskoerperschaft("05954", "Ennepe-Ruhr-Kreis", Traeger.LWL, "Kreis", "EN", Modellregion.NEIN),
    Mitgliedskoerperschaft("05958", "Hochsauerlandkreis", Traeger.LWL, "Kreis", "HSK", Modellregion.NEIN),
    Mitgliedskoerperschaft("05962", "Märkischer Kreis", Traeger.LWL, "Kreis", "MK", Modellregion.NEIN),
    Mitgliedskoerperschaft("05966", "Olpe", Traeger.LWL, "Kreis", "OE", Modellregion.NEIN),
    Mitgliedskoerperschaft("05970", "Siegen-Wittgenstein", Traeger.LWL, "Kreis", "SI", Modellregion.JA),
    Mitgliedskoerperschaft("05974", "Soest", Traeger.LWL, "Kreis", "SO", Modellregion.NEIN),
    Mitgliedskoerperschaft("05978", "Unna", Traeger.LWL, "Kreis", "UN", Modellregion.NEIN),
)

BY_AGS: Mapping[str, Mitgliedskoerperschaft] = MappingProxyType(
    {entry.ags: entry for entry in MITGLIEDSKOERPERSCHAFTEN}
)


def of_traeger(traeger: Traeger) -> tuple[Mitgliedskoerperschaft, ...]:
    """The Mitgliedskörperschaften of one Landschaftsverband, by AGS."""
    return tuple(entry for entry in MITGLIEDSKOERPERSCHAFTEN if entry.traeger is traeger)
