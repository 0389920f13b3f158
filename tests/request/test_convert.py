"""Values of other Python libraries wherever a number, a size, a box or a CRS stands."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyproj
import pytest
import rasterio
import shapely

import hrdem
from hrdem.request import fields
from hrdem.request.request import Request
from hrdem.request.signature import complete

BOX = (-75.72, 45.40, -75.71, 45.41)
FRAME = geopandas.GeoSeries([shapely.box(*BOX)], crs=4326)


def converted(name: str, value: Any) -> Any:
    return complete(fields.EXTRACT, {"product": "dtm", "output": "a.tif", name: value})[name]


@pytest.mark.parametrize(
    "box",
    [
        list(BOX),
        np.array(BOX),
        FRAME.total_bounds,
        FRAME.bounds,
        FRAME.bounds.iloc[0],
        FRAME.bounds.to_numpy(),
        shapely.box(*BOX),
        rasterio.coords.BoundingBox(*BOX),
        "-75.72,45.40,-75.71,45.41",
        tuple(map(Decimal, ("-75.72", "45.40", "-75.71", "45.41"))),
    ],
)
def test_box(box: Any) -> None:
    assert converted("bbox", box) == BOX


@pytest.mark.parametrize(
    ("output", "hint"),
    [
        ("-", "is standard output"),
        ("", "The name is empty"),
        ("dems/", "is a folder"),
        ("dem.tif/", "is a folder"),
        ("s3://bucket/dem.tif", "not a local path. Write a local file, and copy it there"),
        ("/vsizip/dem.zip/dem.tif", "not a local path"),
        ("file://host/dem.tif", "not a local path"),
        (5, "is not a path"),
    ],
)
def test_output_that_is_no_file(output: Any, hint: str) -> None:
    with pytest.raises(hrdem.RequestError, match=f"`output`: .*{hint}"):
        converted("output", output)


def test_file_uris_are_paths_of_every_parameter(tmp_path: Path) -> None:
    """A folder of the name file: was made."""
    path = tmp_path / "é 1"
    for uri in (path.as_uri(), path.as_uri().replace("file:///", "file:/")):
        assert [converted(name, uri) for name in ("output", "vertical_grid", "cache_dir")] == [
            path
        ] * 3


@pytest.mark.parametrize("name", ["vertical_grid", "cache_dir"])
@pytest.mark.parametrize("address", ["https://a.ca/b", "s3://a/b", Path("s3://a/b"), "/vsis3/a/b"])
def test_address_is_no_path(name: str, address: str | Path) -> None:
    with pytest.raises(hrdem.RequestError, match=f"`{name}`: {address} is not a local path"):
        converted(name, address)


def test_home_folder_of_a_path_that_no_shell_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of the name ~ was asked for."""
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("USERPROFILE", "/home/ada")
    home = Path("/home/ada")
    assert converted("output", "~/dem.tif") == home / "dem.tif"
    assert converted("cache_dir", Path("~/cache")) == home / "cache"
    assert converted("output", "~dem.tif") == Path("~dem.tif")
    assert converted("output", "a/~/dem.tif") == Path("a/~/dem.tif")


@pytest.mark.parametrize(
    ("crs", "name"),
    [
        (2959, "EPSG:2959"),
        (np.int32(2959), "EPSG:2959"),
        ("epsg:2959", "epsg:2959"),
        ("2959", "EPSG:2959"),
        (" 2959\n", "EPSG:2959"),
        (pyproj.CRS(2959).to_json_dict(), json.dumps(pyproj.CRS(2959).to_json_dict())),
        (pyproj.CRS(2959), "EPSG:2959"),
        (rasterio.CRS.from_epsg(2959), "EPSG:2959"),
        (pyproj.CRS("ESRI:102001"), "ESRI:102001"),
        (pyproj.CRS("OGC:CRS84"), "OGC:CRS84"),
    ],
)
def test_crs(crs: Any, name: str) -> None:
    for parameter in ("crs", "bbox_crs", "aoi_crs"):
        assert converted(parameter, crs) == name


def test_a_remark_after_the_code_does_not_hide_it() -> None:
    """Objects of PROJ 9.8 and later write remarks, such as that of NAD83(CSRS)."""
    wkt = pyproj.CRS(2959).to_wkt()

    class Remarked:
        def to_wkt(self, **_: Any) -> str:
            return wkt.removesuffix("]").partition(",REMARK")[0] + ',REMARK["of ""all"", [EAST]"]]'

    assert converted("crs", Remarked()) == "EPSG:2959"


