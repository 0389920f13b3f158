"""GDAL and rasterio judge the files and answers of the demonstration service."""

from __future__ import annotations

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from rasterio.io import MemoryFile
from rasterio.warp import transform_geom
from rasterio.windows import Window

from hrdem.demo import Addresses, projects
from hrdem.demo.cog import DemoCog
from hrdem.demo.terrain import NODATA, heights
from hrdem.demo.tiles import list_tiles
from tests.demo_tiles import TILES, find_empty_block
from tests.gdaldem import needs_gdaldem

AREA = (1_779_552, -66_560, 1_780_576, -65_536)  # four blocks of 9_2
LAKE = (1_760_608, -114_688, 1_761_632, -113_664)  # four more, with a lake where they meet


@pytest.fixture(scope="module")
def cog() -> DemoCog:
    return DemoCog(TILES["9_2", "1m"], "dtm", areas=(AREA,))


@pytest.fixture(scope="module")
def written(cog: DemoCog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cog") / "9_2.tif"
    cog.write(path)
    return path


def test_mosaics_have_66_tiles_and_one_national_raster() -> None:
    assert [len([t for t in list_tiles() if t.collection == c]) for c in ("1m", "2m", "30m")] == [
        66,
        66,
        1,
    ]


def test_gdal_sees_a_cog_of_the_live_geometry(written: Path) -> None:
    with rasterio.open(written) as dataset:
        assert dataset.shape == (500_000, 500_000)
        assert dataset.bounds == (1_500_000, -500_000, 2_000_000, 0)
        assert dataset.crs.to_epsg() == 3979
        assert dataset.nodata == -32767
        assert dataset.dtypes == ("float32",)
        assert dataset.block_shapes == [(512, 512)]
        assert dataset.compression.name == "lzw"
        assert len(dataset.overviews(1)) == 10
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert dataset.tags()["AREA_OR_POINT"] == "Area"


def test_gdal_reads_the_terrain_and_its_holes(written: Path) -> None:
    with rasterio.open(written) as dataset:
        row, column = dataset.index(AREA[0] + 0.5, AREA[3] - 0.5)
        pixels = dataset.read(1, window=Window(column - 200, row - 200, 1424, 1424))
    expected = np.full((1424, 1424), NODATA)
    expected[200:1224, 200:1224] = heights(AREA[0], AREA[3], 1, 1024, 1024)
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("level", range(10))
def test_gdal_reads_every_overview(written: Path, cog: DemoCog, level: int) -> None:
    this = cog.levels[level + 1]
    with rasterio.open(written, overview_level=level) as dataset:
        assert (dataset.width, dataset.height) == (this.width, this.height)
        column, row = int(279_800 / this.resolution), int(65_800 / this.resolution)
        pixels = dataset.read(1, window=Window(column, row, 2, 2))
    left, top = 1_500_000 + column * this.resolution, -row * this.resolution
    np.testing.assert_array_equal(pixels, heights(left, top, this.resolution, 2, 2))


def test_any_range_equals_the_file(written: Path, cog: DemoCog) -> None:
    content = written.read_bytes()
    assert len(content) == cog.size
    generator = np.random.default_rng(3979)
    for start in [0, 190, 3_627, 3_628, 7_639_861, *generator.integers(0, cog.size, 60)]:
        stop = min(int(start) + int(generator.integers(1, 3_000_000)), cog.size)
        assert b"".join(cog.read(int(start), stop)) == content[int(start) : stop]


def test_tile_marked_empty_holds_no_data() -> None:
    cog = DemoCog(TILES["9_2", "1m"], "dtm")
    rank, held = cog._count_present(0)
    assert 0 < held < cog.levels[0].count
    absent = np.flatnonzero(np.diff(rank, prepend=0) == 0)
    for index in absent[:: len(absent) // 12]:
        assert (cog.tile_pixels(0, int(index)) == NODATA).all()


def test_full_file_has_the_live_size() -> None:
    assert 0.9e12 < DemoCog(TILES["9_2", "1m"], "dtm").size < 1.2e12


def test_terrain_depends_on_the_point_only() -> None:
    whole = heights(1_500_000, -180_000, 1, 700, 600, product="dsm")
    part = heights(1_500_123, -180_077, 1, 300, 200, product="dsm")
    np.testing.assert_array_equal(whole[77:277, 123:423], part)


@pytest.mark.slow
def test_each_pixel_reveals_its_edition() -> None:
    first = heights(LAKE[0], LAKE[3], 1, 1024, 1024, product="dsm")
    assert (first == NODATA).any()
    for edition in (1, 2, 99):
        other = heights(LAKE[0], LAKE[3], 1, 1024, 1024, product="dsm", edition=edition)
        np.testing.assert_array_equal(other == NODATA, first == NODATA)
        np.testing.assert_array_equal(other[other != NODATA] // 1024 + 1, edition)


@pytest.mark.slow
def test_editions_differ_in_pixels_not_layout(tmp_path: Path, cog: DemoCog) -> None:
    again = DemoCog(cog.tile, "dtm", areas=(AREA,), edition=2)
    assert (again.size, again.etag != cog.etag) == (cog.size, True)
    again.write(tmp_path / "again.tif")
    for level in (0, 3):
        of_level = {"overview_level": level - 1} if level else {}
        with rasterio.open(tmp_path / "again.tif", **of_level) as dataset:
            row, column = dataset.index(AREA[0] + 0.5, AREA[3] - 0.5)
            pixels = dataset.read(1, window=Window(column, row, 128, 128))
        this = again.levels[level].resolution
        left, top = cog.tile.left + column * this, cog.tile.top - row * this
        expected = heights(left, top, this, 128, 128, edition=2)
        np.testing.assert_array_equal(pixels, expected)


@pytest.mark.slow
def test_gdal_sees_a_hillshade_cog(tmp_path: Path, written: Path) -> None:
    DemoCog(TILES["9_2", "1m"], "dtm", shaded=True, areas=(AREA,)).write(tmp_path / "shade.tif")
    with rasterio.open(tmp_path / "shade.tif") as shade, rasterio.open(written) as z:
        assert shade.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert (shade.dtypes, shade.nodata, shade.compression.name) == (("uint8",), 0, "lzw")
        assert (shade.shape, shade.bounds, shade.crs) == (z.shape, z.bounds, z.crs)
        assert (shade.overviews(1), shade.block_shapes) == (z.overviews(1), z.block_shapes)


@needs_gdaldem
@pytest.mark.parametrize(
    ("collection", "product", "level"),
    [
        pytest.param("1m", "dtm", 0, marks=pytest.mark.slow),
        pytest.param("1m", "dsm", 0, marks=pytest.mark.slow),
        ("1m", "dtm", 3),
    ],
)
def test_gdaldem_gives_the_same_hillshade_across_tiles(
    tmp_path: Path, collection: str, product: str, level: int
) -> None:
    tile = TILES["9_2", collection]
    for shaded in (False, True):
        DemoCog(tile, product, shaded, (LAKE,)).write(tmp_path / f"{shaded}.tif")
    of_level = {"overview_level": level - 1} if level else {}
    with rasterio.open(tmp_path / "True.tif", **of_level) as dataset:
        assert dataset.dtypes == ("uint8",)
        assert dataset.nodata == 0
        row, column = dataset.index(LAKE[0] + 0.5, LAKE[3] - 0.5)
        window = Window(column, row, 1024 >> level, 1024 >> level)
        shade = dataset.read(1, window=window)
    with rasterio.open(tmp_path / "False.tif", **of_level) as dataset:
        z = dataset.read(1, window=window)
        profile = {**dataset.profile, "width": z.shape[1], "height": z.shape[0], "tiled": False}
    with rasterio.open(tmp_path / "z.tif", "w", **profile) as dataset:
        dataset.write(z, 1)
    expected = gdaldem_hillshade(tmp_path / "z.tif")
    inner = (slice(1, -1), slice(1, -1))  # gdaldem leaves the edge of what it sees
    off = np.abs(shade[inner].astype(int) - expected[inner])
    assert off.max() <= 1  # where rounding decides
    assert np.mean(off != 0) < 1e-4
    assert 0.01 < np.mean(expected[inner] == 0) < 0.9
    np.testing.assert_array_equal(shade[inner] == 0, expected[inner] == 0)


@pytest.mark.slow
@needs_gdaldem
def test_hillshade_has_no_seam_between_sub_tiles(tmp_path: Path) -> None:
    top = -180_000
    area = (1_499_990, top - 40, 1_500_010, top)
    halves = []
    for name, left in (("8_2", 1_499_990), ("9_2", 1_500_000)):
        DemoCog(TILES[name, "1m"], "dtm", shaded=True, areas=(area,)).write(tmp_path / "half.tif")
        with rasterio.open(tmp_path / "half.tif") as dataset:
            row, column = dataset.index(left + 0.5, top - 0.5)
            halves.append(dataset.read(1, window=Window(column, row, 10, 40)))
    size = {"width": 22, "height": 42, "transform": rasterio.Affine(1, 0, area[0] - 1, 0, -1, top)}
    with rasterio.open(
        tmp_path / "z.tif", "w", driver="GTiff", count=1, dtype="float32", nodata=-32767, **size
    ) as dataset:
        dataset.write(heights(area[0] - 1, top + 1, 1, 22, 42), 1)
    expected = gdaldem_hillshade(tmp_path / "z.tif")[1:-1, 1:-1]
    off = np.abs(np.hstack(halves).astype(int) - expected)
    assert off.max() <= 1
    assert np.mean(off != 0) < 1e-2


def gdaldem_hillshade(path: Path) -> np.ndarray:
    shaded = path.with_suffix(".shaded.tif")
    subprocess.run(["gdaldem", "hillshade", path, shaded, "-q"], check=True)
    with rasterio.open(shaded) as dataset:
        return dataset.read(1)


@pytest.mark.slow
def test_every_asset_but_the_thumbnail_exists(demo: Addresses) -> None:
    query = {"ids": ["9_2-mosaic-1m", "4_8-mosaic-2m", "mrdem"]}
    for item in httpx.post(f"{demo.stac}search", json=query).json()["features"]:
        for key, asset in item["assets"].items():
            answer = httpx.head(asset["href"])
            assert answer.status_code == (404 if key == "thumbnail" else 200), asset["href"]
            if key != "thumbnail" and "vrt" not in key:
                assert answer.headers["etag"]
                assert answer.headers["accept-ranges"] == "bytes"
                assert answer.headers["content-type"] == asset["type"].partition(";")[0]
        shades = [
            a["href"].rpartition("-dsm")[2]
            for k, a in item["assets"].items()
            if k == "hillshade-dsm"
        ]
        assert shades == ["-hillshade.tif" if item["id"] == "mrdem" else "_hillshade.tif"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("item", "fields"),
    [
        ("8_2-mosaic-1m", ["NAME", "Year"]),
        ("9_2-mosaic-1m", ["Nom_du_projet", "Date_début", "Date_fin", "Densité_pts_m2"]),
        ("7_2-mosaic-1m", None),
    ],
)
def test_coverage_file_lists_the_projects(
    demo: Addresses, tmp_path: Path, item: str, fields: list[str] | None
) -> None:
    href = f"{demo.url}/canelevation-dem/hrdem-mosaic-1m/{item}"
    content = httpx.get(f"{href}-coverage.gpkg").content
    tile = TILES[item.partition("-")[0], "1m"]
    assert content == projects.make_coverage_file(tile).content  # in whatever process it is made
    path = tmp_path / "coverage.gpkg"
    path.write_bytes(content)
    assert [name for name, _ in pyogrio.list_layers(path)] == ["dsm", "dtm"]
    meta, _, shapes, columns = pyogrio.raw.read(path, layer="dtm")
    assert meta["crs"] == "EPSG:3979"
    assert fields is None or list(meta["fields"]) == fields
    names = {project.name for project in projects.list_projects(tile)}
    assert set(columns[0]) == names
    assert len(names) > 30
    outlines = shapely.from_wkb(shapes)
    assert shapely.is_valid(outlines).all()
    union = shapely.union_all(outlines)
    assert shapely.box(*tile.bounds).covers(union)
    assert shapely.area(outlines).sum() > 1.1 * union.area  # older ones lie under newer ones
    document = httpx.get(f"{href}-extent.geojson").json()
    there = transform_geom("EPSG:4617", "EPSG:3979", document["geometry"])
    apart = shapely.geometry.shape(there).symmetric_difference(union)
    assert (document["type"], document["geometry"]["type"]) == ("Feature", "MultiPolygon")
    assert apart.area < 1e-4 * union.area


def test_coverage_files_built_at_once_have_one_date() -> None:
    """The date that GDAL writes into a GeoPackage is a setting of the whole process."""
    tiles = [tile for tile in list_tiles() if tile.item_id.endswith("-1m")][:3]
    with ThreadPoolExecutor(6) as pool:
        files = list(pool.map(projects.make_coverage_file, tiles * 4))
    stamps = {
        stamp for file in files for stamp in re.findall(rb"20[0-9-]+T[0-9:.]+Z", file.content)
    }
    assert stamps == {b"2026-03-24T18:03:29.000Z"}


@pytest.mark.slow
def test_store_serves_ranges_like_s3(demo: Addresses) -> None:
    href = f"{demo.url}/canelevation-dem/hrdem-mosaic-1m/9_2-mosaic-1m-dtm.tif"
    first = httpx.get(href, headers={"Range": "bytes=0-15"})
    size = DemoCog(TILES["9_2", "1m"], "dtm").size
    assert first.status_code == 206
    assert first.content[:4] == b"II+\0"
    assert first.headers["content-range"] == f"bytes 0-15/{size}"
    etag = first.headers["etag"]
    for asked, status in (
        ({"Range": "bytes=0-15", "If-Match": etag}, 206),
        ({"Range": "bytes=0-15", "If-Match": '"other"'}, 412),
        ({"Range": f"bytes={size}-"}, 416),
        ({"Range": "bytes=-16"}, 206),
    ):
        assert httpx.get(href, headers=asked).status_code == status
    assert int(httpx.head(href).headers["content-length"]) == size
    missing = httpx.get(href.replace("9_2", "9_9"))
    assert (missing.status_code, b"NoSuchKey" in missing.content) == (404, True)


def test_catalogue_has_the_live_quirks(demo: Addresses) -> None:
    query = {"collections": ["hrdem-mosaic-2m"], "ids": ["4_8-mosaic-2m", "9_2-mosaic-2m"]}
    page = httpx.post(f"{demo.stac}search", json=query).json()
    without, ours = sorted(page["features"], key=lambda item: item["id"])
    assert list(ours["assets"]) == [
        "dsm", "dtm", "extent", "dsm-vrt", "dtm-vrt", "coverage", "thumbnail",
        "hillshade-dsm", "hillshade-dtm",
    ]  # fmt: skip
    assert "dtm" not in without["assets"]
    assert ours["properties"]["proj:transform"] == [1_500_000, 2, 0, 0, 0, -2]
    assert all("/pgstac/api/" in link["href"] for link in ours["links"])
    assert len(ours["geometry"]["coordinates"][0]) == 401


@pytest.mark.slow
@pytest.mark.long
def test_republished_files_have_new_versions(demo: Addresses, republished: Addresses) -> None:
    query = {"ids": ["9_2-mosaic-1m"], "collections": ["hrdem-mosaic-1m"]}
    before, after = (
        httpx.post(f"{service.stac}search", json=query).json()["features"][0]
        for service in (demo, republished)
    )
    assert before["properties"]["updated"] == "2026-03-24T18:03:29.704737Z"
    assert after["properties"]["updated"] == "2026-03-25T18:03:29.704737Z"
    assert after["properties"] == {**before["properties"], "updated": "2026-03-25T18:03:29.704737Z"}
    for key in ("dsm", "dtm", "extent", "coverage", "hillshade-dsm", "hillshade-dtm"):
        old = httpx.head(before["assets"][key]["href"]).headers
        href = after["assets"][key]["href"]
        new = httpx.head(href).headers
        assert old["etag"] != new["etag"], key
        assert old["last-modified"] == "Tue, 24 Mar 2026 18:03:29 GMT"
        assert new["last-modified"] == "Wed, 25 Mar 2026 18:03:29 GMT"
        for etag, status in ((old["etag"], 412), (new["etag"], 206)):
            asked = {"If-Match": etag, "Range": "bytes=0-15"}
            assert httpx.get(href, headers=asked).status_code == status


WCS = (
    "?service=WCS&version=1.1.1&request=GetCoverage&identifier=dtm&format=image/geotiff"
    "&BoundingBox={},{},{},{},urn:ogc:def:crs:EPSG::{}&GridOffsets={},-{}"
)


def test_wcs_redirects_and_serves_the_cogs_pixels(demo: Addresses) -> None:
    left, top = 1_499_900, -180_000
    query = WCS.format(left + 0.5, top - 499.5, left + 599.5, top - 0.5, 3979, 1, 1)
    assert httpx.get(demo.wcs + query).status_code == 308
    answer = httpx.get(demo.wcs + query, follow_redirects=True)
    with MemoryFile(answer.content) as memory, memory.open() as dataset:
        assert dataset.bounds == (left, top - 500, left + 600, top)
        assert dataset.nodata == -32767
        np.testing.assert_array_equal(dataset.read(1), heights(left, top, 1, 600, 500))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")  # a PNG
def test_wcs_and_wms_follow_the_edition(demo: Addresses, republished: Addresses) -> None:
    left, top = 1_499_900, -180_000
    query = WCS.format(left + 0.5, top - 49.5, left + 59.5, top - 0.5, 3979, 1, 1)
    answer = httpx.get(republished.wcs + query, follow_redirects=True)
    with MemoryFile(answer.content) as memory, memory.open() as dataset:
        expected = heights(left, top, 1, 60, 50, edition=2)
        np.testing.assert_array_equal(dataset.read(1), expected)
    view = (
        "?service=WMS&version=1.3.0&request=GetMap&layers=dtm&crs=EPSG:3979&format=image/png"
        f"&bbox={left},{top - 50},{left + 60},{top}&width=60&height=50"
    )
    lights = []
    for service in (demo, republished):
        answer = httpx.get(service.wms + view, follow_redirects=True)
        with MemoryFile(answer.content) as memory, memory.open() as dataset:
            lights.append(dataset.read(1))
    assert (lights[1] > lights[0]).all()


@pytest.mark.parametrize(
    ("query", "status", "body"),
    [
        ("?service=WCS&version=2.0.1&request=GetCoverage", 400, b"layer does not exist"),
        ("?service=WCS&request=GetCoverage", 400, b"Missing parameter 'identifier'"),
        (WCS.format(0, 0, 900, 900, 3857, 1, 1), 200, b"null"),
        (WCS.format(-76, 45, -75, 46, 4326, 1e-3, 1e-3).replace("-76,45", "0,1"), 500, b"Extent"),
        (WCS.format(0, 0, 9e5, 9e5, 3979, 1, 1), 502, b"Bad Gateway"),
    ],
    ids=["version", "missing", "wide in 3857", "axis order", "too large"],
)
def test_wcs_rejects_like_the_live_one(demo: Addresses, query, status, body) -> None:
    answer = httpx.get(demo.wcs + query, follow_redirects=True)
    assert (answer.status_code, body in answer.content) == (status, True)


def test_wcs_answers_one_pixel_for_an_empty_box(demo: Addresses) -> None:
    x, y = find_empty_block(TILES["9_2", "1m"])
    query = WCS.format(x + 0.5, y - 99.5, x + 99.5, y - 0.5, 3979, 1, 1)
    answer = httpx.get(demo.wcs + query, follow_redirects=True)
    with MemoryFile(answer.content) as memory, memory.open() as dataset:
        assert dataset.shape == (1, 1)
        assert dataset.bounds == (x, y - 100, x + 100, y)
