"""Computed products, compared with the same computation on whole rasters and with GDAL."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import hrdem
from hrdem.demo import Addresses
from hrdem.geo.grid import Grid, Window
from hrdem.geo.ground import Ground
from hrdem.processing.terrain import (
    compute_aspect,
    compute_gradient,
    compute_hillshade,
    compute_slope,
)
from hrdem.request.options import Algorithm
from tests.gdaldem import needs_gdaldem
from tests.layers import read_with_layers
from tests.relief import LEFT, TOP, make_relief, punch_holes
from tests.shift_grids import millimetres, write_grid
from tests.stores import NODATA, Store

BOX = {"bbox": (LEFT + 60, TOP - 840, LEFT + 840, TOP - 60), "bbox_crs": "EPSG:3979"}
RELAXED = settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
BORDER = (1_499_600, -170_700, 1_500_400, -170_000)  # 8_2 ends and 9_2 begins in its middle

Array = NDArray[np.float32]


def extract(store: Store, output: Path, product: str, **params: Any) -> hrdem.Result:
    """Extract a product for a default box; `params` override it."""
    return hrdem.extract(
        **{**BOX, **params}, product=product, output=output, http=store, overwrite=True
    )


def read_raster(path: Path) -> tuple[Array, Grid]:
    """Read pixels and grid."""
    with rasterio.open(path) as dataset:
        grid = Grid(dataset.crs.to_string(), dataset.transform, dataset.width, dataset.height)
        return dataset.read(1), grid


def compute_whole_gradient(
    heights: Array, grid: Grid, algorithm: Algorithm = Algorithm.HORN
) -> Any:
    """Return the gradient of the inner pixels, from heights with a border of one pixel."""
    inner = grid.crop(Window(1, 1, grid.width - 2, grid.height - 2))
    known = np.where(heights == NODATA, np.nan, heights)
    return compute_gradient(known, Ground.of(inner).steps(inner.window), algorithm)


@pytest.mark.slow
@RELAXED
@given(seed=st.integers(0, 999), share=st.floats(0.01, 0.3), algorithm=st.sampled_from(Algorithm))
def test_slope_has_no_seams_at_blocks_and_sub_tiles(
    tmp_path: Path, store: Store, seed: int, share: float, algorithm: Algorithm
) -> None:
    whole = punch_holes(make_relief("1m", 900, 900), seed, share)
    store.add("hrdem-mosaic-1m", whole[:, :431], LEFT, TOP, item="west")
    store.add("hrdem-mosaic-1m", whole[:, 431:], LEFT + 431, TOP, item="east")
    extract(store, tmp_path / "a.tif", "dtm-slope", algorithm=algorithm.value)
    pixels, grid = read_raster(tmp_path / "a.tif")
    around = grid.crop(Window(-1, -1, grid.width + 2, grid.height + 2))
    expected = compute_slope(compute_whole_gradient(whole[59:841, 59:841], around, algorithm))
    np.testing.assert_array_equal(pixels, np.where(np.isnan(expected), NODATA, expected))


@pytest.mark.slow
@pytest.mark.long
def test_slope_on_another_grid_is_from_its_heights(demo: Addresses, tmp_path: Path) -> None:
    """Across the border of two sub-tiles; heights and slope are extracted separately."""
    params: dict[str, Any] = {"crs": "EPSG:2959", "resolution": 2, "stac_url": demo.stac}
    box = {"bbox": BORDER, "bbox_crs": "EPSG:3979"}
    hrdem.extract(**box, **params, product="dtm", output=tmp_path / "z.tif")
    done = hrdem.extract(**box, **params, product="dtm-slope", output=tmp_path / "slope.tif")
    assert len(done.plan.sources) == 2
    heights, grid = read_raster(tmp_path / "z.tif")
    pixels, _ = read_raster(tmp_path / "slope.tif")
    expected = compute_slope(compute_whole_gradient(heights, grid))
    inner = pixels[1:-1, 1:-1]
    valid = ~np.isnan(expected)
    np.testing.assert_array_equal(inner != NODATA, valid)
    np.testing.assert_allclose(inner[valid], expected[valid], rtol=0, atol=2e-5)
    assert (pixels[0] != NODATA).mean() > 0.9, "pixels at the edge have neighbours too"


@pytest.mark.slow
@needs_gdaldem
@pytest.mark.parametrize(
    "algorithm",
    [Algorithm.HORN, pytest.param(Algorithm.ZEVENBERGEN_THORNE, marks=pytest.mark.long)],
)
def test_slope_equals_gdaldems_at_map_scale(
    demo: Addresses, tmp_path: Path, algorithm: Algorithm
) -> None:
    box = {"bbox": BORDER, "bbox_crs": "EPSG:3979", "stac_url": demo.stac}
    hrdem.extract(**box, product="dtm", output=tmp_path / "z.tif")
    hrdem.extract(
        **box, product="dtm-slope", algorithm=algorithm.value, output=tmp_path / "slope.tif"
    )
    pixels, grid = read_raster(tmp_path / "slope.tif")
    steps = Ground.of(grid).steps(Window(grid.width // 2, grid.height // 2, 1, 1))
    scale = float(np.sqrt(steps.width * steps.height).item())
    assert abs(scale - 1) > 0.005, "otherwise the scale has no visible effect"
    name = {"horn": "Horn", "zevenbergen-thorne": "ZevenbergenThorne"}[algorithm.value]
    subprocess.run(
        [
            *("gdaldem", "slope", "-q", "-s", repr(scale), "-alg", name),
            *(tmp_path / "z.tif", tmp_path / "theirs.tif"),
        ],
        check=True,
    )
    with rasterio.open(tmp_path / "theirs.tif") as dataset:
        theirs = dataset.read(1, masked=True)
    both = ~theirs.mask & (pixels != NODATA)
    assert both.mean() > 0.9
    np.testing.assert_allclose(
        pixels[both], theirs.data[both], rtol=0, atol=5e-3
    )  # gdaldem sums in float32
    assert not (~theirs.mask & (pixels == NODATA)).any()


@pytest.mark.slow
def test_aspect_is_from_true_or_grid_north(demo: Addresses, tmp_path: Path) -> None:
    box = {"bbox": BORDER, "bbox_crs": "EPSG:3979", "product": "dtm-aspect"}
    found = {}
    for north in ("true", "grid"):
        output = tmp_path / f"{north}.tif"
        hrdem.extract(**box, aspect_north=north, stac_url=demo.stac, output=output)
        found[north], grid = read_raster(output)
    heights = tmp_path / "z.tif"
    hrdem.extract(
        bbox=(BORDER[0] - 1, BORDER[1] - 1, BORDER[2] + 1, BORDER[3] + 1), bbox_crs="EPSG:3979",
        product="dtm", stac_url=demo.stac, output=heights,
    )  # fmt: skip
    expected = compute_aspect(compute_whole_gradient(*read_raster(heights)))
    np.testing.assert_array_equal(
        found["grid"], np.where(np.isnan(expected), NODATA, expected).astype(np.float32)
    )
    falls = found["grid"] >= 0
    turned = (found["true"] - found["grid"])[falls] % 360
    bearing = Ground.of(grid).bearing(grid.window)[falls] % 360
    np.testing.assert_allclose(turned, bearing, rtol=0, atol=1e-3)
    assert 10 < np.median(bearing) < 25, "the convergence of the map in Ottawa"


@pytest.mark.parametrize("unit", ["degrees", pytest.param("percent", marks=pytest.mark.slow)])
def test_slope_is_in_degrees_or_percent(tmp_path: Path, store: Store, unit: str) -> None:
    store.add("hrdem-mosaic-1m", make_relief("1m", 900, 900), LEFT, TOP)
    done = extract(store, tmp_path / "a.tif", "dtm-slope", slope_unit=unit)
    extract(store, tmp_path / "b.tif", "dtm-slope")
    pixels, degrees = read_raster(tmp_path / "a.tif")[0], read_raster(tmp_path / "b.tif")[0]
    expected = degrees if unit == "degrees" else 100 * np.tan(np.radians(degrees))
    np.testing.assert_allclose(pixels, expected, rtol=1e-5)
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert dataset.units == ("degree" if unit == "degrees" else "percent",)
        assert dataset.descriptions == ("dtm-slope",), "slopes have no vertical datum"
    assert done.as_dict()["vertical"] == {}


@pytest.mark.slow
def test_canopy_height_comes_from_one_tier_per_pixel(tmp_path: Path, store: Store) -> None:
    """A tier without both surfaces is skipped; surfaces of different tiers are never mixed."""
    ground, surface = (
        punch_holes(make_relief("1m", 900, 900), 1, 0.3),
        make_relief("1m", 900, 900, step=11),
    )
    surface = punch_holes(surface, 2, 0.3)
    store.add("hrdem-mosaic-1m", ground, LEFT, TOP)
    store.add("hrdem-mosaic-1m", surface, LEFT, TOP, asset="dsm")
    store.add("hrdem-mosaic-2m", make_relief("2m", 900, 900), LEFT, TOP, asset="dsm")
    store.add("mrdem-30", make_relief("30m", 900, 900), LEFT, TOP)
    store.add("mrdem-30", make_relief("30m", 900, 900, step=3), LEFT, TOP, asset="dsm")
    result = extract(store, tmp_path / "a.tif", "chm", fill="2m,30m", source_band=True)
    pixels, upper, lower = read_with_layers(tmp_path / "a.tif", "source-dsm", "source-dtm")
    inner = slice(60, 840), slice(60, 840)
    both = ((ground != NODATA) & (surface != NODATA))[inner]
    np.testing.assert_array_equal(pixels[both], (surface - ground)[inner][both])
    np.testing.assert_allclose(pixels[~both], 3, rtol=0, atol=1e-3)
    np.testing.assert_array_equal(upper, np.where(both, 1, 3))
    np.testing.assert_array_equal(lower, np.where(both, 2, 4))
    assert list(result.plan.tiers_without_data) == ["2m"]
    assert result.pixels_by_source == {
        "tile-hrdem-mosaic-1m dsm": both.sum(),
        "tile-hrdem-mosaic-1m dtm": both.sum(),
        "tile-mrdem-30 dsm": (~both).sum(),
        "tile-mrdem-30 dtm": (~both).sum(),
    }


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({}, id="box"),
        pytest.param({"crop": True, "format": "cog"}, id="cog", marks=pytest.mark.slow),
    ],
)
def test_every_source_of_a_canopy_height_stands_in_a_layer(
    tmp_path: Path, store: Store, more: dict[str, Any]
) -> None:
    """The DTM's sources were listed, but stood nowhere."""
    store.add("hrdem-mosaic-1m", make_relief("1m", 900, 900, step=9), LEFT, TOP, asset="dsm")
    store.add("hrdem-mosaic-1m", make_relief("1m", 450, 900), LEFT, TOP, item="west")
    store.add("hrdem-mosaic-1m", make_relief("1m", 450, 900), LEFT + 450, TOP, item="east")
    result = extract(store, tmp_path / "a.tif", "chm", source_band=True, **more)
    names = "source-dsm", "source-dtm"
    _, *layers = read_with_layers(tmp_path / "a.tif", *names)
    assert [path.name for path in result.layers] == [f"a.{name}.tif" for name in names]
    item = json.loads((tmp_path / "a.stac.json").read_text())
    assert tuple(item["assets"]) == ("chm", *names)
    sources = item["properties"]["hrdem:sources"]
    upper, lower = (
        {each["name"]: int((layer == each["source_id"]).sum()) for each in sources}
        for layer in layers
    )
    assert {name for name, count in upper.items() if count} == {"tile-hrdem-mosaic-1m dsm"}
    assert {name for name, count in lower.items() if count} == {
        "west-hrdem-mosaic-1m dtm",
        "east-hrdem-mosaic-1m dtm",
    }
    assert {name: upper[name] + lower[name] for name in upper} == result.pixels_by_source


