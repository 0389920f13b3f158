"""Arrays equal the extracted files, read with rasterio, bit for bit."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
import rasterio
import shapely
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS

import hrdem
from examples import zonal_means
from hrdem.demo import Addresses
from hrdem.http.client import HttpClient
from hrdem.http.client_settings import ClientSettings
from hrdem.jobs import lazy_pixels
from hrdem.runtime.byte_sizes import parse_size
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
LANES = {  # others are long
    "plain": (),
    "canopy": pytest.mark.slow,
    "filled and warped": pytest.mark.slow,
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


def load_array(store: Store, **params: Any) -> xr.DataArray:
    """Load from a store, by default the DTM of the box."""
    return hrdem.load(**{"product": "dtm", **BOX, **params}, http=store)


def extract(store: Store, path: Path, **params: Any) -> Path:
    """Extract the same as `load_array` to a file."""
    params = {"product": "dtm", **BOX, **params}
    hrdem.extract(**params, output=path, http=store, overwrite=True)
    return path


def view_bits(pixels: np.ndarray) -> np.ndarray:
    """View pixels as unsigned integers, so that NaNs compare equal."""
    return pixels.view(f"u{pixels.dtype.itemsize}")


@pytest.mark.parametrize(
    "job",
    [pytest.param(job, marks=LANES.get(job, (pytest.mark.slow, pytest.mark.long))) for job in JOBS],
)
def test_chunks_have_the_bits_of_the_file(tmp_path: Path, filled: Store, job: str) -> None:
    with rasterio.open(extract(filled, tmp_path / "a.tif", **JOBS[job])) as dataset:
        expected = dataset.read(1)
    assert (expected != expected[0, 0]).any()
    eager = load_array(filled, **JOBS[job])
    np.testing.assert_array_equal(view_bits(eager.values), view_bits(expected))

    @RELAXED
    @given(chunks=st.fixed_dictionaries({axis: st.integers(170, 700) for axis in ("y", "x")}))
    def check_chunks(chunks: dict[str, int]) -> None:
        lazy = load_array(filled, **JOBS[job], chunks=chunks)
        assert (lazy.dtype, lazy.shape) == (eager.dtype, eager.shape)
        np.testing.assert_array_equal(view_bits(lazy.values), view_bits(expected))

    check_chunks()


@pytest.mark.slow
def test_chunks_above_another_datum_equal_the_file(tmp_path: Path, filled: Store) -> None:
    grid = write_grid(tmp_path / "grid.tif", millimetres(60, 120))
    params = {"vertical_datum": "CGVD28", "vertical_grid": grid}
    with rasterio.open(extract(filled, tmp_path / "a.tif", **params)) as dataset:
        expected, tags, crs = dataset.read(1), dataset.tags(), dataset.crs
    lazy = load_array(filled, **params, chunks=500)
    np.testing.assert_array_equal(view_bits(lazy.values), view_bits(expected))
    assert (lazy != load_array(filled)).any()
    assert read_crs(lazy) == crs
    assert lazy.attrs["HRDEM_VERTICAL_GRID_SHA256"] == tags["HRDEM_VERTICAL_GRID_SHA256"]


def read_crs(array: xr.DataArray) -> CRS:
    """Return the CRS of an array after a round trip through a GeoTIFF, which drops some names."""
    crs = CRS.from_wkt(array.spatial_ref.attrs["crs_wkt"])
    with rasterio.MemoryFile() as memory:
        tiny = {"driver": "GTiff", "width": 1, "height": 1, "count": 1, "dtype": "uint8"}
        memory.open(**tiny, crs=crs, transform=rasterio.Affine(2, 0, 1, 0, -2, 1)).close()
        with memory.open() as dataset:
            return dataset.crs


@pytest.mark.parametrize(
    "job", ["plain", "in degrees", pytest.param("hillshade", marks=pytest.mark.slow)]
)
def test_array_has_the_georeferencing_of_the_file(tmp_path: Path, filled: Store, job: str) -> None:
    array = load_array(filled, **JOBS[job])
    with rasterio.open(extract(filled, tmp_path / "a.tif", **JOBS[job])) as dataset:
        crs, transform, tags, unit = dataset.crs, dataset.transform, dataset.tags(), dataset.units
        columns, rows = np.arange(dataset.width), np.arange(dataset.height)
        x, y = dataset.xy(0 * columns, columns)[0], dataset.xy(rows, 0 * rows)[1]
    assert array.dims == ("y", "x")
    assert array.name == tags["HRDEM_PRODUCT"]
    np.testing.assert_allclose(array.x, x, rtol=1e-15)
    np.testing.assert_allclose(array.y, y, rtol=1e-15)
    assert array.x.dtype == array.y.dtype == np.float64
    assert read_crs(array) == crs
    numbers = [float(number) for number in array.spatial_ref.attrs["GeoTransform"].split()]
    assert rasterio.Affine.from_gdal(*numbers) == transform
    assert array.encoding["grid_mapping"] == "spatial_ref"
    assert array.attrs.get("units") == unit[0]
    degrees = job == "in degrees"
    assert array.x.attrs == {
        "axis": "X",
        "standard_name": "longitude" if degrees else "projection_x_coordinate",
        "units": "degrees_east" if degrees else "metre",
    }


@pytest.mark.slow
def test_array_has_the_tags_of_the_file(tmp_path: Path, filled: Store) -> None:
    with rasterio.open(extract(filled, tmp_path / "a.tif", fill="30m")) as dataset:
        tags = {name: tag for name, tag in dataset.tags().items() if name != "AREA_OR_POINT"}
    for chunks in (None, 512):
        array = load_array(filled, fill="30m", chunks=chunks)
        for name, tag in tags.items():
            assert array.attrs[name] == tag, name
        names = {source["name"] for source in json.loads(array.attrs["HRDEM_SOURCES"])}
        assert names == {"west-hrdem-mosaic-1m", "east-hrdem-mosaic-1m", "tile-mrdem-30"}
        # types that netCDF supports
        mappings = [array.attrs, *(coordinate.attrs for coordinate in array.coords.values())]
        kinds = {type(value) for attributes in mappings for value in attributes.values()}
        assert kinds == {str, np.float32}


@pytest.mark.parametrize("chunks", [None, pytest.param(600, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "job", ["plain", pytest.param("hillshade", marks=[pytest.mark.slow, pytest.mark.long])]
)
def test_nodata_is_the_fill_value_or_nan_if_masked(
    filled: Store, job: str, chunks: int | None
) -> None:
    bare = load_array(filled, **JOBS[job], chunks=chunks)
    masked = load_array(filled, **JOBS[job], chunks=chunks, masked=True)
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


def test_chunk_reads_only_what_it_needs(filled: Store) -> None:
    lazy = load_array(filled, chunks={"y": -1, "x": 300})
    west, east = (f"{name}-hrdem-mosaic-1m-dtm.tif" for name in ("west", "east"))
    assert lazy.chunks == ((780,), (300, 300, 80))
    assert filled.received[west] == filled.received[east] == 0
    lazy[:, 610:].compute()  # the last chunk
    assert filled.received[west] == 0
    part = filled.received[east]
    lazy[:, :300].compute()
    assert 0 < filled.received[west] < 3 * part
    assert filled.received[east] == part


@pytest.mark.slow
@pytest.mark.long
def test_chunk_warps_only_what_it_needs(filled: Store) -> None:
    lazy = load_array(filled, **JOBS["filled and warped"], chunks=128)
    lazy[:128, :128].compute()
    first = sum(filled.received.values())
    lazy.compute()
    assert 0 < first < (sum(filled.received.values()) - first) / 4


@pytest.mark.slow
def test_empty_chunk_is_nodata_empty_array_an_error(store: Store) -> None:
    fine = make_relief("1m", 900, 900)
    fine[:500] = NODATA
    store.add(TIERS["1m"], fine, LEFT, TOP)
    lazy = load_array(store, chunks=256)
    assert (lazy[:440] == NODATA).all()
    assert (lazy[440:] != NODATA).all()
    upper = {"bbox": (LEFT + 60, TOP - 400, LEFT + 740, TOP - 60)}
    assert (load_array(store, **upper, chunks=-1) == NODATA).all()
    with pytest.raises(hrdem.NoDataError, match="no valid pixel"):
        load_array(store, **upper)


@pytest.mark.slow
def test_chunk_outside_all_files_is_nodata(store: Store) -> None:
    store.add(TIERS["1m"], make_relief("1m", 450, 900), LEFT, TOP)
    for params in ({}, {"resolution": 2}):
        lazy = load_array(store, **params, chunks={"x": 200})
        assert (lazy[:, -100:] == NODATA).all()
        assert (lazy[:, :100] != NODATA).all()


def test_chunk_outside_the_area_is_nodata(filled: Store) -> None:
    """Nothing is downloaded for it."""
    lazy = load_array(filled, **JOBS["cropped"], chunks=200)
    assert (lazy[-130:, -130:] == NODATA).all()
    assert sum(filled.received.values()) == 0


@pytest.mark.parametrize(
    ("max_memory", "most"), [pytest.param("240MB", 1, marks=pytest.mark.slow), ("2GB", 4)]
)
def test_memory_limits_how_many_chunks_are_read_at_a_time(
    filled: Store, monkeypatch: pytest.MonkeyPatch, max_memory: str, most: int
) -> None:
    lock, running, max_running, limits = threading.Lock(), 0, 0, set()
    read_pixels = lazy_pixels.read_pixels

    def count_running(plan: Any, window: Any, grid: Any, context: Any) -> Any:
        nonlocal running, max_running
        with lock:
            running += 1
            max_running = max(max_running, running)
            limits.add(context.max_memory)
        time.sleep(0.05)
        found = read_pixels(plan, window, grid, context)
        with lock:
            running -= 1
        return found

    lazy = load_array(filled, chunks=400, max_memory=max_memory)
    monkeypatch.setattr(lazy_pixels, "read_pixels", count_running)
    lazy.compute(scheduler="threads", num_workers=4)
    assert (running, max_running) == (0, most)
    assert all(limit <= parse_size(max_memory) for limit in limits)


@pytest.mark.slow
def test_no_temporary_file_remains(
    filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    seen: list[list[Path]] = []
    params = {"on_progress": lambda progress: seen.append(list(tmp_path.glob("*/*")))}
    params |= JOBS["filled and warped"]  # stages mosaics on disk
    load_array(filled, **params)
    load_array(filled, **params, chunks=500).compute()
    assert any(seen)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_progress_ends_with_all_pixels(filled: Store) -> None:
    progress: list[hrdem.Progress] = []
    load_array(filled, **JOBS["filled and warped"], on_progress=progress.append)
    assert progress[-1].pixels == progress[-1].total_pixels
    progress.clear()
    lazy = load_array(filled, **JOBS["filled and warped"], on_progress=progress.append, chunks=300)
    lazy[:300, :300].compute()
    assert progress[-1].pixels == progress[-1].total_pixels


OUTLINE = shapely.Point(LEFT + 400, TOP - 400).buffer(300, quad_segs=2_000)  # 8,000 corners


def test_task_holds_a_window_and_the_graph_one_plan(filled: Store) -> None:
    """A plan in every task of a province is more than its pixels."""
    lazy = load_array(filled, bbox=None, bbox_crs=None, aoi=OUTLINE, aoi_crs="EPSG:3979", chunks=50)
    plan, *tasks = sorted(map(len, map(pickle.dumps, lazy.__dask_graph__().values())), reverse=True)
    assert len(tasks) == 12 * 12
    assert max(tasks) < 1_000
    assert plan > 100_000


def test_lazy_array_of_a_polygon_is_pickled_by_the_standard_library(filled: Store) -> None:
    """Pools of processes use it; only dask has a pickler that takes functions without a name."""
    area = {"bbox": None, "bbox_crs": None, "aoi": OUTLINE, "aoi_crs": "EPSG:3979"}
    lazy = load_array(filled, **area, chunks=512, on_progress=lambda _: None)
    copy = pickle.loads(pickle.dumps(lazy))
    assert (copy.data.name, copy.attrs) == (lazy.data.name, lazy.attrs)
    again = pickle.loads(pickle.dumps(copy))
    assert (again.data.name, again.attrs) == (lazy.data.name, lazy.attrs)


@pytest.mark.slow
def test_copies_of_a_lazy_array_read_with_one_client(
    demo: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the tasks of a process do, each of which unpickles its own."""
    box = {"bbox": (1_500_010, -170_020, 1_500_030, -170_000), "bbox_crs": "EPSG:3979"}
    lazy = hrdem.load(**box, product="dtm", stac_url=demo.stac, no_cache=True, chunks=10)
    made = []

    def make_client(settings: ClientSettings, trusted: Iterable[str]) -> HttpClient:
        made.append(HttpClient(trusted=trusted, hosts=settings.hosts))
        return made[-1]

    monkeypatch.setattr(ClientSettings, "make_client", make_client)
    copies = [pickle.loads(pickle.dumps(lazy)) for _ in range(2)]
    first, second = (copy.compute(scheduler="threads") for copy in copies)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, lazy.compute(scheduler="threads"))
    assert len(made) == 1


