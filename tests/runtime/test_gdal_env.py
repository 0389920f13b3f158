"""No setting of GDAL or PROJ in the environment changes a pixel, a shape or a CRS."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.env import get_gdal_config

import hrdem
from hrdem.demo import Addresses
from hrdem.demo.shifts import shift_grid
from hrdem.errors import RequestError, SourceError
from hrdem.geo.crs import parse_crs
from hrdem.geo.grid import Window
from hrdem.runtime.gdal_env import get_variable, pinned_gdal, pinned_pyogrio
from hrdem.runtime.gdal_settings import GDAL_CACHE_BYTES, HIDDEN, OWN_DATA, PINNED
from hrdem.runtime.threads import thread_pool
from hrdem.sources.cog import CogSource, probe_cog
from tests.cogs import URL, Bytes, write_cog

OPPOSITES = {"YES": "NO", "NO": "YES"}
HOSTILE = {name: OPPOSITES.get(value, "") for name, (value, _) in PINNED.items()} | {
    "GDAL_RASTERIO_RESAMPLING": "AVERAGE", "GDAL_MAX_BAND_COUNT": "0",
    "GDAL_BAND_BLOCK_CACHE": "HASHSET", "GDAL_CACHEMAX": "1", "GDAL_NUM_THREADS": "ALL_CPUS",
    "GTIFF_LINEAR_UNITS": "BROKEN", "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_READDIR_LIMIT_ON_OPEN": "0", "GDAL_PAM_MODE": "AUX",
    "GDAL_VRT_RAWRASTERBAND_ALLOWED_SOURCE": "ALL", "VRT_SHARED_SOURCE": "0",
    "VRT_NUM_THREADS": "8", "GDAL_MAX_DATASET_POOL_SIZE": "2", "GDAL_TIFF_ENDIANNESS": "BIG",
    "GDAL_TIFF_DEFLATE_SUBCODEC": "ZLIB", "GTIFF_WRITE_TOWGS84": "YES",
    "GDAL_OVR_CHUNK_MAX_SIZE": "1000", "OSR_WKT_FORMAT": "WKT1_ESRI",
    "OSR_DEFAULT_AXIS_MAPPING_STRATEGY": "TRADITIONAL_GIS_ORDER",
    "OSR_IMPORT_FROM_WKT_LIMIT": "10", "THRESHOLD": "1e-9", "OGR_GEOJSON_MAX_OBJ_SIZE": "0.0001",
    "OGR_ARC_STEPSIZE": "45", "OGR_ARC_MAX_GAP": "1", "OGR_TABLE_LIMIT": "1",
    "OGR_GPKG_NUM_THREADS": "8", "GML_CONSIDER_EPSG_AS_URN": "YES", "GML_SWAP_COORDINATES": "YES",
    "GML_SKIP_RESOLVE_ELEMS": "NONE",
    "GDAL_CONFIG_FILE": "gdalrc", "GDAL_SKIP": "GTiff GeoJSON GPKG", "OGR_SKIP": "GeoJSON,GPKG",
    "GDAL_PYTHON_DRIVER_PATH": ".", "GTIFF_SRS_SOURCE": "GEOKEYS",
    "GTIFF_USE_DEFER_STRILE_LOADING": "NO", "GTIFF_MAX_CUMULATED_MEM_USAGE": "1",
    "GTIFF_ALPHA": "YES", "GDAL_NETCDF_BOTTOMUP": "NO", "GDAL_GEOREF_SOURCES": "NONE",
    "GDAL_PAM_PROXY_DIR": "proxy", "HFA_USE_ESRI_PE_STRING": "YES",
    "GDAL_OVERVIEW_OVERSAMPLING_THRESHOLD": "9", "GDAL_SWATH_SIZE": "1000",
    "GDAL_TIFF_INTERNAL_MASK": "YES", "GDAL_TIFF_OVR_BLOCKSIZE": "64", "GDAL_OVR_CHUNKYSIZE": "1",
    "GDAL_OVR_TEMP_DRIVER": "MEM", "COG_TMP_COMPRESSION": "JPEG", "COMPRESS_OVERVIEW": "JPEG",
    "PREDICTOR_OVERVIEW": "2", "INTERLEAVE_OVERVIEW": "BAND", "PHOTOMETRIC_OVERVIEW": "YCBCR",
    "SPARSE_OK_OVERVIEW": "YES", "BIGTIFF_OVERVIEW": "YES", "MAX_Z_ERROR_OVERVIEW": "10",
    "OGR_CT_OP_SELECTION": "FIRST_MATCHING", "CENTER_LONG": "180", "OSR_USE_ETMERC": "NO",
    "SHAPE_ENCODING": "UTF-16", "OGR_ORGANIZE_POLYGONS": "SKIP",
    "OGR_SQLITE_LOAD_EXTENSIONS": "ENABLE_SQL_LOAD_EXTENSION",
    "OGR_SQLITE_PRAGMA": "query_only=1", "OGR_GPKG_INTEGRITY_CHECK": "YES",
    "GML_FACE_HOLE_NEGATIVE": "YES", "GML_GFS_TEMPLATE": "x.gfs",
    "GML_SRS_DIMENSION_IF_MISSING": "3", "DXF_HATCH_TOLERANCE": "9",
    "DXF_FEATURE_LIMIT_PER_BLOCK": "0", "DXF_HEADER_ONLY": "YES", "MITAB_BOUNDS_FILE": "x",
    "CPL_VSIL_ZIP_ALLOWED_EXTENSIONS": "gpkg", "CPL_JSON_MAX_SIZE": "100",
    "OGR_GEOJSON_MAX_BYTES_FIRST_PASS": "10", "OGR_S57_OPTIONS": "RETURN_PRIMITIVES=ON",
    "PROJ_ONLY_BEST_DEFAULT": "ON", "PROJ_AUX_DB": "none.db", "PROJ_USE_PROJ4_INIT_RULES": "YES",
    "PROJ_FORCE_SEARCH_PIVOT": "YES", "PROJ_IGNORE_CELESTIAL_BODY": "YES",
    "PROJ_IGNORE_INSTANTIATION_ERRORS": "YES",
    "PROJ_DATA": "/usr/share/proj", "PROJ_LIB": "nowhere", "GDAL_DATA": "nowhere",
    "GDAL_DRIVER_PATH": "nowhere", "OGR_DRIVER_PATH": "nowhere",
    # on no list, as they change nothing
    "PROJ_NETWORK": "ON", "PROJ_NETWORK_ENDPOINT": "http://127.0.0.1:9", "CPL_TMPDIR": "nowhere",
    "PROJ_USER_WRITABLE_DIRECTORY": "nowhere", "OGR_WKT_PRECISION": "3", "GDAL_USE_SSE": "NO",
    "CPL_VSIL_CURL_CHUNK_SIZE": "1", "CPL_VSIL_CURL_USE_HEAD": "NO", "WARP_THREAD_CHUNK_SIZE": "1",
}  # fmt: skip

JOBS = {
    "plain": {},
    "cog": {"format": "cog", "bbox": (1480000, -150700, 1480700, -150000)},
    "overviews": {"bbox": (1480000, -150100, 1484200, -150000)},
    "layers": {"fill": "2m,30m", "feather": 20, "source_band": True},
    "warped": {"crs": "EPSG:2959", "resolution": 2, "resampling": "cubic"},
    "geojson": {"aoi": "area.geojson"},
    "geopackage": {"aoi": "area.gpkg"},
    "like": {"like": "like.tif"},
    "gdal": {"engine": "gdal"},
    "wcs": {"via": "wcs"},
    "tiles": {
        "scheme": "50km", "bbox": (-75.72, 45.40, -75.7185, 45.401), "bbox_crs": "EPSG:4267",
        "crs": "EPSG:26718", "resolution": 2, "allow_inaccurate_datum": True,
    },
}  # fmt: skip

PROGRAM = """
import json, shutil, sys, threading
import hrdem

