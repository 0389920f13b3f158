"""Whole extractions from the demonstration, compared with the terrain function and rasterio."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window, from_bounds

import hrdem
from hrdem.demo import Addresses
from hrdem.demo.terrain import NODATA, heights
from hrdem.demo.tiles import list_tiles
from hrdem.http.client import HttpClient
from hrdem.runtime.progress import Progress

OTTAWA = (-75.85, 45.30, -75.60, 45.45)
GUIDE = (1_774_874, -89_162, 1_818_832, -52_305)  # example in the agency's guide, EPSG:3979
ENVIRONMENT = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR"}


def make_box(left: float, top: float, width: float, height: float) -> tuple[float, ...]:
    """Return the bounds of a box from its upper left corner and its size."""
    return left, top - height, left + width, top


def count_differences(path: Path, *, product: str = "dtm", collection: str = "1m") -> int:
    """Count the pixels of an output that differ from the terrain function."""
    different = 0
    with rasterio.open(path) as dataset:
        size = dataset.res[0]
        for _, window in dataset.block_windows(1):
            left = dataset.bounds.left + window.col_off * size
            top = dataset.bounds.top - window.row_off * size
            expected = heights(
                left, top, size, window.width, window.height, product=product, collection=collection
            )
            different += int((dataset.read(1, window=window) != expected).sum())
    return different


@pytest.mark.slow
@pytest.mark.long
def test_box_across_two_tiles_loses_no_strip(demo: Addresses, tmp_path: Path) -> None:
    """The box spans 8_2 and 9_2; 9_2 alone would lose the 1,932 m west of x = 1,500,000."""
    output = tmp_path / "ottawa.tif"
    result = hrdem.extract(
        bbox=(-75.85, 45.36, -75.72, 45.45),
        product="dtm",
        collection="2m",
        output=output,
        stac_url=demo.stac,
        no_cache=True,
    )
    assert result.plan.grid.bounds == (1_498_068, -180_056, 1_510_958, -167_282)
    assert list(result.pixels_by_source) == ["8_2-mosaic-2m", "9_2-mosaic-2m"]
    strip = next(s for s in result.plan.sources if s.name == "8_2-mosaic-2m")
    assert (strip.dst_window.column, strip.dst_window.width) == (0, 966)
    with rasterio.open(output) as dataset:
        pixels = dataset.read(1)
    beside = heights(1_498_068, -167_282, 2, 1_000, pixels.shape[0], collection="2m")
    assert (pixels[:, :1_000] == beside).all()
    assert sum(result.pixels_by_source.values()) == (pixels != NODATA).sum()
    assert result.pixels_by_source["8_2-mosaic-2m"] == (pixels[:, :966] != NODATA).sum()


@pytest.mark.slow
def test_tile_border_is_seamless_at_1_m(demo: Addresses, tmp_path: Path) -> None:
    output = tmp_path / "border.tif"
    result = hrdem.extract(
        bbox=make_box(1_499_200, -170_000, 1_500, 700),
        bbox_crs="EPSG:3979",
        product="dsm",
        output=output,
        stac_url=demo.stac,
    )
    assert len(result.plan.sources) == 2
    assert count_differences(output, product="dsm") == 0


@pytest.mark.parametrize(
    ("via", "engine"),
    [("cog", "auto"), ("cog", "gdal"), pytest.param("vrt", "auto", marks=pytest.mark.slow)],
)
@pytest.mark.parametrize(
    "collection", ["1m", pytest.param("2m", marks=[pytest.mark.slow, pytest.mark.long])]
)
def test_corner_of_four_tiles_is_seamless(
    demo: Addresses, tmp_path: Path, via: str, engine: str, collection: str
) -> None:
    output = tmp_path / "corner.tif"
    result = hrdem.extract(
        bbox=make_box(1_999_301, 467, 1_101, 903),
        bbox_crs="EPSG:3979",
        product="dtm",
        collection=collection,
        via=via,
        engine=engine,
        output=output,
        stac_url=demo.stac,
    )
    assert [source.name.split("-")[0] for source in result.plan.sources] == [
        "9_2",
        "9_3",
        "10_2",
        "10_3",
    ]
    assert count_differences(output, collection=collection) == 0


@pytest.mark.slow
def test_national_raster_is_one_source(demo: Addresses, tmp_path: Path) -> None:
    output = tmp_path / "national.tif"
    result = hrdem.extract(
        bbox=OTTAWA, product="dtm", collection="30m", output=output, stac_url=demo.stac
    )
    assert [source.name for source in result.plan.sources] == ["mrdem"]
    assert result.plan.grid.bounds[0] % 30 == 0
    assert count_differences(output, collection="30m") == 0


def test_guides_example_plans_rasterios_window(demo: Addresses) -> None:
    plan = hrdem.plan(bbox=GUIDE, bbox_crs="EPSG:3979", product="dtm", stac_url=demo.stac)
    (source,) = plan.sources
    with rasterio.Env(**ENVIRONMENT), rasterio.open(f"/vsicurl/{source.url}") as dataset:
        window = from_bounds(*GUIDE, dataset.transform)
    ours = source.src_window
    assert (ours.column, ours.row, ours.width, ours.height) == window.flatten()
    assert (ours.width, ours.height) == (43_958, 36_857)
    assert plan.grid.bounds == GUIDE


@pytest.mark.parametrize(
    ("left", "top"),
    [
        (GUIDE[0], GUIDE[3]),
        pytest.param(GUIDE[2] - 800, GUIDE[3], marks=pytest.mark.slow),
        pytest.param(GUIDE[0], GUIDE[1] + 600, marks=pytest.mark.slow),
    ],
)
def test_guides_example_has_rasterios_pixels(
    demo: Addresses, tmp_path: Path, left: float, top: float
) -> None:
    """At corners of the example, where the window cuts blocks."""
    output, area = tmp_path / "guide.tif", make_box(left, top, 800, 600)
    result = hrdem.extract(
        bbox=area, bbox_crs="EPSG:3979", product="dtm", output=output, stac_url=demo.stac
    )
    href = result.plan.sources[0].url
    with rasterio.Env(**ENVIRONMENT), rasterio.open(f"/vsicurl/{href}") as dataset:
        expected = dataset.read(1, window=from_bounds(*area, dataset.transform))
    with rasterio.open(output) as dataset:
        np.testing.assert_array_equal(dataset.read(1), expected)


def test_file_has_metadata_and_provenance(demo: Addresses, tmp_path: Path) -> None:
    output = tmp_path / "tagged.tif"
    result = hrdem.extract(
        bbox=make_box(1_510_000, -170_000, 700, 700),
        bbox_crs="EPSG:3979",
        product="dtm",
        output=output,
        stac_url=demo.stac,
    )
    with rasterio.open(output) as dataset:
        tags, band, pixels = dataset.tags(), dataset.tags(1), dataset.read(1, masked=True)
        assert dataset.crs == "EPSG:3979"
        assert dataset.nodata == -32767
        assert dataset.units == ("metre",)
        assert dataset.descriptions == ("dtm, height above CGVD2013",)
        assert dataset.block_shapes == [(512, 512)]
    assert tags["AREA_OR_POINT"] == "Area"
    assert tags["HRDEM_PRODUCT"] == "dtm"
    assert tags["HRDEM_VERTICAL_DATUM"] == "CGVD2013"
    assert "Open Government Licence – Canada" in tags["HRDEM_LICENCE"]
    assert tags["TIFFTAG_SOFTWARE"] == f"hrdem {hrdem.__version__}"
    assert json.loads(tags["HRDEM_REQUEST"])["aoi"].endswith("(EPSG:3979)")
    (source,) = json.loads(tags["HRDEM_SOURCES"])
    planned = result.plan.sources[0]
    assert source["name"] == "9_2-mosaic-1m"
    assert source["href"] == planned.url
    assert source["etag"] == planned.file.version.etag
    assert source["size"] == planned.file.version.size
    (item,) = source["items"]
    assert item["updated"] == "2026-03-24T18:03:29.704737Z"
    assert float(band["STATISTICS_MINIMUM"]) == pixels.min()
    assert float(band["STATISTICS_MAXIMUM"]) == pixels.max()
    assert float(band["STATISTICS_MEAN"]) == pytest.approx(pixels.mean(dtype="f8"), abs=1e-9)
    assert float(band["STATISTICS_STDDEV"]) == pytest.approx(pixels.std(dtype="f8"), abs=1e-9)


def test_stac_item_describes_the_file(demo: Addresses, tmp_path: Path) -> None:
    import pystac
    from pystac.extensions.file import FileExtension

    output = tmp_path / "area.tif"
    result = hrdem.extract(
        bbox=(-75.72, 45.40, -75.71, 45.41), product="dtm", output=output, stac_url=demo.stac
    )
    item = pystac.Item.from_file(str(tmp_path / "area.stac.json"))
    assert Path(item.assets["dtm"].get_absolute_href()) == output
    assert item.properties["proj:code"] == "EPSG:3979"
    with rasterio.open(output) as dataset:
        assert item.properties["proj:shape"] == list(dataset.shape)
        assert item.properties["proj:transform"] == list(dataset.transform)[:6]
    assert item.bbox[0] < -75.72 < -75.71 < item.bbox[2]
    assert item.bbox[1] < 45.40 < 45.41 < item.bbox[3]
    assert item.properties["hrdem:sources"][0]["etag"] == result.plan.sources[0].file.version.etag
    assert [link.target for link in item.get_links("derived_from")] == [
        result.plan.sources[0].file.version.url
    ]
    stored = FileExtension.ext(item.assets["dtm"])
    assert stored.size == output.stat().st_size
    assert bytes.fromhex(stored.checksum) == (  # https://multiformats.io/multihash
        bytes([0x12, 32]) + hashlib.sha256(output.read_bytes()).digest()
    )


@pytest.mark.slow
def test_cog_has_overviews_and_the_same_pixels_and_tags(demo: Addresses, tmp_path: Path) -> None:
    request = {"bbox": (-75.72, 45.40, -75.70, 45.41), "product": "dtm", "stac_url": demo.stac}
    plain, cog = tmp_path / "plain.tif", tmp_path / "cog.tif"
    hrdem.extract(**request, output=plain)
    hrdem.extract(**request, output=cog, format="cog")
    with rasterio.open(plain) as one, rasterio.open(cog) as other:
        np.testing.assert_array_equal(one.read(1), other.read(1))
        assert one.tags() == {k: v for k, v in other.tags().items() if k != "OVR_RESAMPLING_ALG"}
        assert one.tags(1) == other.tags(1)
        assert one.units == other.units
        assert other.overviews(1)
        assert not one.overviews(1)
        assert other.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "cog.stac.json",
        "cog.tif",
        "plain.stac.json",
        "plain.tif",
    ]


@pytest.mark.slow
def test_a_large_plain_file_has_the_overviews_of_a_cog(
    demo: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIS read a large file without overviews as a whole, to draw it small."""
    request = {"bbox": (-75.72, 45.40, -75.70, 45.41), "product": "dtm", "stac_url": demo.stac}
    monkeypatch.setattr("hrdem.output.plan_writer.MAX_PIXELS_WITHOUT_OVERVIEWS", 600)
    for name, params in {
        "plain": {},
        "cog": {"format": "cog"},
        "bare": {"overviews": False},
    }.items():
        hrdem.extract(**request, **params, output=tmp_path / f"{name}.tif")
    with (
        rasterio.open(tmp_path / "plain.tif") as plain,
        rasterio.open(tmp_path / "cog.tif") as cog,
        rasterio.open(tmp_path / "bare.tif") as bare,
    ):
        assert (plain.overviews(1), bare.overviews(1)) == (cog.overviews(1), [])
        assert plain.tags(1) == cog.tags(1)
        np.testing.assert_array_equal(plain.read(1), bare.read(1))
    for level in range(2):
        with (
            rasterio.open(tmp_path / "plain.tif", overview_level=level) as plain,
            rasterio.open(tmp_path / "cog.tif", overview_level=level) as cog,
        ):
            np.testing.assert_array_equal(plain.read(1), cog.read(1))
    with pytest.raises(hrdem.RequestError, match="`overviews=False` leaves them out"):
        hrdem.extract(**request, format="cog", overviews=False, output=tmp_path / "no.tif")


