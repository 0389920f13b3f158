"""What a tier leaves empty is filled from the next; GDAL's own warp of whole rasters judges."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.warp import reproject

import hrdem
from tests.rasters import horizontal
from tests.relief import LEFT, TIERS, TOP, make_relief, punch_holes
from tests.stores import NODATA, RESOLUTIONS, Store

RELAXED = settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

Array = NDArray[np.float32]


def on_grid(pixels: Array, tier: str, dataset: rasterio.DatasetReader) -> Array:
    """A tier on the grid of an output, in one go."""
    size = RESOLUTIONS[TIERS[tier]]
    found = np.full(dataset.shape, NODATA, np.float32)
    if dataset.res == (size, size):
        row, column = (
            round((TOP - dataset.bounds.top) / size),
            round((dataset.bounds.left - LEFT) / size),
        )
        return pixels[row : row + dataset.height, column : column + dataset.width]
    reproject(
        pixels,
        found,
        src_transform=Affine(size, 0, LEFT, 0, -size, TOP),
        src_crs="EPSG:3979",
        src_nodata=NODATA,
        dst_transform=dataset.transform,
        dst_crs=horizontal(dataset.crs),
        dst_nodata=NODATA,
        resampling=Resampling.bilinear,
        tolerance=0.0,
    )
    return found


def extracted(store: Store, output: Path, **words: Any) -> hrdem.Result:
    box = {"bbox": (LEFT + 60, TOP - 840, LEFT + 840, TOP - 60), "bbox_crs": "EPSG:3979"}
    return hrdem.extract(
        **{"product": "dtm", **box, **words}, output=output, http=store, overwrite=True
    )


@RELAXED
@given(
    seeds=st.tuples(st.integers(0, 999), st.integers(0, 999)),
    shares=st.tuples(st.floats(0.05, 0.9), st.floats(0.05, 0.9)),
    resolution=st.sampled_from([None, 3]),
)
def test_each_pixel_is_the_finest_tiers_that_has_it(
    tmp_path: Path, store: Store, seeds: tuple[int, int], shares: tuple[float, float], resolution
) -> None:
    """On the source's own grid, and on another."""
    rasters = {
        "1m": punch_holes(make_relief("1m", 900, 900), seeds[0], shares[0]),
        "2m": punch_holes(make_relief("2m", 900, 900, step=5), seeds[1], shares[1]),
        "30m": make_relief("30m", 900, 900, step=40),
    }
    for tier, pixels in rasters.items():
        store.add(TIERS[tier], pixels, LEFT, TOP)
    output = tmp_path / "a.tif"
    result = extracted(store, output, fill="2m,30m", source_band=True, resolution=resolution)
    with rasterio.open(output) as dataset:
        pixels, band = dataset.read()
        layers = {tier: on_grid(rasters[tier], tier, dataset) for tier in rasters}
        assert dataset.descriptions == ("dtm", "source")
    expected, source = layers["30m"].copy(), np.full(pixels.shape, 3)
    for number, tier in ((2, "2m"), (1, "1m")):
        there = layers[tier] != NODATA
        expected[there], source[there] = layers[tier][there], number
    np.testing.assert_array_equal(band, source)
    if resolution is None:
        own = source == 1
        np.testing.assert_array_equal(pixels[own], expected[own])
    np.testing.assert_allclose(pixels, expected, rtol=0, atol=1e-4)
    counts = [int((source == number).sum()) for number in (1, 2, 3)]
    assert list(result.pixels_by_source.values()) == counts
    assert list(result.percent_by_tier.values()) == [100 * n / pixels.size for n in counts]
    assert result.statistics.valid_percent == 100


def test_the_band_of_sources_is_told_by_number(tmp_path: Path, store: Store) -> None:
    """In the file and in the item beside it, across two sub-tiles of one tier."""
    store.add(TIERS["1m"], punch_holes(make_relief("1m", 450, 900), 3, 0.3), LEFT, TOP, item="west")
    store.add(
        TIERS["1m"], punch_holes(make_relief("1m", 450, 900), 4, 0.3), LEFT + 450, TOP, item="east"
    )
    store.add(TIERS["30m"], make_relief("30m", 900, 900), LEFT, TOP)
    result = extracted(
        store, tmp_path / "a.tif", fill=["30m"], source_band=True, crs="EPSG:2959", resolution=1.5
    )
    with rasterio.open(tmp_path / "a.tif") as dataset:
        _, band = dataset.read()
        told = json.loads(dataset.tags()["HRDEM_SOURCES"])
    item = json.loads((tmp_path / "a.stac.json").read_text())
    assert item["properties"]["hrdem:sources"] == told
    names = {source["source_id"]: source["name"] for source in told}
    counts = {names[number]: int((band == number).sum()) for number in names}
    assert counts == result.pixels_by_source
    assert min(counts.values()) > 0
    assert item["properties"]["hrdem:percent_by_tier"] == pytest.approx(result.percent_by_tier)
    assert [band["name"] for band in item["assets"]["dtm"]["bands"]] == ["dtm", "source"]


