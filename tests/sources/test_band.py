"""Scaled, masked and refused rasters: both readers agree with rasterio's masked reads."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from affine import Affine

import hrdem
from hrdem.errors import SourceError
from hrdem.geo.band import Band, check_band, is_infinite
from hrdem.geo.grid import Grid, Window
from hrdem.http.client import HttpClient
from hrdem.http.protocol import Download, Http
from hrdem.runtime.gdal_env import pinned_gdal
from hrdem.sources.cog import CogSource, probe_cog
from hrdem.sources.gdal_band import describe_band, read_band, split_crs
from hrdem.sources.protocol import limit_service_requests
from hrdem.sources.wcs.coverage import WcsCoverage
from hrdem.sources.wcs.reader import WcsSource
from tests.cogs import URL, Bytes
from tests.misbehaving import Misbehaving, Reply, ServerRequest, misbehaving, range_reply
from tests.relief import TIERS, make_relief
from tests.stores import Store

EDGE, LEFT, TOP = 96, 1_500_000, -160_000
ALL = Window(0, 0, EDGE, EDGE)
BOX = {"bbox": (LEFT, TOP - EDGE, LEFT + EDGE, TOP), "bbox_crs": "EPSG:3979", "product": "dtm"}

VRT = f"""<VRTDataset rasterXSize="{EDGE}" rasterYSize="{EDGE}"><SRS>EPSG:3979</SRS>
<GeoTransform>{LEFT}, 1, 0, {TOP}, 0, -1</GeoTransform><VRTRasterBand dataType="Float32" band="1">
<SimpleSource><SourceFilename relativeToVRT="1">a.tif</SourceFilename><SourceBand>1</SourceBand>
</SimpleSource></VRTRasterBand></VRTDataset>"""


def write(path: Path, *, mask: bool = False, colors: bool = False, **options: Any) -> Path:
    """Write numbers from 1,000 on, 48 of them nodata; `mask` excludes the upper left quarter."""
    bands = {name: options.pop(name, None) for name in ("scales", "offsets", "units")}
    dtype = options.get("dtype", "float32")
    pixels = (1000 + np.arange(EDGE * EDGE) % 7000).reshape(EDGE, EDGE).astype(dtype)
    nodata = options.setdefault("nodata", None if mask else pixels[0, 0])
    pixels[0, :48] = pixels[0, 0] if nodata is None else nodata
    profile = {
        "driver": "GTiff", "width": EDGE, "height": EDGE, "count": 1, "dtype": dtype,
        "crs": "EPSG:3979", "transform": Affine(1, 0, LEFT, 0, -1, TOP), "tiled": True,
        "blockxsize": 32, "blockysize": 32, "compress": "deflate",
    }  # fmt: skip
    inside = np.ones((EDGE, EDGE), np.bool_)
    inside[:48, :48] = False
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(path, "w", **{**profile, **options}) as dataset,
    ):
        dataset.write(np.broadcast_to(pixels, (dataset.count, EDGE, EDGE)))
        if mask:
            dataset.write_mask(inside)
        if colors:
            dataset.write_colormap(1, {0: (255, 0, 0), 1: (0, 255, 0)})
        for name, value in bands.items():
            if value is not None:
                setattr(dataset, name, (value,) * dataset.count)
    return path


def expect(path: Path) -> np.ndarray:
    """Return the values that GDAL's documentation defines, and NaN for pixels without one."""
    with rasterio.open(path) as dataset:
        numbers = dataset.read(1, masked=True)
        values = numbers.astype(np.float64) * dataset.scales[0] + dataset.offsets[0]
        return np.ma.filled(values, np.nan).astype(np.float32)


def with_nan(pixels: np.ndarray, nodata: float) -> np.ndarray:
    return np.where(pixels == nodata, np.nan, pixels).astype(np.float32)


