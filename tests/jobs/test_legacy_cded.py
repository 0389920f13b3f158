"""Cells of CDED from a small terrain, as GDAL reads them."""

from __future__ import annotations

import shutil
import subprocess
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

import hrdem
from hrdem.errors import NoDataError, OutputExistsError, RequestError
from hrdem.http.run_context import RunContext
from hrdem.jobs.legacy_cded import CdedSet
from hrdem.jobs.staged_heights import stage_heights
from hrdem.legacy.cded.cells import make_sheet_grid
from hrdem.legacy.cded.coverage import CellCoverage
from hrdem.legacy.heights import make_height_request
from hrdem.legacy.sampling import CDED_SAMPLING
from hrdem.request.aoi.nts import parse_sheet
from hrdem.runtime.progress import Progress
from tests.planes import TO_NATIVE, Plane, publish
from tests.shift_grids import write_grid
from tests.stores import REFUSING, Store

# 031K01: 76.5-76 W, 46-46.25 N; the shared profile is at 76.25 W
STEP = 0.75 / 3600
LON = -76.5 + np.arange(2401) * STEP
LAT = 46.25 - np.arange(1201) * STEP
VOID = -32767
AROUND_SHEET = Affine(1 / 30, 0, -77, 0, -1 / 30, 46.5)  # 2' nodes of shifts
CENTRE = "Ontario Ministry of Natural Resources"
SHIFT = 0.25  # metres from CGVD2013 to CGVD28
HIDDEN_WEST, HIDDEN_SOUTH = -76.4, 46.1  # the terrain has a hole to the west and south of this
PLANE = Plane(height=300, x=1_500_000, y=-40_000, slope_x=0.004, slope_y=-0.0015)


def expected_heights() -> tuple[np.ndarray, np.ndarray]:
    """Return the whole metres at the nodes of the sheet, and which do not hang on a rounding."""
    exact = PLANE(*TO_NATIVE(*np.meshgrid(LON, LAT))) + SHIFT
    return np.floor(exact + 0.5), np.abs((exact + 0.5) % 1 - 0.5) < 0.499


@pytest.fixture(scope="module")
def shifts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A grid whose shift is the same everywhere around the sheet."""
    path = tmp_path_factory.mktemp("grid") / "shifts.tif"
    return write_grid(path, np.full((20, 40), int(1000 * SHIFT)), transform=AROUND_SHEET)


@pytest.fixture(scope="module")
def terrain() -> Iterator[Store]:
    hole = shapely.box(-76.6, 45.9, HIDDEN_WEST, HIDDEN_SOUTH)
    with publish(PLANE, shapely.box(-76.52, 45.98, -75.98, 46.27), hole) as store:
        yield store


def make(store: Store, shifts: Path, output: Path, **params: Any) -> list[CdedSet]:
    settings = {
        "nts": "031K01", "collection": "30m", "fill": "", "vertical_grid": shifts,
        "no_cache": True, "surveys": False,
    }  # fmt: skip
    return hrdem.legacy_cded(**{**settings, **params}, output=output, http=store)


def read_cell(archive: Path, name: str) -> np.ndarray:
    with rasterio.open(f"zip://{archive}!{name}") as dataset:
        return dataset.read(1)


@pytest.fixture(scope="module")
def made(terrain: Store, shifts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip of the sheet."""
    folder = tmp_path_factory.mktemp("made")
    (cded,) = make(terrain, shifts, folder, centre="OMNR")
    return cded.output


@pytest.mark.slow
def test_gdal_reads_the_terrain_at_the_nodes(made: Path) -> None:
    """In whole metres of CGVD28, halves up, and void where the source has none."""
    expected, certain = expected_heights()
    lon, lat = np.meshgrid(LON, LAT)
    void = (lon < HIDDEN_WEST - 0.001) & (lat < HIDDEN_SOUTH - 0.001)
    known = (lon > HIDDEN_WEST + 0.001) | (lat > HIDDEN_SOUTH + 0.001)
    for name, columns in (("031k01_w.dem", slice(0, 1201)), ("031k01_e.dem", slice(1200, 2401))):
        heights = read_cell(made, name)
        sure = (known & certain)[:, columns]
        assert sure.sum() > 1_000_000
        np.testing.assert_array_equal(heights[sure], expected[:, columns][sure])
        assert (heights[void[:, columns]] == VOID).all()


