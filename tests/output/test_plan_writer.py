"""The CRS of outputs: heights stay as they are, whatever reads them next."""

from __future__ import annotations

import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import rasterio.merge
import xarray as xr
from rasterio.crs import CRS
from rasterio.warp import calculate_default_transform, reproject

import hrdem
from tests.geoids import GEOID_METRES, write_geoid
from tests.relief import LEFT, TIERS, TOP, make_relief
from tests.shift_grids import millimetres, write_grid
from tests.stores import Store

BOX: dict[str, Any] = {
    "bbox": (LEFT + 20, TOP - 240, LEFT + 280, TOP - 20),
    "bbox_crs": "EPSG:3979",
    "product": "dtm",
}
VERTICAL_EPSG = {"CGVD2013": 6647, "CGVD28": 5713}


@pytest.fixture
def hills(store: Store) -> Store:
    """Add one sub-tile with both surfaces."""
    store.add(TIERS["1m"], make_relief("1m", 300, 300), LEFT, TOP)
    store.add(TIERS["1m"], make_relief("1m", 300, 300, step=9), LEFT, TOP, asset="dsm")
    return store


@pytest.fixture
def in_datum(tmp_path: Path) -> dict[str, dict[str, Any]]:
    """Return the parameters of each vertical datum."""
    shifts = write_grid(tmp_path / "shifts.tif", millimetres(60, 120))
    return {"CGVD2013": {}, "CGVD28": {"vertical_datum": "CGVD28", "vertical_grid": shifts}}


@pytest.mark.parametrize(
    ("datum", "params"),
    [
        ("CGVD2013", {}),
        ("CGVD2013", {"format": "cog"}),
        ("CGVD2013", {"align": "blocks"}),
        ("CGVD28", {}),
    ],
)
def test_crs_is_plain_and_the_datum_is_told_beside_it(
    tmp_path: Path, hills: Store, in_datum: dict[str, Any], datum: str, params: dict[str, Any]
) -> None:
    output = tmp_path / "a.tif"
    hrdem.extract(**BOX, **in_datum[datum], **params, output=output, http=hills)
    with rasterio.open(output) as dataset:
        assert dataset.crs == "EPSG:3979"
        assert dataset.crs.to_epsg() == 3979
        assert dataset.descriptions == (f"dtm, height above {datum}",)
        assert dataset.units == ("metre",)
        assert dataset.tags()["HRDEM_VERTICAL_DATUM"] == datum
        assert f"height above {datum}" in dataset.tags()["TIFFTAG_IMAGEDESCRIPTION"]
    item = json.loads(output.with_suffix(".stac.json").read_bytes())
    assert item["properties"]["proj:code"] == "EPSG:3979"
    assert item["properties"]["hrdem:vertical_datum"] == datum
    (band,) = item["assets"]["dtm"]["bands"]
    assert band["description"].endswith(f"height above {datum}")
    assert band["unit"] == "metre"


@pytest.mark.slow
@pytest.mark.parametrize("datum", VERTICAL_EPSG)
def test_vertical_crs_adds_the_datum_to_the_crs(
    tmp_path: Path, hills: Store, in_datum: dict[str, Any], datum: str
) -> None:
    """The CRS in file, item and array is what EPSG calls by both codes."""
    expected = CRS.from_user_input(f"EPSG:3979+{VERTICAL_EPSG[datum]}")
    params, output = {**BOX, **in_datum[datum], "vertical_crs": True}, tmp_path / "a.tif"
    hrdem.extract(**params, output=output, http=hills)
    with rasterio.open(output) as dataset:
        assert dataset.crs == expected
        assert json.loads(dataset.tags()["HRDEM_REQUEST"])["vertical_crs"] is True
    item = json.loads(output.with_suffix(".stac.json").read_bytes())["properties"]
    assert item["proj:code"] is None
    assert CRS.from_wkt(item["proj:wkt2"]) == expected
    array = hrdem.load(**params, http=hills)
    assert CRS.from_wkt(array.spatial_ref.attrs["crs_wkt"]) == expected


