"""CRSs in every form that users have them, and what is none."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest

from hrdem.errors import RequestError
from hrdem.geo.crs import LONLAT, describe_crs, drop_vertical, normalize_crs, parse_crs
from hrdem.geo.datum import link_crs
from hrdem.geo.transform import project_points

UTM = pyproj.CRS(2959)
ENGINEERING = 'ENGCRS["site",EDATUM["site"],CS[Cartesian,2],AXIS["x",east],AXIS["y",north],LENGTHUNIT["metre",1]]'  # noqa: E501
TEMPORAL = (
    'TIMECRS["t",TDATUM["o",TIMEORIGIN[1980-01-01]],CS[TemporalDateTime,1],AXIS["time (T)",future]]'
)


@pytest.mark.parametrize(
    "text",
    [
        "EPSG:2959", " epsg:2959 ", "EPSG:02959", "urn:ogc:def:crs:EPSG::2959",
        "urn:ogc:def:crs:EPSG:6.9:2959", "http://www.opengis.net/def/crs/EPSG/0/2959",
        "https://www.opengis.net/def/crs/EPSG/0/2959", "+init=epsg:2959",
        *(UTM.to_wkt(version) for version in ("WKT2_2019", "WKT2_2015", "WKT1_GDAL", "WKT1_ESRI")),
        UTM.to_json(),
    ],
)  # fmt: skip
def test_every_form_of_one_crs(text: str) -> None:
    assert normalize_crs(text) == "EPSG:2959"


@pytest.mark.parametrize(
    "text",
    [
        "[1, 2]", '{"type": "GeographicCRS"}', "EPSG:2959.0", "EPSG:2959;EPSG:3979", "x" * 10_000,
        UTM.to_wkt()[:300], UTM.to_wkt().replace("6378137", "0"), UTM.to_json()[:300],
        UTM.to_wkt().replace('ID["EPSG",', "ID[,"),
    ],
)  # fmt: skip
def test_what_is_no_crs_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(RequestError, match="is not a coordinate reference system") as refused:
        parse_crs(text)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    "text", ["EPSG:4978", "EPSG:5703", "+proj=geocent +datum=WGS84", ENGINEERING, TEMPORAL]
)
def test_systems_without_a_map_are_refused(text: str) -> None:
    # GDAL before 3.10 cannot read a temporal system
    reason = "neither a geographic nor a projected|^'TIMECRS.* is not a coordinate reference system"
    with pytest.raises(RequestError, match=reason):
        parse_crs(text)


@pytest.mark.parametrize(
    ("text", "flat"),
    [
        ("EPSG:4979", "EPSG:4326"),
        ("EPSG:2959+6647", "EPSG:2959"),
        (UTM.to_3d().to_json(), "EPSG:2959"),
        ("EPSG:2959", "EPSG:2959"),
    ],
)
def test_horizontal_part(text: str, flat: str) -> None:
    assert normalize_crs(drop_vertical(text)) == flat


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "+proj=utm +zone=18 +datum=NAD83 +units=us-ft",
        "+proj=utm +zone=18 +datum=NAD83 +axis=neu",
        "+proj=utm +zone=18 +datum=NAD83 +to_meter=1000",
        "+proj=aeqd +lat_0=45 +lon_0=-75 +datum=WGS84",
        "+proj=ob_tran +o_proj=longlat +o_lon_p=0 +o_lat_p=40 +lon_0=-95 +datum=WGS84",
        "ESRI:102001",
        "EPSG:3158",
        "EPSG:5041",
        "AUTO:42001,-75,45",
    ],
)
def test_positions_are_those_of_pyproj(text: str) -> None:
    """In degrees on the system's own datum, to a millimetre."""
    own = pyproj.CRS("EPSG:32618" if text.startswith("AUTO") else text)
    to_xy = pyproj.Transformer.from_crs(own.geodetic_crs.to_2d(), own, always_xy=True)
    if "ob_tran" in text:
        to_xy = pyproj.Transformer.from_crs("EPSG:4326", own, always_xy=True)
    points = to_xy.transform(-75.7, 45.4)
    found = project_points(np.array([points]), text, LONLAT)
    assert found[0] == pytest.approx((-75.7, 45.4), abs=1e-8)


def test_long_name_is_shortened() -> None:
    assert describe_crs(UTM.to_wkt()) == "NAD83(CSRS) / UTM zone 18N"


def test_system_that_proj_cannot_compute_is_refused() -> None:
    """Pyproj looked for the grid that its operation lacks, and failed."""
    lost = pyproj.CRS("+proj=utm +zone=18 +ellps=intl +towgs84=1,2,3").to_wkt("WKT1_GDAL")
    lost = lost.replace("Transverse_Mercator", "Nonsense")
    with pytest.raises(RequestError, match="PROJ cannot compute"):
        link_crs(lost, (-75.72, 45.4, -75.66, 45.44), LONLAT)