@pytest.mark.slow
def test_index_reads_what_numpy_would_return(filled: Store) -> None:
    eager, lazy = (load_array(filled, chunks=chunks).data for chunks in (None, -1))
    for index in (
        np.s_[3:9, 500:510],
        np.s_[::150, 5],
        np.s_[700::-300, -1],
        np.s_[:0, 7:],
        np.s_[[600, 2, 77], 40:44],
    ):
        np.testing.assert_array_equal(view_bits(lazy[index].compute()), view_bits(eager[index]))


@pytest.mark.slow
@pytest.mark.long
def test_cache_limit_holds_while_a_lazy_array_lives(demo: Addresses, tmp_path: Path) -> None:
    box = {"bbox": (1_499_000, -171_000, 1_501_000, -169_000), "bbox_crs": "EPSG:3979"}
    where = {"cache_dir": tmp_path, "max_cache": "3MB"}
    lazy = hrdem.load(**box, product="dtm", stac_url=demo.stac, **where, chunks=1000)
    for row in range(2):
        lazy[1000 * row : 1000 * row + 1000].compute()
        assert 0 < sum(each.bytes for each in hrdem.Cache(tmp_path).info().entries) <= 3_300_000
    del lazy


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(
    "via", ["cog", *(pytest.param(via, marks=pytest.mark.long) for via in ("vrt", "wcs"))]
)
def test_chunk_opens_its_own_connection(demo: Addresses, tmp_path: Path, via: str) -> None:
    """In another process, too."""
    params = {
        "bbox": (1_499_600, -170_700, 1_500_400, -170_000), "bbox_crs": "EPSG:3979",
        "product": "dtm", "via": via, "stac_url": demo.stac, "wcs_url": demo.wcs,
        "cache_dir": tmp_path / "cache",
    }  # fmt: skip
    lazy = hrdem.load(**params, chunks=512)
    computed = lazy.compute(scheduler="processes", num_workers=1)
    hrdem.extract(**params, output=tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif") as dataset:
        np.testing.assert_array_equal(view_bits(computed.values), view_bits(dataset.read(1)))


@pytest.mark.slow
@pytest.mark.long
def test_workers_of_a_cluster_read_the_bits_of_the_file(demo: Addresses, tmp_path: Path) -> None:
    from distributed import Client, LocalCluster

    params = {
        "bbox": (1_499_600, -170_700, 1_500_400, -170_000), "bbox_crs": "EPSG:3979",
        "product": "dtm-slope", "stac_url": demo.stac, "no_cache": True,
    }  # fmt: skip
    hrdem.extract(**params, output=tmp_path / "a.tif")
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=2, dashboard_address=":0", silence_logs=50
        ) as cluster,
        Client(cluster),
    ):
        computed = hrdem.load(**params, chunks=200).compute()
    with rasterio.open(tmp_path / "a.tif") as dataset:
        np.testing.assert_array_equal(view_bits(computed.values), view_bits(dataset.read(1)))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"source_band": True}, "an array is none. Leave it out"),
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
def test_invalid_options_of_load_are_errors(
    store: Store, params: dict[str, Any], message: str
) -> None:
    """They are reported before any lookup: there is no catalogue here."""
    with pytest.raises(hrdem.RequestError, match=message):
        load_array(store, **params)


