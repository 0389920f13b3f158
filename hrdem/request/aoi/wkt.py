"""Read WKT and EWKT."""

from __future__ import annotations

import re

import numpy as np
import shapely
from shapely.errors import ShapelyError

from hrdem.errors import RequestError
from hrdem.request.aoi.ogr import linearize_wkt, surface_error
from hrdem.request.aoi.shape_part import MAX_LABEL_CHARACTERS, Geometries, ShapePart, describe

_STRAIGHT = (
    "POINT|LINESTRING|LINEARRING|POLYGON|MULTIPOINT|MULTILINESTRING|MULTIPOLYGON|GEOMETRYCOLLECTION"
)
_CURVED = "CIRCULARSTRING|COMPOUNDCURVE|CURVEPOLYGON|MULTICURVE|MULTISURFACE"
_SURFACES = "POLYHEDRALSURFACE|TIN|TRIANGLE"
_WKT = re.compile(
    r"\s*(SRID\s*=\s*(?P<srid>\d{1,9})\s*;)?\s*"
    rf"(?P<wkt>({_STRAIGHT}|{_CURVED}|{_SURFACES})\s*(Z|M|ZM)?\s*(\(|EMPTY).*)",
    re.IGNORECASE | re.DOTALL,
)
_HAS_CURVES = re.compile(_CURVED, re.IGNORECASE)
_HAS_SURFACES = re.compile(_SURFACES, re.IGNORECASE)


def read_wkt(text: str) -> ShapePart | None:
    """Return the shape of WKT or EWKT; None for a text that is neither.

    Raises:
        RequestError: If it starts as WKT does and is not valid.
    """
    found = _WKT.fullmatch(text)
    if found is None:
        return None
    geometries = _parse(found["wkt"])
    srid = int(found["srid"] or 0)  # 0: unknown
    return ShapePart(geometries, f"EPSG:{srid}" if srid else None, describe(geometries))


def _parse(wkt: str) -> Geometries:
    if _HAS_SURFACES.search(wkt):
        raise surface_error(repr(wkt[:MAX_LABEL_CHARACTERS]))
    if _HAS_CURVES.search(wkt):
        _check_words(wkt)
        return linearize_wkt(wkt)
    try:
        with np.errstate(invalid="ignore"):  # coordinates that are not finite are reported later
            return [shapely.from_wkt(wkt)]
    except ShapelyError as exc:
        raise RequestError(
            f"{wkt[:MAX_LABEL_CHARACTERS]!r} is not valid WKT: {exc}. Give a geometry like "
            "POLYGON((-75.7 45.4, -75.6 45.4, -75.6 45.5, -75.7 45.4))."
        ) from exc


def _check_words(wkt: str) -> None:
    """Check the numbers of WKT: GDAL reads as much of one as it can."""
    for word in re.split(r"[\s(),]+", wkt):
        if word and not word.isalpha():
            try:
                float(word)
            except ValueError as exc:
                raise RequestError(
                    f"{wkt[:MAX_LABEL_CHARACTERS]!r} is not valid WKT: {word[:20]!r} is not a "
                    "number. Correct it."
                ) from exc
