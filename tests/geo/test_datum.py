"""How the CRSs of users relate to NAD83(CSRS), against formulas and pyproj's plain projections."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio.crs
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_crs_info
from pyproj.enums import PJType
from rasterio.errors import CRSError

from hrdem.errors import RequestError
from hrdem.geo.crs import LONLAT, NATIVE_CRS
from hrdem.geo.datum import (
    counts_as_nad83,
    get_operation,
    is_same_crs,
    link_crs,
)
from hrdem.geo.datum_operations import find_operations
from hrdem.geo.transform import make_pipeline, project_points
from tests.projections import to_xy
from tests.shift_grids import write_datum_grid

OTTAWA = np.array([[-75.70, 45.40], [-75.60, 45.45]])
HALIFAX = np.array([[-63.60, 44.65], [-63.50, 44.70]])
SPHERE = 6_370_000.0

ESRI_UTM = (
    'PROJCS["NAD_1983_CSRS_UTM_Zone_18N",GEOGCS["GCS_North_American_1983_CSRS",'
    'DATUM["D_North_American_1983_CSRS",SPHEROID["GRS_1980",6378137.0,298.257222101]],'
    'PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],'
    'PROJECTION["Transverse_Mercator"],PARAMETER["False_Easting",500000.0],'
    'PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",-75.0],'
    'PARAMETER["Scale_Factor",0.9996],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
)


def web_mercator(lonlat: np.ndarray) -> np.ndarray:
    """OGC's formula: a sphere of the radius of the ellipsoid, and no datum shift."""
    lon, lat = np.radians(lonlat).T
    return 6_378_137 * np.column_stack([lon, np.log(np.tan(np.pi / 4 + lat / 2))])


def spherical_lambert(lonlat: np.ndarray) -> np.ndarray:
    """Snyder, Map Projections, 15-1 to 15-5: parallels 40 and 60, origin 97° W on the equator."""
    lon, lat = np.radians(lonlat).T
    first, second = np.radians([40, 60])
    half = [np.tan(np.pi / 4 + each / 2) for each in (first, second)]
    n = np.log(np.cos(first) / np.cos(second)) / np.log(half[1] / half[0])
    factor = SPHERE * np.cos(first) * half[0] ** n / n
    rho, theta = factor / np.tan(np.pi / 4 + lat / 2) ** n, n * (lon - np.radians(-97))
    return np.column_stack([rho * np.sin(theta), factor - rho * np.cos(theta)])


def utm(lonlat: np.ndarray) -> np.ndarray:
    return to_xy(lonlat, "+proj=utm +zone=18 +ellps=GRS80")


NULL_SHIFTS = {
    "EPSG:3857": web_mercator,
    "EPSG:900913": web_mercator,
    "EPSG:3785": web_mercator,
    "ESRI:102100": web_mercator,
    "ESRI:102113": web_mercator,
    "EPSG:3857+5773": web_mercator,
    "+proj=merc +a=6378137 +b=6378137 +nadgrids=@null +wktext": web_mercator,
    f"+proj=lcc +lat_1=40 +lat_2=60 +lon_0=-97 +R={SPHERE} +nadgrids=@null": spherical_lambert,
    "EPSG:6347": utm,  # NAD83(2011)
    "EPSG:3748": utm,  # NAD83(HARN)
    "EPSG:22818": utm,  # NAD83(CSRS)v8
    "EPSG:26918": utm,
    "EPSG:32618": utm,
    "EPSG:32618+5703": utm,
    "+proj=utm +zone=18 +datum=NAD83 +towgs84=0,0,0": utm,
    "+proj=utm +zone=18 +ellps=GRS80 +towgs84=0,0,0,0,0,0,0": utm,
    "+proj=utm +zone=18 +ellps=WGS84 +nadgrids=@null": utm,
    ESRI_UTM: utm,
    "+proj=longlat +ellps=WGS84 +towgs84=0,0,0 +pm=2.5": lambda lonlat: lonlat - np.array([2.5, 0]),
    "EPSG:9057": lambda lonlat: lonlat,  # WGS 84 (G1762)
}