jobs, service, is_threaded = map(json.loads, sys.argv[1:])
errors = {}

def run(name, job):
    box = {"bbox": (1480000, -150200, 1480200, -150000), "bbox_crs": "EPSG:3979"}
    area = {} if job.keys() & {"aoi", "like"} else box
    options = {**area, **job, "product": "dtm", "no_cache": True, "stac_url": service["stac_url"]}
    output = f"{name}-out"
    try:
        if "scheme" in job:
            shutil.rmtree(output, ignore_errors=True)
            hrdem.tile_job(**options, output=output).run(workers=0)
            return
        options |= {**service, "overwrite": True}
        hrdem.extract(**options, output=output + ".tif")
    except hrdem.HrdemError as exc:
        errors[name] = str(exc)

for name, job in jobs.items():
    if is_threaded:
        thread = threading.Thread(target=run, args=(name, job))
        thread.start()
        thread.join()
    else:
        run(name, job)
print(json.dumps(errors))
"""


def run_jobs(
    demo: Addresses, folder: Path, settings: dict[str, str], *, is_threaded: bool = False
) -> dict[str, object]:
    """Run jobs with further variables; return what each wrote, or its error."""
    service = {"stac_url": demo.stac, "wcs_url": demo.wcs}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(json.dumps, (JOBS, service, is_threaded))],
        cwd=folder,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    errors = json.loads(done.stdout)
    written = {
        name: tuple(
            read_raster(path)
            for path in sorted(folder.rglob("*"))
            if path.suffix in (".tif", ".vrt") or path.name == "index.gti.gpkg"
            if path.relative_to(folder).parts[0].startswith(f"{name}-out")
        )
        for name in JOBS.keys() - errors
    }
    return {**errors, **written}


def read_raster(path: Path) -> tuple[object, ...]:
    """Return everything that matters of a raster: georeferencing, pixels, overviews."""
    pixels = []
    with rasterio.open(path) as dataset:
        levels = len(dataset.overviews(1))
        facts = dataset.crs.to_wkt(), dataset.transform, dataset.nodata, dataset.dtypes
    for level in range(-1, levels):
        with rasterio.open(path, **({} if level < 0 else {"overview_level": level})) as dataset:
            pixels.append(dataset.read().tobytes())
    return *facts, *pixels


def find_culprits(
    run: Callable[[dict[str, str]], dict[str, object]],
    settings: dict[str, str],
    expected: dict[str, object],
) -> dict[str, str]:
    """Return the settings that change a result, by halving them."""
    if run(settings) == expected:
        return {}
    names = sorted(settings)
    if len(names) == 1:
        return settings
    halves = ({name: settings[name] for name in part} for part in (names[::2], names[1::2]))
    return {
        name: value for half in halves for name, value in find_culprits(run, half, expected).items()
    }


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with areas that have a hole, and a raster whose grid is in a world file."""
    folder = tmp_path_factory.mktemp("inputs")
    left, top = 1_480_000, -150_000
    outer = [(left + x, top - y) for x, y in ((10, 190), (190, 180), (180, 10), (20, 20))]
    inner = [(left + x, top - y) for x, y in ((60, 120), (60, 60), (120, 60), (120, 120))]
    shapes = np.array([shapely.to_wkb(shapely.Polygon(outer, [inner]))])
    for name in ("area.geojson", "area.gpkg"):
        pyogrio.raw.write(folder / name, shapes, [], [], geometry_type="Polygon", crs="EPSG:3979")
    with rasterio.open(
        folder / "like.tif", "w", "GTiff", width=100, height=100, count=1, dtype="uint8",
        crs="EPSG:3979", transform=Affine(2, 0, left, 0, -2, top), TFW="YES", PROFILE="BASELINE",
    ) as dataset:  # fmt: skip
        dataset.write(np.ones((100, 100), np.uint8), 1)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("is_threaded", [True, False])