def test_crs_without_a_code_keeps_its_definition() -> None:
    """A part of it may have a code, such as its datum."""
    custom = pyproj.CRS("+proj=lcc +lat_1=49 +lat_2=77 +lon_0=-90 +datum=NAD83 +type=crs")
    for crs in (custom, rasterio.CRS.from_wkt(custom.to_wkt())):
        assert pyproj.CRS(converted("crs", crs)).equals(custom)


@pytest.mark.parametrize("name", ["max_memory", "max_download", "max_cache"])
def test_size(name: str) -> None:
    sizes = ("1GB", "1 GB", "1000 MB", 10**9, 1e9, np.int64(10**9), np.float32(1e9), Decimal(10**9))
    assert {converted(name, size) for size in sizes} == {10**9}
    assert converted(name, "500 MB") == 500_000_000


def test_size_of_a_cache(tmp_path: Path) -> None:
    assert hrdem.Cache(tmp_path, "20 GB").limit == 20_000_000_000
    with pytest.raises(hrdem.RequestError, match="The cache's limit: 'much' is not a size"):
        hrdem.Cache(tmp_path, "much")


def test_numbers_become_those_of_json() -> None:
    request = Request.of(
        bbox=np.array(BOX), product="dtm", resolution=np.float32(2.5), fill=np.array(["2m"]),
        feather=np.int64(4), crop=np.True_, source_band=np.False_, wcs_limit=np.float64(60),
    )  # fmt: skip
    written = json.loads(json.dumps(request.as_dict()))
    assert (written["resolution"], written["feather"], written["crop"]) == (2.5, 4, True)


def test_none_counts_as_left_out() -> None:
    optional = {field.name for field in fields.EXTRACT if not field.required}
    given = dict.fromkeys(optional, None)
    given |= {"product": "dtm", "output": "a.tif"}
    defaults = {field.name: field.default for field in fields.EXTRACT if field.name in optional}
    found = complete(fields.EXTRACT, given)
    assert {name: found[name] for name in optional} == defaults | {"max_download": None}
    with pytest.raises(TypeError, match="'product' is required"):
        complete(fields.EXTRACT, given | {"product": None})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("bbox", 5, "`bbox`: 5 is not a box. Give numbers"),
        ("bbox", FRAME, "type GeoSeries has a CRS of its own. Give it as `aoi`"),
        ("bbox", shapely.set_srid(FRAME[0], 4267), "type Polygon has a CRS of its own"),
        ("point", shapely.set_srid(shapely.Point(1, 2), 2959), "type Point has a CRS of its own"),
        ("bbox", FRAME[0].buffer(1), "a Polygon is not a box. Give it as `aoi`"),
        ("point", "here", "`point`: 'here' is not a point"),
        ("crs", 2959.5, "`crs`: 2959.5 is not a CRS"),
        ("crs", True, "`crs`: True is not a CRS"),
        ("aoi_crs", FRAME, "`aoi_crs`: a value of the type GeoSeries is not a CRS"),
        ("bbox", "-75.7;45.4;-75.6;45.5", "mean `bbox=-75.7,45.4,-75.6,45.5`"),
        ("bbox", "-75,7,45,4,-75,6,45,5", "mean `bbox=-75.7,45.4,-75.6,45.5`"),
        ("point", "45.4N 75.7W", "mean `point=-75.7,45.4`"),
        ("radius", "5 km", "'5 km' is not a number. Give metres without the unit: 5000."),
        ("buffer", "0.5m", "Give metres without the unit: 0.5."),
        ("radius", "5 ft", "Give a number alone, in the unit that is documented."),
        ("resolution", "10m", "Give a number alone"),
        ("resolution", "0,5", "Did you mean 0.5?"),
        ("radius", "1,000", "Give it without the comma"),  # a thousand, or one
        ("radius", "wide", "`radius`: 'wide' is not a number"),
        ("resolution", True, "`resolution`: True is not a number"),
        ("crop", "no", "`crop`: 'no' is neither True nor False"),
        ("overwrite", "no", "`overwrite`: 'no' is neither True nor False"),
        ("max_memory", "much", "`max_memory`: 'much' is not a size. Give it like 500MB"),
        ("max_download", -1, "`max_download`: -1 is not a size"),
        ("max_cache", float("nan"), "`max_cache`: nan is not a size"),
        ("nts", 31, "`nts`: 31 is not a text"),
        ("collection", 1, "`collection`: 1 is not a text"),
        ("fill", [2], "`fill`: 2 is not a text"),
        ("output", 5, "`output`: 5 is not a path"),
        ("cache_dir", b"a", "`cache_dir`: a value of the type bytes is not a path"),
        ("vertical_grid", ".", "`vertical_grid`: . is a folder. Give a file."),
    ],
)
def test_invalid_value_names_its_parameter(name: str, value: Any, message: str) -> None:
    with pytest.raises(hrdem.RequestError, match=message):
        converted(name, value)