def test_vertical_crs_is_an_error_for_slopes(tmp_path: Path, hills: Store) -> None:
    params = {**BOX, "product": "dtm-slope", "vertical_crs": True}
    with pytest.raises(hrdem.RequestError, match="`vertical_crs` applies to heights"):
        hrdem.extract(**params, output=tmp_path / "a.tif", http=hills)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")  # in rasterio
def test_products_merge_with_each_other_and_with_a_source_file(
    tmp_path: Path, hills: Store
) -> None:
    """`rasterio.merge` refuses files whose CRSs are not equal."""
    source = tmp_path / "source.tif"
    with rasterio.open(
        source, "w", "GTiff", width=300, height=300, count=1, dtype="float32", nodata=-32767,
        crs="EPSG:3979", transform=rasterio.Affine(1, 0, LEFT, 0, -1, TOP),
    ) as dataset:  # fmt: skip
        dataset.write(make_relief("1m", 300, 300), 1)
    paths = [source]
    for product in ("dtm", "dtm-slope", "chm"):
        paths.append(tmp_path / f"{product}.tif")
        hrdem.extract(**{**BOX, "product": product}, output=paths[-1], http=hills)
    merged, _ = rasterio.merge.merge(paths[:2])
    np.testing.assert_array_equal(merged[0], make_relief("1m", 300, 300))
    assert rasterio.merge.merge(paths)[0].shape == (1, 300, 300)


@pytest.mark.slow
def test_rasterio_and_rioxarray_leave_heights_as_they_are(
    tmp_path: Path, hills: Store, in_datum: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a geoid in PROJ, even if rasterio is asked to shift; a compound CRS is shifted."""
    plain, compound, arrays = [], [], []
    for datum, params in in_datum.items():
        plain.append(tmp_path / f"{datum}.tif")
        compound.append(tmp_path / f"{datum}-compound.tif")
        hrdem.extract(**BOX, **params, output=plain[-1], http=hills)
        hrdem.extract(**BOX, **params, vertical_crs=True, output=compound[-1], http=hills)
        arrays.append(hrdem.load(**BOX, **params, http=hills, masked=True))
    folder = write_geoid(tmp_path / "proj")
    for file in Path(rasterio.__file__).with_name("proj_data").iterdir():
        (folder / file.name).symlink_to(file)
    monkeypatch.setenv("PROJ_DATA", str(folder))
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        assert list(pool.map(measure_rasterio, plain)) == pytest.approx([0, 0], abs=0.05)
        shifts = list(pool.map(measure_rasterio, compound))
        assert shifts == pytest.approx([GEOID_METRES] * 2, abs=0.05)
        assert list(pool.map(measure_rioxarray, arrays)) == pytest.approx([0, 0], abs=0.05)


def measure_rasterio(path: Path) -> float:
    """Return by how much reprojecting to three dimensions moves the middle height."""
    with rasterio.open(path) as dataset:
        target = "EPSG:4955"  # NAD83(CSRS) with heights above the ellipsoid
        transform, width, height = calculate_default_transform(
            dataset.crs, target, dataset.width, dataset.height, *dataset.bounds
        )
        pixels, _ = reproject(
            rasterio.band(dataset, 1),
            np.full((height, width), np.nan, np.float32),
            dst_transform=transform,
            dst_crs=target,
            dst_nodata=np.nan,
            apply_vertical_shift=True,
        )
        return float(np.nanmedian(pixels) - np.median(dataset.read(1)))


def measure_rioxarray(array: xr.DataArray) -> float:
    """Return by how much rioxarray moves the middle height."""
    import rioxarray  # noqa: F401 (adds the accessor)

    assert array.rio.crs.to_epsg() == 3979
    return float(np.nanmedian(array.rio.reproject("EPSG:2959")) - np.nanmedian(array))