@pytest.mark.parametrize(
    "options",
    [
        {"dtype": "int16", "scales": 0.1, "units": "m"},
        {"dtype": "uint16", "scales": 0.01, "offsets": -50, "units": "metre"},
        {"dtype": "int32", "scales": 0.001, "nodata": None},
        {"dtype": "float32", "scales": 0.3048, "offsets": 2.5, "nodata": float("nan")},
        {"dtype": "int16", "scales": 0.1, "SPARSE_OK": True},
        {"dtype": "int16", "scales": -1, "offsets": -31767, "nodata": None},
        {"dtype": "int16", "mask": True},
        {"dtype": "uint16", "mask": True, "scales": 0.1},
        {"dtype": "float32", "mask": True},
    ],
    ids=lambda options: "-".join(str(each) for each in options.values()),
)
def test_scale_offset_and_mask_are_applied(tmp_path: Path, options: dict[str, Any]) -> None:
    """By hrdem's reader and by GDAL's, as a masked read of rasterio's gives them."""
    path = write(tmp_path / "a.tif", **options)
    content = Bytes(path.read_bytes())
    file = probe_cog(URL, content)
    with rasterio.open(path) as dataset:
        band = describe_band(dataset)
        by_gdal = read_band(dataset, band, ALL)
    np.testing.assert_equal(asdict(band), asdict(file.band))
    assert by_gdal.dtype == band.dtype == "float32"
    check_band(band, "metre", "it")
    expected = expect(path)
    if options.get("offsets") == -31767:  # the number 1,000 makes -32767, the nodata value
        expected[expected == -32767] = np.nextafter(np.float32(-32767), np.float32(0))
    np.testing.assert_array_equal(with_nan(by_gdal, band.nodata), expected)
    if not band.is_masked:
        by_hrdem = CogSource(file, content).fetch(ALL).decode()
        np.testing.assert_array_equal(by_hrdem, by_gdal)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": "ft"}, "the unit 'ft'"),
        ({"crs": "EPSG:3979+6360"}, "heights in EPSG:6360"),
        ({"crs": "EPSG:3979+6360", "GEOTIFF_VERSION": "1.0"}, "heights in EPSG:6360"),
        ({"crs": "EPSG:3979+5713"}, "heights in EPSG:5713, where CGVD2013"),
        ({"dtype": "uint8"}, "uint8, whose 256 numbers are a picture"),
        ({"dtype": "uint8", "colors": True, "photometric": "PALETTE"}, "colours"),
        ({"dtype": "uint16", "photometric": "MINISWHITE"}, "colours"),
        ({"dtype": "int16", "scales": 0.0}, "a scale of 0"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_uncertain_values_are_refused(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    """For the same reason by hrdem's reader and by GDAL's."""
    path = write(tmp_path / "a.tif", **options)
    with pinned_gdal(), rasterio.open(path) as dataset:
        by_gdal = describe_band(dataset)
    for band in (by_gdal, probe_cog(URL, Bytes(path.read_bytes())).band):
        with pytest.raises(SourceError, match=message):
            check_band(band, "metre", "it")


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (b'sample="0" role="scale"', b'sample="x" role="scale"'),
        (b'name="SCALE"', b'nome="SCALE"'),
        (b">0.5<", b">0_5<"),
        (b"<Item name", b"<!--m name"),
    ],
)
def test_metadata_that_gdal_would_take_in_part_are_refused(
    tmp_path: Path, right: bytes, wrong: bytes
) -> None:
    content = write(tmp_path / "a.tif", dtype="int16", scales=0.5).read_bytes()
    assert right in content
    with pytest.raises(SourceError, match="GDAL_METADATA|not a number"):
        probe_cog(URL, Bytes(content.replace(right, wrong, 1)))


def test_heights_that_state_the_published_datum_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", crs="EPSG:3979+6647")
    file = probe_cog(URL, Bytes(path.read_bytes()))
    check_band(file.band, "metre", "it")
    assert file.grid.crs == "EPSG:3979"


def test_pictures_may_have_8_bits() -> None:
    """Hillshades have; heights never do."""
    check_band(Band("uint8", 0), "", "a hillshade")
    with pytest.raises(SourceError, match="'m' for its pixels where no unit"):
        check_band(Band("uint8", 0, unit="m"), "", "a hillshade")


def test_alpha_band_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", dtype="uint16", count=2, alpha="YES")
    with pytest.raises(SourceError, match="2 bands instead of one"):
        probe_cog(URL, Bytes(path.read_bytes()))


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    place = {"crs": "EPSG:3979", "transform": Affine(1, 0, LEFT, 0, -1, TOP)}
    with rasterio.open(path, "w", "GTiff", 16, 16, 1, dtype="complex64", **place) as dataset:
        band = describe_band(dataset)
    with pytest.raises(SourceError, match="holds complex64, not measurements"):
        check_band(band, "metre", "it")