@pytest.mark.slow
def test_gdal_reads_the_computed_heights_bit_for_bit(
    terrain: Store, made: Path, tmp_path: Path
) -> None:
    sheet = parse_sheet("031K01")
    grid = make_sheet_grid(sheet)
    request = make_height_request(
        shapely.box(*sheet.bounds), CDED_SAMPLING[50_000], collection="30m", fill=""
    )
    context = RunContext(terrain, tmp_path)
    metres, _ = stage_heights(request, context, lambda staged: staged.read(grid, grid.window))
    computed = np.where(np.isnan(metres), VOID, np.floor(metres + SHIFT + 0.5))
    for half, columns in (("w", slice(0, 1201)), ("e", slice(1200, 2401))):
        found = read_cell(made, f"031k01_{half}.dem")
        np.testing.assert_array_equal(found, computed[:, columns])


@pytest.mark.slow
def test_a_sheet_that_is_made_conforms_and_is_converted_unchanged(
    made: Path, tmp_path: Path
) -> None:
    """By the two cells as GDAL reads them; they share a column."""
    assert hrdem.legacy_check(made).conforms
    converted = hrdem.legacy_convert(made, output=tmp_path / "sheet.tif")
    west, east = (read_cell(made, f"031k01_{half}.dem") for half in "we")
    with rasterio.open(converted.output) as dataset:
        np.testing.assert_array_equal(dataset.read(1), np.hstack([west, east[:, 1:]]))
        assert (dataset.crs.to_epsg(), dataset.nodata) == (4269, VOID)
        assert dataset.xy(0, 0) == pytest.approx((-76.5, 46.25), abs=1e-9)
        assert dataset.xy(1200, 2400) == pytest.approx((-76, 46), abs=1e-9)
    assert converted.unequal_nodes == 0


@pytest.mark.slow
def test_gdal_places_the_nodes(made: Path) -> None:
    with rasterio.open(f"zip://{made}!031k01_e.dem") as dataset:
        assert dataset.crs.to_epsg() == 4269
        assert dataset.nodata == VOID
        assert dataset.xy(0, 0) == pytest.approx((-76.25, 46.25), abs=1e-9)
        assert dataset.xy(1200, 1200) == pytest.approx((-76, 46), abs=1e-9)


@pytest.mark.slow
def test_both_cells_have_the_profile_between_them(made: Path) -> None:
    west, east = (read_cell(made, f"031k01_{half}.dem") for half in "we")
    np.testing.assert_array_equal(west[:, -1], east[:, 0])


@pytest.mark.slow
def test_voids_are_in_the_header(made: Path) -> None:
    with zipfile.ZipFile(made) as packed:
        headers = [packed.read(f"031k01_{half}.dem")[:1024].decode() for half in "we"]
    share = round(100 * (read_cell(made, "031k01_w.dem") == VOID).mean())
    assert 15 < share < 17  # 0.1 x 0.1 of 0.25 x 0.25 degrees
    assert [each[886:888] for each in headers] == [" 2", " 0"]
    assert [each[896:900] for each in headers] == [f"{share:4}", "   0"]