def brute_distance(mask: NDArray[np.bool_], most: int) -> Array:
    """The least of the distances to all places of a mask, laid around each of them."""
    padded = np.pad(np.full(mask.shape, float(most), np.float32), most, constant_values=most)
    down, right = np.indices((2 * most + 1, 2 * most + 1)) - most
    around = np.hypot(down, right).astype(np.float32)
    for row, column in zip(*np.nonzero(mask), strict=True):
        part = padded[row : row + 2 * most + 1, column : column + 2 * most + 1]
        np.minimum(part, around, out=part)
    return padded[most:-most, most:-most]


@pytest.mark.parametrize("resolution", [None, 3])
def test_feathering_blends_by_the_distance_from_where_the_next_tier_goes_on(
    tmp_path: Path, store: Store, resolution: float | None
) -> None:
    """Also across the blocks of the output; and nowhere else."""
    fine = make_relief("1m", 900, 900)
    fine[300:340, 500:700] = NODATA
    fine[700:, :400] = NODATA
    lake = 450, 560
    fine[lake[0] : lake[1], :200] = NODATA
    coarse = make_relief("2m", 900, 900, step=8)
    coarse[lake[0] // 2 - 5 : lake[1] // 2 + 5, :105] = NODATA  # nothing goes on there
    store.add(TIERS["1m"], fine, LEFT, TOP)
    store.add(TIERS["2m"], coarse, LEFT, TOP)
    words = {"fill": "2m", "resolution": resolution}
    extracted(store, tmp_path / "hard.tif", **words)
    extracted(store, tmp_path / "soft.tif", **words, feather=25, source_band=True)
    with rasterio.open(tmp_path / "hard.tif") as dataset:
        hard = dataset.read(1)
        above, below = on_grid(fine, "1m", dataset), on_grid(coarse, "2m", dataset)
    with rasterio.open(tmp_path / "soft.tif") as dataset:
        soft, band = dataset.read()
    goes_on = (above == NODATA) & (below != NODATA)
    weight = np.minimum(1, brute_distance(goes_on, 26) * (resolution or 1) / 25)
    expected = hard.copy()
    both = (above != NODATA) & (below != NODATA)
    expected[both] = (below + weight * (above - below))[both]
    np.testing.assert_allclose(soft, expected, rtol=0, atol=2e-4)
    far = weight == 1
    np.testing.assert_array_equal(soft[far], hard[far])
    assert far.mean() > 0.4
    assert (soft != hard).mean() > 0.02
    np.testing.assert_array_equal(band == 1, above != NODATA)
    across = np.abs(np.diff(soft, axis=0))[both[1:] & both[:-1]]
    assert across.max() < np.abs(np.diff(hard, axis=0))[goes_on[1:] != goes_on[:-1]].max() / 3


def test_a_step_at_the_edge_of_a_tier_is_measured_and_told(
    tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    fine, coarse = make_relief("1m", 900, 900), make_relief("30m", 900, 900)
    fine[:, 480:] = NODATA
    store.add(TIERS["1m"], fine, LEFT, TOP)
    store.add(TIERS["30m"], coarse + np.float32(7), LEFT, TOP)
    result = extracted(store, tmp_path / "a.tif", fill="30m")
    with rasterio.open(tmp_path / "a.tif") as dataset:
        below = on_grid(coarse + np.float32(7), "30m", dataset)
        above = on_grid(fine, "1m", dataset)
        column = 480 - 60 - 1
        steps = np.abs(above[:, column].astype(float) - below[:, column])
        row = int(steps.argmax())
        place = dataset.xy(row, column)
    (seam,) = result.seams
    assert seam.pixels == dataset.height
    assert seam.mean_step == pytest.approx(steps.mean(), abs=1e-4)
    assert seam.max_step == pytest.approx(steps.max(), abs=1e-4)
    assert result.plan.grid.centre(*seam.max_step_pixel) == pytest.approx(place)
    (told,) = result.as_dict()["tier_seams"]
    assert (told["tier"], told["pixels"]) == ("1m", dataset.height)


def test_a_tier_without_the_surface_is_fallen_through(
    tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """As in the north, where the 2 m tier has no DTM."""
    fine = make_relief("1m", 900, 900)
    fine[:500] = NODATA
    store.add(TIERS["1m"], fine, LEFT, TOP)
    store.add(TIERS["2m"], make_relief("2m", 900, 900), LEFT, TOP, asset="dsm")
    store.add(TIERS["30m"], make_relief("30m", 900, 900), LEFT, TOP)
    result = extracted(store, tmp_path / "a.tif", fill="2m,30m")
    assert result.statistics.valid_percent == 100
    assert list(result.percent_by_tier) == ["1m", "30m"]
    assert "tile-hrdem-mosaic-2m has no dtm" in caplog.text
    assert list(result.as_dict()["tiers_without_data"]) == ["2m"]


def test_where_the_first_tier_has_nothing_its_pixels_are_kept(tmp_path: Path, store: Store) -> None:
    store.add(TIERS["2m"], make_relief("2m", 900, 900), LEFT, TOP)
    result = extracted(store, tmp_path / "a.tif", fill="2m")
    assert result.plan.grid.resolution == (1, 1)
    assert result.percent_by_tier == {"2m": 100}


def test_where_no_tier_has_anything_each_says_why(tmp_path: Path, store: Store) -> None:
    store.add_item(TIERS["2m"], "tile")
    with pytest.raises(hrdem.NoDataError, match=r"hrdem-mosaic-1m has no item.*has no dtm"):
        extracted(store, tmp_path / "a.tif", fill="2m")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_further_tier_is_read_only_around_what_is_empty(tmp_path: Path, store: Store) -> None:
    whole = make_relief("1m", 3_000, 3_000)
    store.add(TIERS["1m"], whole, LEFT, TOP)
    store.add(TIERS["2m"], make_relief("2m", 3_000, 3_000), LEFT, TOP)
    words = {"bbox": (LEFT + 9, TOP - 2_991, LEFT + 2_991, TOP - 9), "fill": "2m"}
    extracted(store, tmp_path / "a.tif", **words)
    assert store.received["tile-hrdem-mosaic-2m-dtm.tif"] == 0
    whole[1_600, 1_600] = NODATA
    store.add(TIERS["1m"], whole, LEFT, TOP)
    result = extracted(store, tmp_path / "a.tif", **words)
    assert result.statistics.valid_percent == 100
    part = store.received["tile-hrdem-mosaic-2m-dtm.tif"]
    extracted(store, tmp_path / "b.tif", bbox=words["bbox"], collection="2m")
    assert 0 < part < 0.5 * (store.received["tile-hrdem-mosaic-2m-dtm.tif"] - part)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"fill": "2m,2m"}, "names the collection 2m twice"),
        ({"fill": "1m"}, "names the collection 1m twice"),
        ({"fill": "3m"}, "There is no collection '3m'"),
        ({"feather": 5}, "Give `fill`"),
        ({"fill": "2m", "feather": -1}, "`feather` is -1"),
        ({"fill": "2m", "feather": float("nan")}, "a number of metres that is not negative"),
        ({"fill": "2m", "feather": 500}, "Give up to 128"),
        ({"fill": "2m", "align": "blocks"}, "`fill` merges collections"),
        (
            {"fill": "2m", "via": "wcs", "wcs_url": "http://x.invalid/"},
            "The WCS does not serve the collection 2m",
        ),
    ],
)
def test_tiers_that_make_no_sense_are_told(
    tmp_path: Path, store: Store, words: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(hrdem.RequestError, match=sentence):
        extracted(store, tmp_path / "a.tif", **words)


def test_feathering_is_as_far_north_as_east(tmp_path: Path, store: Store) -> None:
    """Pixels of a grid in degrees are twice as high as wide."""
    fine, size = make_relief("1m", 900, 900), 3
    fine[430:470, 430:470] = NODATA
    store.add(TIERS["1m"], fine, LEFT, TOP)
    store.add(TIERS["2m"], make_relief("2m", 900, 900, step=9), LEFT, TOP)
    like = tmp_path / "like.tif"
    with rasterio.open(
        like, "w", "GTiff", width=500, height=250, count=1, dtype="uint8", crs="EPSG:3979",
        transform=Affine(1.5, 0, LEFT + 75, 0, -size, TOP - 75),
    ):  # fmt: skip
        pass
    area = {"bbox": None, "bbox_crs": None, "like": like, "fill": "2m"}
    extracted(store, tmp_path / "hard.tif", **area)
    extracted(store, tmp_path / "soft.tif", **area, feather=60)
    with rasterio.open(tmp_path / "hard.tif") as one, rasterio.open(tmp_path / "soft.tif") as two:
        rows, columns = np.nonzero(one.read(1) != two.read(1))
    down, right = size * np.ptp(rows), 1.5 * np.ptp(columns)
    assert down == pytest.approx(160, abs=9)
    assert right == pytest.approx(160, abs=9)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16"])
def test_whole_numbers_are_blended_without_running_over(
    tmp_path: Path, store: Store, dtype: str
) -> None:
    fine, coarse = np.full((900, 900), 100, dtype), np.full((450, 450), 140, dtype)
    fine[:, 450:] = 255
    store.add(TIERS["1m"], fine, LEFT, TOP, nodata=255)
    store.add(TIERS["2m"], coarse, LEFT, TOP, nodata=255)
    result = extracted(store, tmp_path / "a.tif", fill="2m", feather=40)
    with rasterio.open(tmp_path / "a.tif") as dataset:
        row = dataset.read(1)[200].astype(int)
    assert row[0] == 100
    assert row[-1] == 140
    assert (np.diff(row) >= 0).all()
    assert len(np.unique(row)) == 41
    assert (result.seams[0].mean_step, result.seams[0].max_step) == (40, 40)


@pytest.mark.parametrize("crop", [False, True])
def test_only_edges_that_show_are_told(tmp_path: Path, store: Store, crop: bool) -> None:
    """Not those of what is left out, nor of a tier that lies under a finer one."""
    fine, middle = make_relief("1m", 900, 900), make_relief("2m", 900, 900, step=5)
    fine[450, 450] = NODATA
    middle[225, 225] = NODATA  # under the hole of the finer one
    middle[100, 100] = NODATA  # under heights of the finer one
    store.add(TIERS["1m"], fine, LEFT, TOP)
    store.add(TIERS["2m"], middle, LEFT, TOP)
    store.add(TIERS["30m"], make_relief("30m", 900, 900, step=40), LEFT, TOP)
    corners = [(LEFT + 200, TOP - 200), (LEFT + 700, TOP - 200), (LEFT + 450, TOP - 700)]
    area = shapely.Polygon(corners)
    words = {"bbox": None, "bbox_crs": None, "aoi": area, "aoi_crs": "EPSG:3979", "crop": crop}
    result = extracted(store, tmp_path / "a.tif", fill="2m,30m", **words)
    first, second = result.seams
    assert first.pixels == 4
    assert second.pixels == 0


@pytest.mark.parametrize("tier", ["1m", "2m", "30m"])
@pytest.mark.parametrize("feather", [0, 60])
@pytest.mark.parametrize(
    "grid",
    [
        {},
        pytest.param({"resolution": 3}, marks=pytest.mark.slow),
        pytest.param({"resolution": 5, "crs": "EPSG:2959"}, marks=pytest.mark.slow),
        pytest.param({"source_band": True}, marks=pytest.mark.slow),
        pytest.param({"format": "cog"}, marks=pytest.mark.slow),
    ],
    ids=["native", "3m", "utm", "source-band", "cog"],
)
def test_a_tier_alone_gives_the_same_file_with_fill(
    tmp_path: Path, store: Store, tier: str, feather: int, grid: dict[str, Any]
) -> None:
    """The pixels that blending needs around an area never shift the picture."""
    pixels = punch_holes(make_relief(tier, 900, 900), seed=7, share=0.3)
    store.add(TIERS[tier], pixels, LEFT, TOP)
    others = ",".join(name for name in TIERS if name != "1m")
    extracted(store, tmp_path / "filled.tif", collection="1m", fill=others, feather=feather, **grid)
    plain = grid if tier == "1m" else {"resolution": 1, **grid}
    extracted(store, tmp_path / "plain.tif", collection=tier, **plain)
    with (
        rasterio.open(tmp_path / "filled.tif") as filled,
        rasterio.open(tmp_path / "plain.tif") as alone,
    ):
        assert filled.transform == alone.transform
        np.testing.assert_array_equal(filled.read(), alone.read())
        if tier == "1m" and "resolution" not in grid:
            np.testing.assert_array_equal(filled.read(1), on_grid(pixels, tier, filled))


@pytest.mark.parametrize("feather", [0, 60])
def test_a_slope_of_a_tier_alone_keeps_its_place(
    tmp_path: Path, store: Store, feather: int
) -> None:
    store.add(TIERS["1m"], make_relief("1m", 900, 900), LEFT, TOP)
    extracted(store, tmp_path / "filled.tif", product="dtm-slope", fill="2m", feather=feather)
    extracted(store, tmp_path / "plain.tif", product="dtm-slope")
    with (
        rasterio.open(tmp_path / "filled.tif") as filled,
        rasterio.open(tmp_path / "plain.tif") as alone,
    ):
        np.testing.assert_array_equal(filled.read(), alone.read())


@pytest.mark.parametrize("chunks", [None, 256])
def test_an_array_of_a_tier_alone_keeps_its_place(store: Store, chunks: int | None) -> None:
    pixels = make_relief("1m", 900, 900)
    store.add(TIERS["1m"], pixels, LEFT, TOP)
    box = {"bbox": (LEFT + 60, TOP - 840, LEFT + 840, TOP - 60), "bbox_crs": "EPSG:3979"}
    array = hrdem.load(**box, product="dtm", fill="2m", feather=60, chunks=chunks, http=store)
    np.testing.assert_array_equal(array.values, pixels[60:840, 60:840])