@pytest.mark.parametrize("crs", NULL_SHIFTS, ids=lambda crs: crs[:40])
def test_nad83_and_wgs_84_are_not_shifted_whatever_wraps_them(crs: str) -> None:
    """EPSG:3857 was 1.03 m off, as GDAL saw WGS 84 in it; NAD83(2011) as it had another name."""
    points = NULL_SHIFTS[crs](OTTAWA)
    found = project_points(points, link_crs(crs, (*points.min(0), *points.max(0)), crs), LONLAT)
    assert np.abs(found - OTTAWA).max() < 3e-9  # degrees: 0.3 mm
    assert project_points(OTTAWA, LONLAT, crs) == pytest.approx(points, abs=3e-4)


# the EPSG codes of geographic CRSs whose longitudes and latitudes are taken as they are
NAD83_CODES = (
    *(4269, 4617, 4140, 8232, 8237, 8240, 8246, 8249, 8252, 8255, 10414),  # NAD83, CSRS v1 to v8
    *(4152, 8860, 4759, 6318, 6783, 8545),  # HARN, FBN, NSRS2007, 2011, CORS96, HARN corrected
)
WGS84_CODES = (4326, 8888, 9053, 9054, 9055, 9056, 9057, 9755, 10606, 4055)  # Transit to G2296
OTHER_CODES = (
    *(4267, 4608, 4609, 4122, 9466),  # NAD27, NAD27(76), NAD27(CGQ77), ATS77
    *(6322, 6325, 9072, 9075),  # NAD83 on the plates of the Pacific
    *(9000, 9990, 8999, 4322, 4324, 4747, 4258, 7844, 4019, 4030, 4047),
)


def test_realizations_that_count_as_nad83() -> None:
    """A frame of NAD83 or WGS 84 counts; those that move with other plates do not, nor ITRF."""
    for code in (*NAD83_CODES, *WGS84_CODES):
        assert counts_as_nad83(f"EPSG:{code}"), code
    known = {info.code for info in query_crs_info(auth_name="EPSG", allow_deprecated=True)}
    for code in OTHER_CODES:
        if str(code) in known:
            assert not counts_as_nad83(f"EPSG:{code}"), code


def is_readable(code: str) -> bool:
    """Whether rasterio's GDAL reads a CRS of pyproj's database, which may be newer."""
    try:
        rasterio.crs.CRS.from_user_input(code)
    except CRSError:
        return False
    return True


@pytest.mark.long
@pytest.mark.slow
def test_every_crs_of_canada_and_its_border() -> None:
    """PROJ's database lists some hundreds, and thousands of counties, of which every thirtieth."""
    canada = AreaOfInterest(-141.01, 41.67, -52.0, 83.2)
    kinds = [PJType.PROJECTED_CRS, PJType.GEOGRAPHIC_2D_CRS]
    listed = [
        info
        for info in query_crs_info(pj_types=kinds, area_of_interest=canada)
        if info.auth_name in ("EPSG", "ESRI")
        if info.code != "32600"  # a family of 60 zones
        and info.area_of_use.east - info.area_of_use.west < 350  # not of the whole world
    ]
    chosen = [
        info
        for number, info in enumerate(sorted(listed, key=lambda info: (info.auth_name, info.code)))
        if number % 30 == 0 or "Canada" in info.area_of_use.name
        if is_readable(f"{info.auth_name}:{info.code}")
    ]
    assert len(chosen) > 300
    shifted = 0
    for info in chosen:
        crs, use = f"{info.auth_name}:{info.code}", info.area_of_use
        system = pyproj.CRS(crs)
        base = system.geodetic_crs
        names = ("NAD83", "NAD_1983", "North_American_1983", "WGS 84")
        nad83 = any(name in base.name for name in names)
        assert counts_as_nad83(crs) == nad83, (crs, base.name)
        if not nad83:
            shifted += 1
            continue
        west, south = max(use.west, canada.west_lon_degree), max(use.south, 41.67)
        east, north = min(use.east, canada.east_lon_degree), min(use.north, 83.2)
        inside = np.linspace(0.1, 0.9, 3)
        lon, lat = np.meshgrid(west + (east - west) * inside, south + (north - south) * inside)
        lonlat = np.column_stack([lon.ravel(), lat.ravel()])
        found = project_points(to_xy(lonlat, crs), crs, LONLAT)
        assert np.abs(found - lonlat).max() < 2e-8, crs  # degrees: 2 mm
    assert shifted > 30


