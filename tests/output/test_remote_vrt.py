"""VRTs over remote COGs: GDAL reads what an extraction would write, with no setting."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import rasterio

import hrdem
from hrdem.demo import Addresses
from hrdem.errors import RequestError
from hrdem.output.remote_vrt import format_vsicurl
from tests.pages import run_commands
from tests.stores import HOST, Store

BORDER = (1_499_700, -171_000, 1_500_300, -170_500)  # of 8_2 and 9_2
TIER = "hrdem-mosaic-1m"


def make_vrt(folder: Path, **params: object) -> Path:
    """Write a VRT, of terrain heights unless a product is given."""
    return hrdem.extract(**{
        "bbox_crs": "EPSG:3979", "product": "dtm", "format": "vrt", "output": folder / "a.vrt"
    } | params).output  # fmt: skip


@pytest.mark.parametrize("product", ["dtm", pytest.param("dsm-hillshade", marks=pytest.mark.slow)])
def test_gdal_reads_what_an_extraction_writes(
    demo: Addresses, tmp_path: Path, product: str
) -> None:
    request = {"bbox": BORDER, "product": product, "stac_url": demo.stac}
    copied = make_vrt(tmp_path, **request, format="gtiff", output=tmp_path / "a.tiff")
    linked = make_vrt(tmp_path, **request, output=tmp_path / "b.vrt")
    assert linked.stat().st_size < 10_000
    with rasterio.open(copied) as one, rasterio.open(linked) as other:
        assert one.count == other.count
        for name in ("crs", "transform", "shape", "nodata", "dtypes", "descriptions", "units"):
            assert getattr(one, name) == getattr(other, name), name
        assert other.block_shapes == [(512, 512)]
        pixels = one.read(1)
        np.testing.assert_array_equal(pixels, other.read(1))
        found, expected = (
            {key: float(value) for key, value in each.tags(1).items() if "STATISTICS" in key}
            for each in (other, one)
        )
    assert found == pytest.approx(expected)


@pytest.mark.slow
def test_statistics_of_a_large_area_are_estimates(demo: Addresses, tmp_path: Path) -> None:
    left, bottom, right, top = BORDER
    box = (left - 1_000, bottom, right + 1_000, top)
    path = make_vrt(tmp_path, bbox=box, stac_url=demo.stac)
    with rasterio.open(path) as dataset:
        tags, pixels = dataset.tags(1), dataset.read(1, masked=True)
    assert tags["STATISTICS_APPROXIMATE"] == "YES"
    assert float(tags["STATISTICS_MEAN"]) == pytest.approx(pixels.mean(), rel=0.01)
    assert pixels.min() <= float(tags["STATISTICS_MINIMUM"])
    assert pixels.max() >= float(tags["STATISTICS_MAXIMUM"])


def test_of_files_that_overlap_the_newest_covers_the_others(store: Store, tmp_path: Path) -> None:
    ground = np.ones((256, 256), np.float32)
    for name, year in (("b", "2019-06-01"), ("a", "2024-06-01"), ("c", "2021-06-01")):
        store.add(TIER, ground, 0, 256, item=name, datetime=year)
    path = make_vrt(tmp_path, bbox=(10, 10, 200, 200), http=store)
    names = [each.text or "" for each in ET.parse(path).iter("SourceFilename")]
    assert [name[-len("b-hrdem-mosaic-1m-dtm.tif")] for name in names] == ["b", "c", "a"]


def test_addresses_are_plain_for_arcgis(store: Store, tmp_path: Path) -> None:
    store.add(TIER, np.ones((256, 256), np.float32), 0, 256)
    path = make_vrt(tmp_path, bbox=(10, 10, 200, 200), http=store, format="vrt-https")
    (source,) = ET.parse(path).iter("SourceFilename")
    assert source.text == f"{HOST}/tile-{TIER}-dtm.tif"


def test_no_folder_is_listed() -> None:
    name = format_vsicurl("https://a.ca/x y.tif?k=1&v=2")
    assert name.startswith("/vsicurl?empty_dir=yes&list_dir=no&")
    assert name.endswith("&url=https%3A%2F%2Fa.ca%2Fx%20y.tif%3Fk%3D1%26v%3D2")


def test_an_area_without_a_valid_pixel_has_no_statistics(store: Store, tmp_path: Path) -> None:
    store.add(TIER, np.full((256, 256), -32767, np.float32), 0, 256)
    path = make_vrt(tmp_path, bbox=(10, 10, 200, 200), http=store)
    with rasterio.open(path) as dataset:
        assert not any(key.startswith("STATISTICS") for key in dataset.tags(1))


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"resolution": 5}, "resample pixels"),
        ({"crs": "EPSG:2959"}, "resample pixels"),
        ({"crop": True}, "`crop=False` turns that off"),
        ({"fill": "2m"}, "merges collections"),
        ({"source_band": True}, "reads pixels"),
        ({"vertical_datum": "CGVD28"}, "changes heights"),
        ({"product": "chm"}, "chm is computed"),
        ({"via": "wcs"}, "`via` names others"),
        ({"engine": "gdal"}, "`engine=gdal`"),
        ({"compress": "zstd"}, "`compress` and `predictor`"),
    ],
)
def test_pixels_of_the_source_alone_can_be_referred_to(
    store: Store, tmp_path: Path, params: dict[str, object], reason: str
) -> None:
    with pytest.raises(RequestError, match=reason):
        make_vrt(tmp_path, bbox=(10, 10, 200, 200), http=store, **params)
    assert not list(tmp_path.iterdir())


def test_a_vrt_is_a_vrt_by_its_name(store: Store, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"The output is a VRT, and .*a\.tif does not end in"):
        make_vrt(tmp_path, bbox=(10, 10, 200, 200), http=store, output=tmp_path / "a.tif")


@pytest.mark.slow
def test_its_provenance_is_that_of_an_output(demo: Addresses, tmp_path: Path) -> None:
    """The item beside it names the versions, by which a run or `status` finds that none changed."""
    request = {"bbox": BORDER, "stac_url": demo.stac, "if_changed": True}
    path = make_vrt(tmp_path, **request)
    before = path.stat().st_mtime_ns
    assert make_vrt(tmp_path, **request).stat().st_mtime_ns == before
    (status,) = hrdem.status(path, stac_url=demo.stac)
    assert status.state == "unchanged"


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.usefixtures("on_demo")
def test_commands_of_the_page() -> None:
    assert run_commands("qgis.md")
