"""Tiles open as one raster: the VRT in every GDAL and in QGIS, the tile index since GDAL 3.9."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hrdem.http.run_context import RunContext
from hrdem.jobs.read_pixels import read_pixels
from hrdem.tiling.folder_store import FolderStore
from hrdem.tiling.index.tile_index import TILE_INDEX_NAME
from hrdem.tiling.index.vrt import VRT_NAME
from hrdem.tiling.index.write_index import write_index
from hrdem.tiling.journal import read_states
from tests.readers.conftest import report_missing
from tests.readers.programs import PROGRAMS, Program
from tests.stores import Store
from tests.tiling.tilings import make_job, publish_relief, write_tiles

GDALS = [program for program in PROGRAMS if program.name.startswith(("GDAL", "QGIS"))]
HAVE_TILE_INDEXES = {"GDAL 3.9.3", "GDAL 3.10.3", "GDAL 3.12.2"}


@pytest.mark.parametrize("program", GDALS, ids=lambda program: program.name)
def test_tiles_are_one_raster(program: Program, store: Store, tmp_path: Path) -> None:
    if not program.needs.exists():
        report_missing(program.name)
    publish_relief(store)
    job, tiles = make_job(store), FolderStore(tmp_path / "tiles")
    write_tiles(job, tiles, store)
    write_index(job, tiles, read_states(job, tiles))
    expected, _ = read_pixels(job.plan, job.plan.grid.window, None, RunContext(store))
    names = [VRT_NAME, *([TILE_INDEX_NAME] if program.name in HAVE_TILE_INDEXES else [])]
    paths = [tiles.root / name for name in names]
    for reading in program.read(paths, tmp_path / "out").values():
        assert reading.pixels is not None, reading.described
        np.testing.assert_array_equal(reading.pixels[0], expected)
        left, _, _, top = job.plan.grid.bounds
        described = reading.described
        assert (described["left"], described["top"], described["nodata"]) == (left, top, -32767)
        assert "3979" in str(described["crs"])
