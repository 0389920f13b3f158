"""Names of BC files, and the set of them (BC 2.0, 1 and 5)."""

from __future__ import annotations

import re
from dataclasses import dataclass

PROJECTIONS = ("utm", "albers")
SUNS = (315, 225)  # azimuths of hillshades, degrees
#: variants of each type of file
VARIANTS = {
    "dem": ("elevation",),
    "asc": ("elevation", "slope-pct", "slope-deg", "aspect"),
    "tif": tuple(f"hillshd-{kind}-{sun}" for kind in ("bw", "clr") for sun in SUNS),
}
_NAME = re.compile(r"([1-9]\d{0,2}[a-p])-(utm|albers)-([a-z]+(?:-[a-z]+)*(?:-\d+)?)\.([a-z]{3})")


@dataclass(frozen=True, slots=True)
class BcName:
    """What the name of a file says.

    Attributes:
        block: NTS sheet at 1:250,000, lower case, not padded: ``92b``.
        projection: ``utm`` or ``albers``.
        variant: Kind of data, such as ``slope-pct``.
        type: ``dem``, ``asc``, ``tif`` or ``tfw``.
    """

    block: str
    projection: str
    variant: str
    type: str

    def __str__(self) -> str:
        """Return the name."""
        return f"{self.block}-{self.projection}-{self.variant}.{self.type}"

    @property
    def sun(self) -> int:
        """Azimuth of the sun of a hillshade, degrees."""
        return int(self.variant.rpartition("-")[2])


def parse_bc_name(name: str) -> BcName | None:
    """Return what the name of a file says, in any case; None if it is none of a set."""
    found = _NAME.fullmatch(name.lower())
    if not found:
        return None
    block, projection, variant, kind = found.groups()
    is_known = variant in VARIANTS.get("tif" if kind == "tfw" else kind, ())
    return BcName(block, projection, variant, kind) if is_known else None


def list_set(block: str, projection: str) -> list[BcName]:
    """Return the thirteen files of a block in a projection."""
    names = [
        BcName(block, projection, variant, kind)
        for kind, variants in VARIANTS.items()
        for variant in variants
    ]
    return names + [BcName(block, projection, variant, "tfw") for variant in VARIANTS["tif"]]