class TestHillshades:
    """Hillshades are published at full resolution; other grids and options are computed."""

    @pytest.fixture
    def stored(self, store: Store) -> Store:
        """Add two sub-tiles side by side that have a DTM."""
        store.add("hrdem-mosaic-1m", make_relief("1m", 450, 900), LEFT, TOP, item="west")
        store.add("hrdem-mosaic-1m", make_relief("1m", 450, 900), LEFT + 450, TOP, item="east")
        return store

    def make_shades(self) -> NDArray[np.uint8]:
        """Return pixels of 1 to 255."""
        rows, columns = np.indices((900, 450))
        return (1 + (rows * 7 + columns * 3) % 255).astype(np.uint8)

    @pytest.mark.slow
    def test_published_hillshade_is_read_unchanged(self, tmp_path: Path, stored: Store) -> None:
        for item, left in (("west", LEFT), ("east", LEFT + 450)):
            stored.add(
                "hrdem-mosaic-1m", self.make_shades(), left, TOP, asset="hillshade-dtm", item=item,
                nodata=0,
            )  # fmt: skip
        done = extract(stored, tmp_path / "a.tif", "dtm-hillshade")
        pixels, _ = read_raster(tmp_path / "a.tif")
        whole = np.concatenate([self.make_shades()] * 2, axis=1)
        np.testing.assert_array_equal(pixels, whole[60:840, 60:840])
        assert pixels.dtype == np.uint8
        assert not done.plan.is_computed
        assert all(source.asset == "hillshade-dtm" for source in done.plan.sources)

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "params",
        [{"resolution": 3}, {"algorithm": "zevenbergen-thorne"}, {"fill": "2m"}],
        ids=lambda params: next(iter(params)),
    )
    def test_hillshade_with_other_options_is_computed(
        self, tmp_path: Path, stored: Store, params: dict[str, Any]
    ) -> None:
        for item, left in (("west", LEFT), ("east", LEFT + 450)):
            stored.add(
                "hrdem-mosaic-1m", self.make_shades(), left, TOP, asset="hillshade-dtm", item=item,
                nodata=0,
            )  # fmt: skip
        done = extract(stored, tmp_path / "a.tif", "dtm-hillshade", **params)
        assert done.plan.is_computed
        assert {source.asset for source in done.plan.sources} == {"dtm"}

    @pytest.mark.slow
    @pytest.mark.parametrize("published", [[], ["west"]])
    def test_partly_published_hillshade_is_all_computed(
        self,
        tmp_path: Path,
        stored: Store,
        published: list[str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """The whole area is computed, so there is no seam between published and computed pixels."""
        for item in published:
            stored.add(
                "hrdem-mosaic-1m", self.make_shades(), LEFT, TOP, asset="hillshade-dtm", item=item,
                nodata=0,
            )  # fmt: skip
        extract(stored, tmp_path / "a.tif", "dtm-hillshade")
        pixels, grid = read_raster(tmp_path / "a.tif")
        whole = np.concatenate([make_relief("1m", 450, 900)] * 2, axis=1)
        around = grid.crop(Window(-1, -1, grid.width + 2, grid.height + 2))
        np.testing.assert_array_equal(
            pixels, compute_hillshade(compute_whole_gradient(whole[59:841, 59:841], around))
        )
        assert "it is computed here" in caplog.text

    @pytest.mark.slow
    def test_computed_hillshade_equals_the_published(self, demo: Addresses, tmp_path: Path) -> None:
        """At a map scale of 1.006, some pixels differ by one grey value."""
        box = {"bbox": BORDER, "bbox_crs": "EPSG:3979", "product": "dtm-hillshade"}
        hrdem.extract(**box, stac_url=demo.stac, output=tmp_path / "a.tif")
        hrdem.extract(**box, via="vrt", stac_url=demo.stac, output=tmp_path / "b.tif")
        theirs, ours = read_raster(tmp_path / "a.tif")[0], read_raster(tmp_path / "b.tif")[0]
        np.testing.assert_array_equal(theirs == 0, ours == 0)
        assert np.abs(theirs.astype(int) - ours).max() <= 1


class TestHeights:
    """Heights above CGVD28, with a shift grid written by the test."""

    @pytest.fixture
    def grid(self, tmp_path: Path) -> Path:
        """Write a vertical shift grid."""
        return write_grid(tmp_path / "proj" / "shifts.tif", millimetres(40, 20))

    def test_shift_is_added_to_each_height(
        self, demo: Addresses, tmp_path: Path, grid: Path
    ) -> None:
        box = {"bbox": BORDER, "bbox_crs": "EPSG:3979", "stac_url": demo.stac, "product": "dtm"}
        hrdem.extract(**box, output=tmp_path / "new.tif")
        done = hrdem.extract(
            **box, vertical_datum="CGVD28", vertical_grid=grid, output=tmp_path / "old.tif"
        )
        new, lattice = read_raster(tmp_path / "new.tif")
        old, _ = read_raster(tmp_path / "old.tif")
        lon, lat = Ground.of(lattice).lonlat(lattice.window)
        with rasterio.open(grid) as dataset:
            values = dataset.read(1) * dataset.scales[0]
            columns = (lon - dataset.transform.c) / dataset.transform.a - 0.5
            rows = (lat - dataset.transform.f) / dataset.transform.e - 0.5
        expected = new + interpolate(values, rows, columns)
        valid = new != NODATA
        np.testing.assert_array_equal(old != NODATA, valid)
        np.testing.assert_allclose(old[valid], expected[valid], rtol=0, atol=5e-5)
        assert np.abs((old - new)[valid]).max() > 0.05
        with rasterio.open(tmp_path / "old.tif") as dataset:
            assert dataset.crs.to_epsg() == 3979
            assert dataset.descriptions == ("dtm, height above CGVD28",)
            tags = dataset.tags()
        assert tags["HRDEM_VERTICAL_DATUM"] == "CGVD28"
        assert tags["HRDEM_VERTICAL_GRID_SHA256"] == done.shift_grid.sha256

    @pytest.mark.slow
    def test_height_without_a_shift_is_an_error(
        self, tmp_path: Path, store: Store, grid: Path
    ) -> None:
        """The grid of the test ends south of the area."""
        store.add("hrdem-mosaic-1m", make_relief("1m", 900, 900), 600_000, 3_000_000)
        with pytest.raises(hrdem.RequestError, match="difference"):
            extract(
                store, tmp_path / "a.tif", "dtm", vertical_datum="CGVD28", vertical_grid=grid,
                bbox=(600_100, 2_999_300, 600_700, 2_999_900),
            )  # fmt: skip
        assert not list(tmp_path.glob("*.tif"))

    def test_vertical_datum_is_an_error_for_slopes(self, tmp_path: Path, store: Store) -> None:
        with pytest.raises(hrdem.RequestError, match="dtm-slope does not depend on it"):
            extract(store, tmp_path / "a.tif", "dtm-slope", vertical_datum="CGVD28")


def interpolate(values: Array, rows: Any, columns: Any) -> Any:
    """Interpolate values bilinearly at fractional rows and columns."""
    row, column = np.floor(rows).astype(int), np.floor(columns).astype(int)
    down, right = rows - row, columns - column
    upper = values[row, column] * (1 - right) + values[row, column + 1] * right
    lower = values[row + 1, column] * (1 - right) + values[row + 1, column + 1] * right
    return upper * (1 - down) + lower * down