@pytest.mark.slow
def test_same_request_gives_the_same_bytes(demo: Addresses, tmp_path: Path) -> None:
    request = {"bbox": (-75.72, 45.40, -75.70, 45.41), "product": "dsm", "stac_url": demo.stac}
    contents = []
    for name in ("one.tif", "two.tif"):
        hrdem.extract(**request, output=tmp_path / name)
        contents.append((tmp_path / name).read_bytes())
    assert contents[0] == contents[1]


@pytest.mark.slow
def test_statistics_do_not_depend_on_stripes(
    demo: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Summing in the order of stripes would change the last digit."""
    found = []
    for blocks in (1, 2, 64):
        monkeypatch.setattr("hrdem.processing.memory_budget.MAX_STRIPE_BLOCKS", blocks)
        result = hrdem.extract(
            bbox=(1_498_600, -171_400, 1_501_400, -170_000), bbox_crs="EPSG:3979", product="dtm",
            stac_url=demo.stac, output=tmp_path / f"{blocks}.tif",
        )  # fmt: skip
        found.append(result.statistics)
    assert found[0] == found[1] == found[2]


@pytest.mark.slow
def test_progress_ends_at_all_pixels(demo: Addresses, tmp_path: Path) -> None:
    seen: list[Progress] = []
    result = hrdem.extract(
        bbox=(-75.72, 45.40, -75.70, 45.41),
        product="dtm",
        output=tmp_path / "a.tif",
        stac_url=demo.stac,
        on_progress=seen.append,
    )
    pixels = result.plan.grid.width * result.plan.grid.height
    assert seen == sorted(seen, key=lambda each: (each.pixels, each.received_bytes))
    assert seen[-1] == Progress(pixels, pixels, result.received_bytes)
    assert result.received_bytes == hrdem.estimate(result.plan).transfer_bytes


@pytest.mark.slow
def test_received_bytes_are_unknown_if_gdal_reads(demo: Addresses, tmp_path: Path) -> None:
    request = {"bbox": (-75.72, 45.40, -75.71, 45.41), "product": "dtm", "stac_url": demo.stac}
    result = hrdem.extract(**request, output=tmp_path / "a.tif", engine="gdal")
    assert result.received_bytes is None


@pytest.mark.slow
def test_item_without_the_product_is_reported(demo: Addresses, tmp_path: Path) -> None:
    """The other items are extracted: 4_8 has no DTM at 1 m, its western neighbour 3_8 has."""
    result = hrdem.extract(
        bbox=make_box(-1_000_600, 2_600_000, 1_000, 600),
        bbox_crs="EPSG:3979",
        product="dtm",
        output=tmp_path / "edge.tif",
        stac_url=demo.stac,
    )
    assert [source.name for source in result.plan.sources] == ["3_8-mosaic-1m"]
    assert result.plan.items_without_product == ("4_8-mosaic-1m",)
    with rasterio.open(tmp_path / "edge.tif") as dataset:
        pixels = dataset.read(1)
    np.testing.assert_array_equal(pixels[:, :600], heights(-1_000_600, 2_600_000, 1, 600, 600))
    assert (pixels[:, 600:] == NODATA).all()


def test_tile_without_the_product_has_no_data(demo: Addresses, tmp_path: Path) -> None:
    with pytest.raises(hrdem.NoDataError, match="4_8-mosaic-2m has no dtm.*`product` of that"):
        hrdem.extract(
            bbox=make_box(-700_000, 2_700_000, 100, 100),
            bbox_crs="EPSG:3979",
            product="dtm",
            collection="2m",
            output=tmp_path / "none.tif",
            stac_url=demo.stac,
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_estimate_is_close_to_the_truth(demo: Addresses, tmp_path: Path) -> None:
    request = {"bbox": OTTAWA, "product": "dtm", "collection": "2m", "stac_url": demo.stac}
    plan = hrdem.plan(**request)
    estimate = hrdem.estimate(plan)
    columns, rows = 12_018, 11_049
    assert (plan.grid.width, plan.grid.height) == (columns, rows)
    assert estimate.output_bytes == columns * rows * 4
    # a block is 512 x 512 pixels, and 1,188,866 bytes in the demonstration's files
    assert estimate.transfer_bytes == estimate.tiles * 1_188_866
    assert columns * rows / 512**2 < estimate.tiles < (columns / 512 + 3) * (rows / 512 + 2)
    every_fourth = heights(1_498_068, -164_428, 8, columns // 4, rows // 4)
    true = 100 * float((every_fourth != NODATA).mean())
    assert estimate.coverage_percent == pytest.approx(true, abs=1.5)


def test_tiles_are_placed_by_their_headers(demo: Addresses) -> None:
    """The catalogue's transform is in GDAL order; trusting it would misplace the tiles."""
    for name in ("1_3", "6_10", "11_5"):
        tile = next(t for t in list_tiles() if (t.name, t.collection) == (name, "2m"))
        plan = hrdem.plan(
            bbox=make_box(tile.left + 1_000, tile.top - 1_000, 400, 400),
            bbox_crs="EPSG:3979",
            product="dsm",
            collection="2m",
            stac_url=demo.stac,
        )
        assert [source.name for source in plan.sources] == [tile.item_id]
        assert plan.sources[0].file.grid.bounds == tile.bounds
        assert plan.sources[0].src_window == plan.sources[0].dst_window.shifted(500, 500)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["auto", "gdal"])
