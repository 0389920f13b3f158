"""Arrays hold what files hold: rasterio reads the file, and every bit of it is in the array."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
import rasterio
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS

import hrdem
from hrdem.demo import Addresses
from hrdem.jobs import load
from tests.relief import LEFT, TIERS, TOP, make_relief, punch_holes
from tests.shift_grids import millimetres, write_grid
from tests.stores import NODATA, Store

BOX = {"bbox": (LEFT + 60, TOP - 840, LEFT + 740, TOP - 60), "bbox_crs": "EPSG:3979"}
TRIANGLE = {
    "type": "Polygon",
    "coordinates": [
        [(LEFT, TOP - 60), (LEFT + 800, TOP - 400), (LEFT + 90, TOP - 800), (LEFT, TOP - 60)]
    ],
}
UTM = {"crs": "EPSG:2959"}
JOBS: dict[str, dict[str, Any]] = {
    "plain": {},
    "cropped": {"bbox": None, "bbox_crs": None, "aoi": TRIANGLE, "aoi_crs": "EPSG:3979"},
    "warped": {**UTM, "resolution": 1.5, "resampling": "cubic"},
    "averaged": {**UTM, "resolution": 4, "resampling": "average"},
    "in degrees": {"crs": "EPSG:4326", "resolution": 2e-5},
    "filled": {"fill": "2m,30m", "feather": 20},
    "filled and warped": {**UTM, "resolution": 2, "fill": "30m", "feather": 20},
    "slope": {"product": "dtm-slope", "fill": "2m"},
    "aspect": {"product": "dtm-aspect", **UTM, "resolution": 2},
    "hillshade": {"product": "dtm-hillshade"},
    "canopy": {"product": "chm"},
}
RELAXED = settings(
    max_examples=1, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def filled(store: Store) -> Store:
    """Two sub-tiles with holes side by side, both surfaces, and two tiers below."""
    fine = punch_holes(make_relief("1m", 900, 900), 5, 0.1)
    for name, left in (("west", 0), ("east", 450)):
        part = fine[:, left : left + 450]
        store.add(TIERS["1m"], part, LEFT + left, TOP, item=name)
        store.add(TIERS["1m"], part + np.float32(9), LEFT + left, TOP, item=name, asset="dsm")
    store.add(TIERS["2m"], punch_holes(make_relief("2m", 900, 900, step=5), 6, 0.1), LEFT, TOP)
    store.add(TIERS["30m"], make_relief("30m", 900, 900, step=40), LEFT, TOP)
    return store


def loaded(store: Store, **words: Any) -> xr.DataArray:
    return hrdem.load(**{"product": "dtm", **BOX, **words}, http=store)


def extracted(store: Store, path: Path, **words: Any) -> Path:
    words = {"product": "dtm", **BOX, **words}
    hrdem.extract(**words, output=path, http=store, overwrite=True)
    return path


def bits(pixels: np.ndarray) -> np.ndarray:
    return pixels.view(f"u{pixels.dtype.itemsize}")


@pytest.mark.parametrize(
    "job",
    [
        pytest.param(job, marks=() if number == 0 else pytest.mark.slow)
        for number, job in enumerate(JOBS)
    ],
)
def test_any_chunks_hold_the_bits_of_the_file(tmp_path: Path, filled: Store, job: str) -> None:
    with rasterio.open(extracted(filled, tmp_path / "a.tif", **JOBS[job])) as dataset:
        expected = dataset.read(1)
    assert (expected != expected[0, 0]).any()
    now = loaded(filled, **JOBS[job])
    np.testing.assert_array_equal(bits(now.values), bits(expected))

    @RELAXED
    @given(chunks=st.fixed_dictionaries({axis: st.integers(170, 700) for axis in ("y", "x")}))
    def cut(chunks: dict[str, int]) -> None:
        later = loaded(filled, **JOBS[job], chunks=chunks)
        assert (later.dtype, later.shape) == (now.dtype, now.shape)
        np.testing.assert_array_equal(bits(later.values), bits(expected))

    cut()


@pytest.mark.slow
def test_chunks_of_heights_above_another_datum_are_those_of_the_file(
    tmp_path: Path, filled: Store
) -> None:
    grid = write_grid(tmp_path / "grid.tif", millimetres(60, 120))
    words = {"vertical_datum": "CGVD28", "vertical_grid": grid}
    with rasterio.open(extracted(filled, tmp_path / "a.tif", **words)) as dataset:
        expected, told, crs = dataset.read(1), dataset.tags(), dataset.crs
    later = loaded(filled, **words, chunks=500)
    np.testing.assert_array_equal(bits(later.values), bits(expected))
    assert (later != loaded(filled)).any()
    assert crs_of(later) == crs
    assert later.attrs["HRDEM_VERTICAL_GRID_SHA256"] == told["HRDEM_VERTICAL_GRID_SHA256"]


def crs_of(array: xr.DataArray) -> CRS:
    """What a reader makes of it after a GeoTIFF, which keeps fewer words."""
    crs = CRS.from_wkt(array.spatial_ref.attrs["crs_wkt"])
    with rasterio.MemoryFile() as memory:
        tiny = {"driver": "GTiff", "width": 1, "height": 1, "count": 1, "dtype": "uint8"}
        memory.open(**tiny, crs=crs, transform=rasterio.Affine(2, 0, 1, 0, -2, 1)).close()
        with memory.open() as dataset:
            return dataset.crs


@pytest.mark.parametrize("job", ["plain", "in degrees", "hillshade"])
def test_an_array_says_where_it_lies_as_the_file_does(
    tmp_path: Path, filled: Store, job: str
) -> None:
    array = loaded(filled, **JOBS[job])
    with rasterio.open(extracted(filled, tmp_path / "a.tif", **JOBS[job])) as dataset:
        crs, transform, tags, unit = dataset.crs, dataset.transform, dataset.tags(), dataset.units
        columns, rows = np.arange(dataset.width), np.arange(dataset.height)
        x, y = dataset.xy(0 * columns, columns)[0], dataset.xy(rows, 0 * rows)[1]
    assert array.dims == ("y", "x")
    assert array.name == tags["HRDEM_PRODUCT"]
    np.testing.assert_allclose(array.x, x, rtol=1e-15)
    np.testing.assert_allclose(array.y, y, rtol=1e-15)
    assert array.x.dtype == array.y.dtype == np.float64
    assert crs_of(array) == crs
    told = [float(number) for number in array.spatial_ref.attrs["GeoTransform"].split()]
    assert rasterio.Affine.from_gdal(*told) == transform
    assert array.encoding["grid_mapping"] == "spatial_ref"
    assert array.attrs.get("units") == unit[0]
    degrees = job == "in degrees"
    assert array.x.attrs == {
        "axis": "X",
        "standard_name": "longitude" if degrees else "projection_x_coordinate",
        "units": "degrees_east" if degrees else "metre",
    }


def test_an_array_tells_what_it_is_made_of_as_the_file_does(tmp_path: Path, filled: Store) -> None:
    with rasterio.open(extracted(filled, tmp_path / "a.tif", fill="30m")) as dataset:
        tags = {name: tag for name, tag in dataset.tags().items() if name != "AREA_OR_POINT"}
    for chunks in (None, 512):
        array = loaded(filled, fill="30m", chunks=chunks)
        for name, tag in tags.items():
            assert array.attrs[name] == tag, name
        names = {source["name"] for source in json.loads(array.attrs["HRDEM_SOURCES"])}
        assert names == {"west-hrdem-mosaic-1m", "east-hrdem-mosaic-1m", "tile-mrdem-30"}
        # all that netCDF can hold
        of_all = [array.attrs, *(coordinate.attrs for coordinate in array.coords.values())]
        kinds = {type(value) for attributes in of_all for value in attributes.values()}
        assert kinds == {str, np.float32}


@pytest.mark.parametrize("chunks", [None, 600])
@pytest.mark.parametrize("job", ["plain", pytest.param("hillshade", marks=pytest.mark.slow)])
def test_nodata_is_the_fill_value_and_nan_where_it_is_masked(
    filled: Store, job: str, chunks: int | None
) -> None:
    bare = loaded(filled, **JOBS[job], chunks=chunks)
    masked = loaded(filled, **JOBS[job], chunks=chunks, masked=True)
    nodata = bare.attrs["_FillValue"]
    assert nodata == (0 if job == "hillshade" else NODATA)
    assert nodata.dtype == bare.dtype
    assert "_FillValue" not in masked.attrs
    assert masked.encoding["_FillValue"] == nodata
    assert (masked.chunks is None) is (chunks is None)
    assert masked.dtype == np.float32
    missing = bare.values == nodata
    assert 0 < missing.mean() < 0.5
    np.testing.assert_array_equal(np.isnan(masked.values), missing)
    np.testing.assert_array_equal(masked.values[~missing], bare.values[~missing])
    assert masked.attrs == {name: a for name, a in bare.attrs.items() if name != "_FillValue"}


def test_a_chunk_reads_only_what_it_needs(filled: Store) -> None:
    later = loaded(filled, chunks={"y": -1, "x": 300})
    west, east = (f"{name}-hrdem-mosaic-1m-dtm.tif" for name in ("west", "east"))
    assert later.chunks == ((780,), (300, 300, 80))
    assert filled.received[west] == filled.received[east] == 0
    later[:, 610:].compute()  # the last chunk
    assert filled.received[west] == 0
    part = filled.received[east]
    later[:, :300].compute()
    assert 0 < filled.received[west] < 3 * part
    assert filled.received[east] == part


@pytest.mark.slow
def test_a_chunk_warps_of_a_tier_only_what_it_needs(filled: Store) -> None:
    later = loaded(filled, **JOBS["filled and warped"], chunks=128)
    later[:128, :128].compute()
    first = sum(filled.received.values())
    later.compute()
    assert 0 < first < (sum(filled.received.values()) - first) / 4


def test_a_chunk_without_data_is_nodata_and_an_array_without_data_an_error(store: Store) -> None:
    fine = make_relief("1m", 900, 900)
    fine[:500] = NODATA
    store.add(TIERS["1m"], fine, LEFT, TOP)
    later = loaded(store, chunks=256)
    assert (later[:440] == NODATA).all()
    assert (later[440:] != NODATA).all()
    upper = {"bbox": (LEFT + 60, TOP - 400, LEFT + 740, TOP - 60)}
    assert (loaded(store, **upper, chunks=-1) == NODATA).all()
    with pytest.raises(hrdem.NoDataError, match="no valid pixel"):
        loaded(store, **upper)


def test_a_chunk_beyond_all_files_is_nodata(store: Store) -> None:
    store.add(TIERS["1m"], make_relief("1m", 450, 900), LEFT, TOP)
    for words in ({}, {"resolution": 2}):
        later = loaded(store, **words, chunks={"x": 200})
        assert (later[:, -100:] == NODATA).all()
        assert (later[:, :100] != NODATA).all()


def test_a_chunk_that_the_area_does_not_touch_is_nodata(filled: Store) -> None:
    later = loaded(filled, **JOBS["cropped"], chunks=200)
    assert (later[-130:, -130:] == NODATA).all()
    assert sum(filled.received.values()) == 0


def test_chunks_are_read_one_at_a_time_whoever_asks(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run takes as many connections and as much memory as it may."""
    lock, running, most = threading.Lock(), 0, 0
    read = load.read_pixels

    def counted(*arguments: Any) -> Any:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        pixels = read(*arguments)
        with lock:
            running -= 1
        return pixels

    later = loaded(filled, chunks=300)
    monkeypatch.setattr(load, "read_pixels", counted)
    later.compute(scheduler="threads", num_workers=8)
    assert (running, most) == (0, 1)