@pytest.mark.slow
def test_metadata_are_beside_the_cells(made: Path) -> None:
    with zipfile.ZipFile(made) as packed:
        assert packed.namelist() == ["031k01_e.dem", "031k01_meta.xml", "031k01_w.dem"]
        root = ET.fromstring(packed.read("031k01_meta.xml"))
    assert root.findtext("idinfo/citation/citeinfo/title") == "CDED1-031K01"
    assert root.findtext("metainfo/metc/cntinfo/cntorgp/cntorg") == CENTRE
    process = root.findtext("dataqual/lineage/procstep/procdesc", "")
    assert "with the grid shifts.tif" in process
    assert "Lakes and rivers are left as they are." in process


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("gdal_translate") is None, reason="needs gdal_translate")
def test_the_gdal_of_the_system_reads_the_same(made: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.tif"
    source = f"/vsizip/{made}/031k01_w.dem"
    subprocess.run(["gdal_translate", "-q", source, copy], check=True)
    with rasterio.open(copy) as dataset:
        np.testing.assert_array_equal(dataset.read(1), read_cell(made, "031k01_w.dem"))


@pytest.mark.slow
def test_loose_cells_with_line_ends_and_a_border(
    terrain: Store, shifts: Path, tmp_path: Path
) -> None:
    """The border runs through the eastern cell; what is void is told before anything is there."""
    border = tmp_path / "canada.geojson"
    border.write_text(shapely.to_geojson(shapely.box(-80, 40, -76.1, 50)))
    entries = tmp_path / "entries.toml"
    entries.write_text('purpose = "Radio"\n[031K01]\nnts_50k_2 = "031K02"\n')
    told: list[CellCoverage] = []
    seen: list[Progress] = []

    def note(coverage: CellCoverage) -> None:
        assert not (tmp_path / "cells").exists()
        told.append(coverage)

    (cded,) = make(
        terrain,
        shifts,
        tmp_path / "cells",
        border=border,
        unpacked=True,
        records="lf",
        naming="purchaser",
        data_edition="2.1",
        centre="OMNR,CTI-O",
        metadata=entries,
        on_coverage=note,
        on_progress=seen.append,
    )
    assert seen[-1].pixels == seen[-1].total_pixels > 2401 * 1201
    assert cded.output == tmp_path / "cells" / "031k01"
    names = ["031k01_0201deme.dem", "031k01_0201demw.dem"]
    assert sorted(path.name for path in cded.output.glob("*.dem")) == names
    metadata = ET.parse(cded.output / "031k01_meta.xml")
    assert metadata.findtext("idinfo/descript/purpose") == "Radio"
    assert metadata.findtext("idinfo/citation/citeinfo/origin") == "OMNR, CTI-O"
    assert metadata.findtext("idinfo/citation/citeinfo/edition") == "2.01"
    places = [each.text for each in metadata.iterfind("idinfo/keywords/place/placekey")]
    assert places[2] == "031K02"
    content = (cded.output / names[0]).read_bytes()
    assert len(content) == 9_609 * 1025
    assert content[1024::1025] == b"\n" * 9_609
    assert content[892:896] == b"2121"
    with rasterio.open(cded.output / names[0]) as dataset:
        east = dataset.read(1)
    outside = LON[1200:] > -76.1 + 1e-9
    assert (east[:, outside] == VOID).all()
    assert (east[:, :-481] != VOID).all()  # 480 spacings of 0.75 seconds in 0.1 degrees
    west_cell, east_cell = told
    assert cded.coverage == (west_cell, east_cell)
    assert (west_cell.outside, east_cell.inside) == (0, 0)
    assert east_cell.outside == np.count_nonzero(outside) * 1201


@pytest.mark.slow
def test_water_has_one_height_a_lake_and_the_sea_none(
    terrain: Store, shifts: Path, made: Path, tmp_path: Path
) -> None:
    """A lake in both cells and in the next sheet, and a sea that fills a part of the void."""
    lake = shapely.box(-76.27005, 46.20005, -76.23005, 46.26005)  # between nodes
    sea = shapely.box(-76.45005, 45.99, -76.40005, 46.05005)
    for name, polygon in (("lake", lake), ("sea", sea)):
        (tmp_path / f"{name}.geojson").write_text(shapely.to_geojson(polygon))
    files = {"lakes": tmp_path / "lake.geojson", "sea": tmp_path / "sea.geojson"}
    (cded,) = make(terrain, shifts, tmp_path / "cells", **files)
    assert cded.lakes
    assert cded.lakes.as_dict()["lakes"] == 1

    rows = np.arange(np.ceil(46.20005 / STEP), 46.26005 / STEP)  # of the whole lake
    nodes = np.meshgrid(LON[(LON > -76.27005) & (LON < -76.23005)], rows * STEP)
    whole = np.floor(PLANE(*TO_NATIVE(*nodes)) + SHIFT + 0.5)
    height = np.percentile(whole, 25, method="lower")
    in_lake, in_sea = (shapely.contains_xy(each, *np.meshgrid(LON, LAT)) for each in (lake, sea))
    for half, columns in (("w", slice(0, 1201)), ("e", slice(1200, 2401))):
        expected = read_cell(made, f"031k01_{half}.dem")
        assert (expected[in_lake[:, columns]] != height).any()
        expected[in_lake[:, columns]] = height
        expected[in_sea[:, columns]] = 0
        found = read_cell(cded.output, f"031k01_{half}.dem")
        np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
@pytest.mark.long
def test_nodes_without_a_shift_are_refused_unless_they_are_outside_the_border(
    terrain: Store, tmp_path: Path
) -> None:
    """The shifts end within the eastern cell."""
    short = write_grid(tmp_path / "s.tif", np.full((20, 25), 250), transform=AROUND_SHEET)
    edge = -77 + 24.5 / 30  # its last node
    with pytest.raises(NoDataError, match=r"s\.tif has no shift .* nodes of 031K01"):
        make(terrain, short, tmp_path / "a")
    assert not (tmp_path / "a").exists()
    border = tmp_path / "canada.geojson"
    border.write_text(shapely.to_geojson(shapely.box(-80, 40, edge, 50)))
    (cded,) = make(terrain, short, tmp_path / "b", border=border)
    assert cded.coverage[1].inside == 0


def test_a_sheet_outside_the_border_is_refused_before_any_work(
    shifts: Path, tmp_path: Path
) -> None:
    border = tmp_path / "elsewhere.geojson"
    border.write_text(shapely.to_geojson(shapely.box(-80, 40, -79, 41)))
    with pytest.raises(NoDataError, match="No node of 031K01 is inside the `border`"):
        make(REFUSING, shifts, tmp_path / "out", border=border)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_dry_run_writes_nothing(terrain: Store, shifts: Path, tmp_path: Path) -> None:
    small, large = make(terrain, shifts, tmp_path / "out", nts="031K01,031K", dry_run=True)
    assert small.output == tmp_path / "out" / "031k01.zip"
    assert large.files == ("031k_w.dem", "031k_e.dem", "031k_meta.xml")
    assert small.estimate
    assert small.estimate.output_bytes == 2 * 9_839_616
    assert small.as_dict()["written"] is False
    assert small.plan.request.aoi.label == "NTS 031K01"
    assert not (tmp_path / "out").exists()


def test_an_existing_set_is_refused_before_any_work(shifts: Path, tmp_path: Path) -> None:
    (tmp_path / "031k02.zip").write_bytes(b"mine")
    with pytest.raises(OutputExistsError, match=r"031k02\.zip exists"):
        make(REFUSING, shifts, tmp_path, nts="031K01,031K02")
    assert [path.name for path in tmp_path.iterdir()] == ["031k02.zip"]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"nts": "031K17"}, "have the numbers 1 to 16"),
        ({"nts": "121A01"}, "CDED covers 141-52 W"),
        ({"nts": "-76.2,46.1"}, "The point is on 031K01"),
        ({"nts": (-76.2, 46.1)}, "The point is on 031K01"),
        ({"nts": ["031K01", 5]}, "5 is not a text"),
        ({"border": "missing.geojson"}, "missing"),
        ({"data_edition": "1.10"}, "Give it like 1.0"),
        ({"centre": "OMNR,CFSSM"}, "Did you mean CFS-SSM"),
        ({"origin": "ONT"}, "`origin` cannot be 'ONT'"),
        ({"max_memory": "100MB"}, "240"),
        ({"metadata": "no.toml"}, "no.toml"),
        ({"records": "splat"}, "cells of a degree by a degree, and those of 031K01 are others"),
        ({"records": "splat", "nts": "117A"}, "those of 117A are others"),
        pytest.param(
            {"offline": True, "no_cache": False, "surveys": True},
            "`offline` reads only the cache",
        ),
        ({"via": "vrt"}, "`via=vrt` reads full resolution"),
    ],
)
def test_invalid_requests_are_refused_before_any_work(
    params: dict[str, Any], message: str, shifts: Path, tmp_path: Path
) -> None:
    with pytest.raises(RequestError, match=message):
        make(REFUSING, shifts, tmp_path / "out", **params)
    assert not (tmp_path / "out").exists()