SLOW = pytest.mark.slow
LONG = (pytest.mark.slow, pytest.mark.long)
CLARKE = "+proj=longlat +ellps=clrk66"
REFUSED = [
    ("EPSG:4122", HALIFAX, "pyproj sync --file ca_nrc_NS778302.tif.*or put https://cdn.proj.org/"),
    ("+proj=longlat +ellps=GRS80", OTTAWA, "does not name its datum"),
    pytest.param("EPSG:4608", OTTAWA, "needs the grid ca_nrc_MAY76V20.tif", marks=SLOW),
    pytest.param("EPSG:4609", OTTAWA, "needs the grid ca_que_mern_cq77na83.tif", marks=LONG),
    pytest.param("EPSG:4267", OTTAWA, "NAD27 to WGS 84 .12., accurate to 9 m", marks=SLOW),
    pytest.param("EPSG:4322", OTTAWA, "Geodetic System 1972.*accurate to 2 m", marks=LONG),
    pytest.param(f"{CLARKE} +towgs84=0,0,0", OTTAWA, "not name its datum", marks=LONG),
    pytest.param(f"{CLARKE} +nadgrids=my.gsb", OTTAWA, "cannot find the grid my.gsb", marks=LONG),
]


@pytest.mark.parametrize(("crs", "points", "message"), REFUSED)
def test_a_datum_that_cannot_be_shifted_within_a_metre_is_refused(
    caplog: pytest.LogCaptureFixture, crs: str, points, message: str
) -> None:
    """NAD27 was moved by an average for all of Canada, and CGQ77 not at all, without a word."""
    bounds = (*points.min(0), *points.max(0))
    with pytest.raises(RequestError, match=rf"{message}.*`allow_inaccurate_datum`"):
        link_crs(crs, bounds, crs)
    assert not caplog.records
    operation = get_operation(link_crs(crs, bounds, crs, allow_inaccurate=True))
    assert operation is not None
    assert not operation.is_accurate
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_points_on_another_datum_cannot_be_transformed_unlinked() -> None:
    with pytest.raises(RequestError, match=r"datum of EPSG:4267 is not NAD83\(CSRS\)"):
        project_points(OTTAWA, "EPSG:4267", NATIVE_CRS)


def to_geocentric(lonlat: np.ndarray, a: float, b: float) -> np.ndarray:
    lon, lat = np.radians(lonlat).T
    n = a * a / np.hypot(a * np.cos(lat), b * np.sin(lat))
    return np.stack([n * np.cos(lat) * np.cos(lon), n * np.cos(lat) * np.sin(lon),
                     n * (b / a) ** 2 * np.sin(lat)])  # fmt: skip


def to_geographic(xyz: np.ndarray, a: float, b: float) -> np.ndarray:
    lat, e2 = np.arctan2(xyz[2], np.hypot(xyz[0], xyz[1])), 1 - (b / a) ** 2
    for _ in range(9):
        n = a / np.sqrt(1 - e2 * np.sin(lat) ** 2)
        lat = np.arctan2(xyz[2] + e2 * n * np.sin(lat), np.hypot(xyz[0], xyz[1]))
    return np.degrees(np.stack([np.arctan2(xyz[1], xyz[0]), lat], axis=1))


@SLOW
def test_nad27_as_allowed_is_the_register_s_average_for_the_east() -> None:
    """EPSG:1178, NAD27 to WGS 84 (12): geocentric translations of -22, 160, 190 m."""
    linked = link_crs("EPSG:4267", (-76, 45, -75, 46), LONLAT, allow_inaccurate=True)
    moved = to_geocentric(OTTAWA, 6_378_206.4, 6_356_583.8) + np.array([[-22], [160], [190]])
    expected = to_geographic(moved, 6_378_137, 6_356_752.314)
    assert np.abs(project_points(OTTAWA, linked, LONLAT) - expected).max() < 1e-8


@pytest.mark.parametrize("wrap", [str, lambda text: pyproj.CRS(text).to_wkt("WKT1_GDAL"),
                                  lambda text: pyproj.CRS(text).to_json()])  # fmt: skip