def test_automatic_chunks_have_2048_pixels(store: Store) -> None:
    store.add(TIERS["1m"], np.zeros((8, 8), np.float32), LEFT, TOP)
    store.add(TIERS["1m"], np.zeros((8, 8), np.float32), LEFT + 4992, TOP - 1992, item="other")
    box = {"bbox": (LEFT, TOP - 2000, LEFT + 5000, TOP)}
    with dask.config.set({"array.chunk-size": "1 MiB"}):
        assert load_array(store, **box, chunks="auto").chunks == ((2000,), (2048, 2048, 904))
    assert load_array(store, **box, chunks={"x": "auto", "y": 1500}).chunks[0] == (1500, 500)
    assert load_array(store, **box, chunks={"x": np.int64(3000)}).chunks == ((2000,), (3000, 2000))
    assert load_array(store, **box, chunks=-1).chunks == ((2000,), (5000,))


@pytest.mark.slow
@pytest.mark.parametrize(("library", "chunks"), [("xarray", None), ("dask", 512)])
def test_error_names_the_missing_library_and_its_extra(library: str, chunks: int | None) -> None:
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


AREA = shapely.box(LEFT + 60, TOP - 840, LEFT + 740, TOP - 60)
ZONES = [
    AREA.intersection(shapely.Point(LEFT + 300, TOP - 500).buffer(230)),
    shapely.box(LEFT + 600, TOP - 400, LEFT + 700, TOP - 100),
    shapely.box(LEFT + 9_000, TOP, LEFT + 9_001, TOP + 1),  # without a pixel
]


@pytest.mark.slow
def test_means_of_zones_equal_those_of_the_whole_array(filled: Store) -> None:
    """The example's, which hold one chunk at a time."""
    means = zonal_means.compute_means(load_array(filled, chunks=200, masked=True), ZONES)
    whole = load_array(filled, masked=True)
    y, x = np.meshgrid(whole.y, whole.x, indexing="ij")
    for zone, mean in zip(ZONES[:2], means, strict=False):
        inside = shapely.contains_xy(zone, x, y)
        assert mean == pytest.approx(float(whole.where(inside).mean(dtype="f8")), abs=1e-6)
    assert np.isnan(means[2])


@pytest.mark.slow
def test_coarsened_chunks_equal_the_coarsened_array(filled: Store) -> None:
    """The documentation's recipe: no window of 64 pixels is divided by chunks of 2048."""
    lazy, eager = (load_array(filled, masked=True, chunks=chunks) for chunks in (256, None))
    ranges = [
        each.coarsen(y=64, x=64, boundary="trim").max()
        - each.coarsen(y=64, x=64, boundary="trim").min()
        for each in (lazy, eager)
    ]
    np.testing.assert_array_equal(*ranges)
    np.testing.assert_array_equal(ranges[0].x, ranges[1].x)