def test_hostile_settings_change_no_pixel(
    demo: Addresses, inputs: Path, tmp_path: Path, is_threaded: bool
) -> None:
    """All at once, from the environment and from a file; a failure names the culprit."""
    expected = run_jobs(demo, inputs, {})
    assert all(isinstance(result, tuple) for result in expected.values()), expected
    # heights, sources, years; a tile and two indexes
    assert [len(expected[name]) for name in ("layers", "tiles")] == [3, 3]
    rules = tmp_path / ".gdal" / "gdalrc"
    rules.parent.mkdir()
    lines = [f"{name}={HOSTILE[name]}" for name in PINNED]
    rules.write_text("\n".join(["[configoptions]", *lines]))
    settings = {**HOSTILE, "HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    run = functools.partial(run_jobs, demo, inputs, is_threaded=is_threaded)
    if run(settings) != expected:
        pytest.fail(f"{find_culprits(run, settings, expected) or 'several together'} change pixels")


def test_every_setting_has_a_hostile_value() -> None:
    assert all(HOSTILE.get(name) for name in (*PINNED, *HIDDEN, *OWN_DATA))


def test_damaged_tile_is_never_zero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GTIFF_IGNORE_READ_ERRORS, which some programs set, turns it into heights of 0 m."""
    path = tmp_path / "file.tif"
    write_cog(path, compress="deflate")
    with rasterio.open(path) as dataset:
        start = int(dataset.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", 1))
    content = bytearray(path.read_bytes())
    content[start + 20 : start + 200] = bytes(180)
    client = Bytes(bytes(content))

    def decode() -> None:
        with pytest.raises(SourceError, match="cannot be decoded"):
            CogSource(probe_cog(URL, client), client).fetch(Window(0, 0, 9, 9)).decode()

    with rasterio.Env(GTIFF_IGNORE_READ_ERRORS="YES"):
        decode()
    # not within rasterio's context, which would keep it as an option when the variable is gone
    monkeypatch.setenv("GTIFF_IGNORE_READ_ERRORS", "YES")
    decode()


def test_threads_are_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GTIFF_POINT_GEO_IGNORE", "YES")
    with pinned_gdal(), thread_pool(1, "test") as pool:
        assert pool.submit(get_gdal_config, "GTIFF_POINT_GEO_IGNORE").result() == "NO"
    monkeypatch.delenv("GTIFF_POINT_GEO_IGNORE")
    with rasterio.Env():  # nor does the variable stay as an option when it is gone
        assert get_gdal_config("GTIFF_POINT_GEO_IGNORE") is None


def test_settings_of_the_program_return(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the environment, of rasterio, of pyogrio, and the size of GDAL's cache."""
    monkeypatch.setenv("GDAL_SKIP", "JPEG")
    with rasterio.Env(GDAL_CACHEMAX=50_000_000, GTIFF_DIRECT_IO="YES"):
        pyogrio.set_gdal_config_options({"OGR_ARC_STEPSIZE": "9"})
        with pinned_gdal(), pinned_pyogrio():
            assert "GDAL_SKIP" not in os.environ
            assert get_variable("GDAL_SKIP") == "JPEG"
            assert get_gdal_config("GDAL_CACHEMAX") == GDAL_CACHE_BYTES
            assert get_gdal_config("GTIFF_DIRECT_IO") == "NO"
            assert pyogrio.get_gdal_config_option("OGR_ARC_STEPSIZE") == "0.5"
        assert os.environ["GDAL_SKIP"] == "JPEG"
        assert get_gdal_config("GDAL_CACHEMAX") == 50_000_000
        assert get_gdal_config("GTIFF_DIRECT_IO") == "YES"
        assert pyogrio.get_gdal_config_option("OGR_ARC_STEPSIZE") == 9
        pyogrio.set_gdal_config_options({"OGR_ARC_STEPSIZE": None})


@pytest.mark.parametrize(
    "call",
    [
        lambda: hrdem.plan(bbox=(-75.7, 45.4, -75.6, 45.5), product="dtm"),
        lambda: hrdem.tile_job(bbox=(-75.7, 45.4, -75.6, 45.5), product="dtm", output="tiles"),
        lambda: hrdem.sample([(-75.7, 45.4)], product="dtm"),
        lambda: shift_grid().__enter__(),
    ],
    ids=["plan", "tile_job", "sample", "demo"],
)
def test_setting_that_cannot_be_pinned_is_named(call: Callable[[], object]) -> None:
    with (
        rasterio.Env(OGR_CT_OP_SELECTION="FIRST_MATCHING"),
        pytest.raises(RequestError, match="OGR_CT_OP_SELECTION is FIRST_MATCHING"),
    ):
        call()


@pytest.mark.slow(each=True)
@pytest.mark.parametrize(("variable", "skipped"), [("GDAL_SKIP", "GTiff"), ("OGR_SKIP", "GeoJSON")])
def test_missing_formats_are_named(variable: str, skipped: str) -> None:
    """A program that has loaded the libraries without them has to start again."""
    program = (
        "import pyogrio, rasterio, hrdem\n"
        "rasterio.Env().__enter__()\n"
        "try:\n"
        "    hrdem.plan(aoi=hrdem.__file__, aoi_crs='EPSG:4326', product='dtm')\n"
        "finally:\n"
        "    print(*rasterio.Env().drivers())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, variable: skipped},
        capture_output=True,
        text=True,
    )
    if skipped in done.stdout.split() and variable == "GDAL_SKIP":
        pytest.skip(f"rasterio {rasterio.__version__} loads skipped formats later")
    assert f"no driver for {skipped}. Unset GDAL_SKIP" in done.stderr.splitlines()[-1]


def test_data_of_another_proj_are_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PROJ_DATA", str(tmp_path))
    assert parse_crs("EPSG:2959").to_epsg() == 2959
    assert os.environ["PROJ_DATA"] == str(tmp_path)


@pytest.mark.slow
def test_data_that_proj_cannot_read_are_named(tmp_path: Path) -> None:
    """Where rasterio brings no data, as in conda. GDAL keeps CRSs: a new process has none."""
    program = (
        "from pathlib import Path; from hrdem.runtime import gdal_env; "
        "gdal_env.BUNDLED_PROJ_DATA = Path('none'); "
        "import hrdem; hrdem.plan(bbox=(-75.7, 45.4, -75.6, 45.5), product='dtm')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PROJ_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert f"Unset PROJ_DATA ({tmp_path})" in done.stderr.splitlines()[-1]