@pytest.mark.parametrize(
    "options",
    [
        {"dtype": "int16", "scales": 0.1, "nodata": -9999},
        {"dtype": "float32", "mask": True},
        {"dtype": "uint16", "mask": True, "scales": 0.1},
    ],
    ids=["scale", "mask", "both"],
)
def test_coverage_of_a_wcs_is_read_by_the_same_rules(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    """Pixels without data get the nodata value of the coverage."""
    path = write(tmp_path / "a.tif", **options)

    class Wcs(Http):
        def download(self, url: str, path_: Path, **settings: Any) -> Download:
            path_.write_bytes(path.read_bytes())
            return Download("image/tiff", 1)

    grid = Grid("EPSG:3979", Affine(1, 0, LEFT, 0, -1, TOP), EDGE, EDGE)
    band = Band("float32", -9999)
    coverage = WcsCoverage(URL, "dtm", "image/tiff", grid, band, "metre", "", ("dtm",), 1, 300)
    wcs: Any = Wcs()
    source = WcsSource(coverage, wcs, ALL, tmp_path / "cache", limit_service_requests())
    pixels = source.fetch(ALL).decode()
    source.close()
    np.testing.assert_array_equal(with_nan(pixels, -9999), expect(path))


@contextlib.contextmanager
def publish(path: Path) -> Iterator[Misbehaving]:
    """Serve a catalogue that lists one file, and the file."""

    def script(request: ServerRequest) -> Reply:
        if request.path.endswith("search"):
            item = {
                "type": "Feature", "stac_version": "1.0.0", "id": "a", "geometry": None,
                "collection": "hrdem-mosaic-1m", "properties": {"datetime": None}, "links": [],
                "assets": {
                    "dtm": {"href": f"{server.url}/a.tif"},
                    "dtm-vrt": {"href": f"{server.url}/a.vrt"},
                },
            }  # fmt: skip
            return Reply.json({"type": "FeatureCollection", "features": [item], "links": []})
        if request.path == "/a.vrt":
            return Reply(200, VRT.encode(), {"ETag": '"1"'})
        file = path.parent / request.path[1:]
        return range_reply(file.read_bytes(), request) if file.exists() else Reply(404)

    with misbehaving(script) as server:
        yield server


def test_masked_file_is_extracted_by_gdal(tmp_path: Path, http: HttpClient) -> None:
    """Only if that is requested; no reader asks for files beside it."""
    path = write(tmp_path / "a.tif", dtype="int16", mask=True, scales=0.1)
    (tmp_path / "a.tif.msk").write_bytes(write(tmp_path / "b.tif").read_bytes())
    with publish(path) as server:
        box = {**BOX, "stac_url": f"{server.url}/", "http": http}
        result = hrdem.extract(**box, engine="gdal", output=tmp_path / "out.tif")
        with pytest.raises(hrdem.SourceError, match="a mask for its pixels.*`engine=gdal`"):
            hrdem.plan(**box)
        assert {each.path for each in server.requests} == {"/search", "/a.tif"}
    with rasterio.open(result.output) as dataset:
        pixels = with_nan(dataset.read(1), dataset.nodata)
        assert dataset.dtypes == ("float32",)
    np.testing.assert_array_equal(pixels, expect(path))
    assert result.statistics.valid == EDGE * EDGE - 48 * 48


def test_blocks_of_scaled_numbers_are_not_copied(tmp_path: Path, http: HttpClient) -> None:
    with (
        publish(write(tmp_path / "a.tif", dtype="int16", scales=0.1)) as server,
        pytest.raises(hrdem.RequestError, match="a scale or an offset, which are lost"),
    ):
        hrdem.plan(**BOX, align="blocks", stac_url=f"{server.url}/", http=http)


@pytest.mark.parametrize("via", ["auto", pytest.param("vrt", marks=pytest.mark.slow)])
def test_feet_are_refused_without_asking_the_wcs(
    tmp_path: Path, http: HttpClient, via: str
) -> None:
    """It would send the same numbers, and not say what they are; nor does a VRT."""
    path = write(tmp_path / "a.tif", units="ft")
    with publish(path) as server:
        wcs = f"{server.url}/wcs"
        with pytest.raises(hrdem.SourceError, match="a.tif states the unit 'ft'"):
            hrdem.plan(**BOX, via=via, stac_url=f"{server.url}/", wcs_url=wcs, http=http)
        assert not any("wcs" in each.path for each in server.requests)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dtype": "float64"}, "a.vrt has pixels of float32, and .*a.tif.* of float64"),
        ({"nodata": -9999}, "a.vrt does not state the nodata value -9999 of .*a.tif"),
    ],
)
def test_vrt_that_states_other_numbers_than_its_files_is_refused(
    tmp_path: Path, http: HttpClient, options: dict[str, Any], said: str
) -> None:
    """Heights would be rounded, or nodata be heights."""
    with (
        publish(write(tmp_path / "a.tif", **options)) as server,
        pytest.raises(hrdem.SourceError, match=said),
    ):
        hrdem.plan(**BOX, via="vrt", stac_url=f"{server.url}/", http=http)