def test_window_reads_equal_rasterios(demo: Addresses, http: HttpClient, engine: str) -> None:
    """Both kinds of COG source, compared with rasterio on the same file."""
    from hrdem.geo.grid import Window as OurWindow
    from hrdem.sources.cog import CogSource, probe_cog
    from hrdem.sources.dataset_pool import DatasetPool
    from hrdem.sources.gdal import GdalSource, probe_gdal_cog

    href = f"{demo.url}/canelevation-dem/hrdem-mosaic-2m/9_2-mosaic-2m-dtm.tif"
    pool = DatasetPool(max_open=2)
    if engine == "gdal":
        source = GdalSource(probe_gdal_cog(href, http), pool, http)
    else:
        source = CogSource(probe_cog(href, http), http)
    with rasterio.Env(**ENVIRONMENT), rasterio.open(f"/vsicurl/{href}") as dataset:
        for window in (OurWindow(0, 0, 3, 3), OurWindow(249_990, 5, 10, 700)):
            theirs = Window(window.column, window.row, window.width, window.height)
            expected = dataset.read(1, window=theirs)
            np.testing.assert_array_equal(source.fetch(window).decode(), expected)
    pool.close()


def test_too_large_area_at_full_resolution_is_refused(demo: Addresses) -> None:
    with pytest.raises(hrdem.RequestError, match=r"pixels, more than.*coarser `resolution`"):
        hrdem.plan(bbox=(-96, 49, -84, 55), product="dsm", stac_url=demo.stac)
    national = hrdem.plan(
        bbox=(-96, 49, -84, 55), product="dsm", collection="30m", stac_url=demo.stac
    )
    assert national.grid.width > 25_000