def test_a_crs_that_states_its_own_shift_is_shifted_by_it(caplog, wrap) -> None:
    """The user's own transformation of a datum that PROJ does not know; it was refused."""
    crs = wrap(f"{CLARKE} +towgs84=-9,160,180 +type=crs")
    linked = link_crs(crs, (-76, 45, -75, 46), LONLAT)
    moved = to_geocentric(OTTAWA, 6_378_206.4, 6_356_583.8) + np.array([[-9], [160], [180]])
    expected = to_geographic(moved, 6_378_137, 6_356_752.314)
    assert np.abs(project_points(OTTAWA, linked, LONLAT) - expected).max() < 1e-8
    assert get_operation(linked).as_dict()["accuracy"] is None  # as it is recorded
    assert not caplog.records


@SLOW
def test_itrf_is_shifted_by_its_published_operation() -> None:
    """It is 1.5 m from NAD83(CSRS), and PROJ has the shift to a centimetre."""
    linked = link_crs("EPSG:9000", (-76, 45, -75, 46), LONLAT)
    operation = get_operation(linked)
    assert operation is not None
    assert operation.name == "ITRF2014 to NAD83(CSRS)v7 (1)"
    assert operation.is_accurate
    expected = pyproj.Transformer.from_crs("EPSG:9000", "EPSG:8255", always_xy=True)
    found = project_points(OTTAWA, linked, LONLAT)
    assert np.abs(found - np.column_stack(expected.transform(*OTTAWA.T))).max() < 1e-9
    assert 1 < np.hypot(*(found - OTTAWA)[0] * [78_000, 111_000]) < 2


@pytest.fixture
def proj_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a blank in its name that PROJ_DATA names, as a user's own grids have."""
    folder, before = tmp_path / "my grids", pyproj.datadir.get_data_dir()
    monkeypatch.setenv("PROJ_DATA", str(folder))
    yield folder
    pyproj.datadir.set_data_dir(before)


def test_a_grid_in_proj_data_is_used(proj_data: Path) -> None:
    """Points in ATS77 move by what the grid says; the choice survives a copy to a worker."""
    write_datum_grid(proj_data / "ca_nrc_GS7783.tif", 2.0, 0.5, -63, 45)
    linked = link_crs("EPSG:2220", (-63.7, 44.6, -63.5, 44.8), LONLAT)
    operation = get_operation(pickle.loads(pickle.dumps(linked)))
    assert operation is not None
    assert (operation.name, operation.accuracy) == ("ATS77 to NAD83 (1)", 0.5)
    assert operation.grids == ("ca_nrc_GS7783.tif",)
    assert str(proj_data / "ca_nrc_GS7783.tif") in make_pipeline(linked, NATIVE_CRS)
    found = project_points(to_xy(HALIFAX, "EPSG:2220"), linked, LONLAT)
    assert np.abs(found - HALIFAX - np.array([2.0, 0.5]) / 3600).max() < 1e-8


@SLOW
def test_a_grid_of_the_united_states_is_not_used_in_canada(proj_data: Path) -> None:
    """Its box reaches to 50° N, and the register's 15 cm hold for the United States."""
    write_datum_grid(proj_data / "us_noaa_conus.tif", 1, 1, -75, 45)
    found, missing = find_operations("EPSG:4267", (-75.8, 45.3, -75.6, 45.5))
    assert not any("us_noaa" in grid for each in (*found, *missing) for grid in each.grids)


def test_the_same_crs_under_other_names() -> None:
    assert is_same_crs("EPSG:32618", ESRI_UTM)
    assert is_same_crs("EPSG:4326", "OGC:CRS84")
    assert is_same_crs("EPSG:26718", "+proj=utm +zone=18 +datum=NAD27")
    assert not is_same_crs("EPSG:4267", "EPSG:4269")
    assert not is_same_crs("EPSG:4267", "EPSG:4608")
    assert not is_same_crs("EPSG:32618", "EPSG:32617")
    own = pyproj.CRS(f"{CLARKE} +towgs84=-9,160,180").to_wkt("WKT1_GDAL")
    assert is_same_crs(own, own.replace("TOWGS84[-9", "TOWGS84[-9.0"))
    assert not is_same_crs(own, own.replace("TOWGS84[-9", "TOWGS84[-8"))