@pytest.mark.parametrize("resolution", [None, pytest.param(0.15, marks=pytest.mark.slow)])
def test_infinite_values_are_nodata_and_reported(
    tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture, resolution: float | None
) -> None:
    """In the result, the STAC item and a warning; but not if another source has data there."""
    pixels = make_relief("1m", EDGE, EDGE)
    pixels[10:20, 10:16], pixels[40, 40], pixels[50, 50] = np.inf, -np.inf, np.nan
    store.add(TIERS["1m"], pixels, LEFT, TOP, item="new", datetime="2024-01-01")
    store.add(
        TIERS["1m"], np.full((1, 96), 5, "f4"), LEFT, TOP - 10, item="old", datetime="2020-01-01"
    )
    result = hrdem.extract(
        **BOX, output=tmp_path / "a.tif", http=store, resolution=resolution, resampling="nearest"
    )
    with rasterio.open(result.output) as dataset:
        found = dataset.read(1)
    assert np.isfinite(found).all()
    assert result.statistics.maximum < 1e4
    assert result.infinite_pixels == result.as_dict()["infinite_pixels"] == 55
    item = json.loads(result.output.with_suffix(".stac.json").read_bytes())
    assert item["properties"]["hrdem:infinite_pixels"] == 55
    assert "55 pixels of the sources are infinite" in caplog.text
    if resolution is None:
        half = {**BOX, "bbox": None, "bbox_crs": None, "aoi_crs": "EPSG:3979"}
        corner = shapely.Polygon([(LEFT, TOP), (LEFT + 50, TOP), (LEFT, TOP - 50)])
        part = hrdem.extract(**half, aoi=corner, output=tmp_path / "b.tif", http=store)
        assert part.infinite_pixels == 54


@pytest.mark.parametrize(
    "read",
    [
        lambda points, http: (
            hrdem.sample(points, points_crs="EPSG:3979", product="dtm", http=http).values
        ),
        pytest.param(
            lambda points, http: hrdem.load(**BOX, chunks=64, http=http).values,
            marks=pytest.mark.slow,
        ),
    ],
    ids=["sample", "chunks"],
)
def test_infinite_values_are_reported_once_where_parts_are_read(
    store: Store, caplog: pytest.LogCaptureFixture, read: Any
) -> None:
    """They were nodata there without a word."""
    pixels = make_relief("1m", EDGE, EDGE)
    pixels[::9] = np.inf
    store.add(TIERS["1m"], pixels, LEFT, TOP)
    points = np.array([[LEFT + 5, TOP - 3.5], [LEFT + 5, TOP - 9.5], [LEFT + 90, TOP - 90.5]])
    found = read(points, store)
    assert not np.isinf(found).any()
    (message,) = caplog.messages
    assert re.match(r"At least \d+ pixels of the sources are infinite", message)


def test_declared_nodata_is_not_infinite() -> None:
    """Even if it is an infinite number; scaled numbers stay infinite."""
    numbers = np.array([[np.inf, -np.inf, 1]], np.float32)
    assert is_infinite(numbers, np.inf).tolist() == [[False, True, False]]
    assert is_infinite(numbers, None).tolist() == [[True, True, False]]
    values = Band("float32", np.inf, scale=2).to_values(numbers)
    assert values.tolist() == [[-32767, -np.inf, 2]]


def test_infinite_pixel_does_not_hide_an_older_file(store: Store, tmp_path: Path) -> None:
    """Which is read first, as it begins above."""
    new = np.full((40, EDGE), np.inf, np.float32)
    store.add(TIERS["1m"], new, LEFT, TOP - 20, item="new", datetime="2024-01-01")
    store.add(
        TIERS["1m"], np.full((EDGE, EDGE), 5, "f4"), LEFT, TOP, item="old", datetime="2020-01-01"
    )
    result = hrdem.extract(**BOX, output=tmp_path / "a.tif", http=store)
    assert (result.infinite_pixels, result.statistics.minimum) == (0, 5)
    assert result.pixels_by_source["old-hrdem-mosaic-1m"] == EDGE * EDGE


def test_parts_of_a_crs_that_states_its_own_shift() -> None:
    """A bound CRS has no name of its own, which was a KeyError."""
    bound = pyproj.CRS("+proj=utm +zone=18 +ellps=intl +towgs84=1,2,3").to_wkt()
    height = pyproj.CRS(6647).to_wkt()
    compound = rasterio.CRS.from_wkt(f'COMPOUNDCRS["both",{bound},{height}]')
    assert split_crs(compound) == ("unknown", "EPSG:6647")