def test_nothing_is_left_on_the_disk(
    filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    seen: list[list[Path]] = []
    words = {"on_progress": lambda progress: seen.append(list(tmp_path.glob("*/*")))}
    words |= JOBS["filled and warped"]  # for which mosaics are staged
    loaded(filled, **words)
    loaded(filled, **words, chunks=500).compute()
    assert any(seen)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_progress_ends_with_all_pixels(filled: Store) -> None:
    told: list[hrdem.Progress] = []
    loaded(filled, **JOBS["filled and warped"], on_progress=told.append)
    assert told[-1].pixels == told[-1].total_pixels
    told.clear()
    later = loaded(filled, **JOBS["filled and warped"], on_progress=told.append, chunks=300)
    later[:10, :10].compute()
    assert told[-1].pixels == told[-1].total_pixels


@pytest.mark.slow
@pytest.mark.parametrize("via", ["cog", "vrt", "wcs"])
def test_a_chunk_finds_its_own_way_to_the_service(
    demo: Addresses, tmp_path: Path, via: str
) -> None:
    """In another process, too: a client lives no longer than a chunk."""
    words = {
        "bbox": (1_499_600, -170_700, 1_500_400, -170_000), "bbox_crs": "EPSG:3979",
        "product": "dtm", "via": via, "stac_url": demo.stac, "wcs_url": demo.wcs,
        "cache_dir": tmp_path / "cache",
    }  # fmt: skip
    later = hrdem.load(**words, chunks=512)
    there = later.compute(scheduler="processes", num_workers=1)
    hrdem.extract(**words, output=tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif") as dataset:
        np.testing.assert_array_equal(bits(there.values), bits(dataset.read(1)))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"source_band": True}, "an array has one. Leave it out"),
        ({"align": "blocks"}, "an array has none. Leave it"),
        ({"chunks": 0}, "is invalid. Pass pixels"),
        ({"chunks": -2}, "is invalid"),
        ({"chunks": True}, "is invalid"),
        ({"chunks": 1.5}, "is invalid"),
        ({"chunks": "large"}, "is invalid"),
        ({"chunks": {"y": 512, "x": None}}, "is invalid"),
        ({"chunks": {"y": 512, "band": 1}}, "names .band.; the dimensions are y and x"),
        ({"max_memory": 1_000_000}, "at least 240 MB"),
        ({"product": "dmt"}, "Did you mean dtm"),
    ],
)
def test_what_no_array_can_be_is_told(store: Store, words: dict[str, Any], sentence: str) -> None:
    """Before anything is looked up: there is no catalogue here."""
    with pytest.raises(hrdem.RequestError, match=sentence):
        loaded(store, **words)


def test_chunks_may_be_left_to_dask(filled: Store) -> None:
    with dask.config.set({"array.chunk-size": "1 MiB"}):
        later = loaded(filled, chunks="auto")
    assert later.chunks == ((512, 268), (512, 168))
    assert loaded(filled, chunks="auto").chunks == ((780,), (680,))
    assert loaded(filled, chunks={"x": np.int64(600)}).chunks == ((780,), (600, 80))
    assert loaded(filled, chunks=-1).chunks == ((780,), (680,))


@pytest.mark.parametrize(("library", "chunks"), [("xarray", None), ("dask", 512)])
def test_a_library_that_is_not_installed_is_named_with_what_installs_it(
    library: str, chunks: int | None
) -> None:
    program = (
        f"import sys; sys.modules[{library!r}] = None; import hrdem\n"
        f"try: hrdem.load(bbox=(-75.7, 45.4, -75.6, 45.5), product='dtm', chunks={chunks})\n"
        "except ImportError as exc: print(type(exc).__name__, exc.name, exc)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"MissingLibraryError {library} ")
    assert "pip install 'hrdem[xarray]'" in done.stdout
