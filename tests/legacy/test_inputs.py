"""DEMs in files, archives and folders are found; archives have both cells of one sheet."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from rasterio.crs import CRS

from hrdem.errors import RequestError
from hrdem.legacy import inputs
from hrdem.legacy.inputs import open_inputs
from tests.legacy_dems import make_ascii, make_bc_dem, make_cell, write, write_zip

HEIGHTS = np.arange(20, dtype=np.int16).reshape(4, 5)
CELL = make_cell(HEIGHTS)
ALBERS = CRS.from_epsg(3005).to_wkt(version="WKT1_ESRI").encode()


def labels(*paths: Path, **params) -> list[str]:
    return [raster.file.label for raster in open_inputs(paths, **params)]


@pytest.mark.parametrize(
    ("archive", "members"),
    [
        ("031k01.zip", ["031k01_e.dem", "031k01_w.dem"]),
        ("011G13_1071673780004.zip", ["011g13_0100_deme.dem", "011g13_0100_demw.dem"]),
        ("011G13_1071673780005.zip", ["011g13_0100deme.dem", "011g13_0100demw.dem"]),
        ("031k.zip", ["031K/031K_E.DEM", "031K/031K_W.DEM"]),
        ("082g01_e.dem.zip", ["082g01_e.dem"]),
        ("mine.zip", ["mine.dem"]),
    ],
)
def test_archives_of_both_namings_and_of_geobc_are_opened(
    tmp_path: Path, archive: str, members: list[str]
) -> None:
    path = write_zip(tmp_path / archive, {"meta.xml": b"<x/>"} | dict.fromkeys(members, CELL))
    names = [member.rpartition("/")[2] for member in members]
    assert labels(path) == [f"{name} in {archive}" for name in names]
    for raster in open_inputs([path]):
        assert np.array_equal(raster.read(), HEIGHTS)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([], "a.zip has no DEM: no file in it ends in .dem or .asc. Give another archive."),
        (["031k01_e.dem"], "a.zip has cells of 031K01 by half, the eastern one; CDED has"),
        (["031k_0100_demw.dem"], "a.zip has cells of 031K by half, the western one; CDED has"),
        (
            ["031k01_e.dem", "031k01_w.dem", "031k02_e.dem", "031k02_w.dem"],
            "a.zip has cells of 2 sheets, 031K01 to 031K02, not of one; CDED has the western and",
        ),
        (
            ["031k01_0100_deme.dem", "031k01_0200_deme.dem", "031k01_0100_demw.dem"],
            "a.zip has cells of 031K01 more than once; CDED has the western and the eastern cell",
        ),
    ],
)
def test_an_archive_with_other_than_one_sheet_is_refused(
    tmp_path: Path, members: list[str], said: str
) -> None:
    path = write_zip(tmp_path / "a.zip", {"meta.xml": b"<x/>"} | dict.fromkeys(members, CELL))
    with pytest.raises(RequestError, match=re.escape(said)):
        open_inputs([path])


def test_a_folder_is_searched_at_any_depth(tmp_path: Path) -> None:
    """As people keep them: GeoBC's archives of one cell, files, and archives of other things."""
    write(tmp_path / "readme.txt", b"x")
    for name in ("082g01_e", "082g01_w"):
        folder = tmp_path / "082" / "g"
        folder.mkdir(parents=True, exist_ok=True)
        write_zip(folder / f"{name}.dem.zip", {f"{name}.dem": CELL})
    write_zip(tmp_path / "photos.zip", {"a.jpg": b"x"})
    write(tmp_path / "key.asc", b"-----BEGIN PGP PUBLIC KEY BLOCK-----")
    write(tmp_path / "031" / "K" / "031K01_E.DEM", CELL)
    assert labels(tmp_path) == [
        "031K01_E.DEM",
        "082g01_e.dem in 082g01_e.dem.zip",
        "082g01_w.dem in 082g01_w.dem.zip",
    ]


def test_a_file_of_a_folder_that_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever runs the tests may be allowed to read everything."""
    write(tmp_path / "old.asc", make_ascii(HEIGHTS, 12.5, 12.5))
    read = Path.open

    def refuse(path: Path, *arguments, **more):
        if path.name == "old.asc":
            raise PermissionError(13, "Permission denied")
        return read(path, *arguments, **more)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(RequestError, match=r"old\.asc cannot be read: .*Check its permissions\."):
        open_inputs([tmp_path])


def test_each_file_is_opened_once(tmp_path: Path) -> None:
    path = write(tmp_path / "031k01_e.dem", CELL)
    assert labels(path, tmp_path, path) == ["031k01_e.dem"]


def test_slopes_of_a_bc_set_are_left_out_of_a_folder_only(tmp_path: Path) -> None:
    """The folder is that of a set: its elevations are the same in two formats."""
    for variant in ("elevation", "slope-pct", "slope-deg", "aspect"):
        write(tmp_path / f"92b-albers-{variant}.asc", make_ascii(HEIGHTS, 12.5, 12.5))
    dem = make_bc_dem(HEIGHTS, 25, 25, albers=True)
    write(tmp_path / "92b-albers-elevation.dem", dem)
    opened = open_inputs([tmp_path])
    assert [raster.file.name for raster in opened] == [
        "92b-albers-elevation.asc",
        "92b-albers-elevation.dem",
    ]
    assert opened[0].grid == opened[1].grid
    (slopes,) = open_inputs([tmp_path / "92b-albers-slope-pct.asc"])
    assert (slopes.theme, slopes.unit, slopes.vertical_datum) == ("slope-pct", "percent", "")


def test_a_prj_beside_a_file_is_found_in_an_archive_too(tmp_path: Path) -> None:
    grid = make_ascii(HEIGHTS, 12.5, 12.5)
    path = write_zip(tmp_path / "a.zip", {"sub/old.asc": grid, "sub/old.prj": ALBERS})
    write(tmp_path / "old.asc", grid)
    write(tmp_path / "old.prj", ALBERS)
    for each in (path, tmp_path / "old.asc"):
        (raster,) = open_inputs([each])
        assert raster.grid.crs == "EPSG:3005"


def test_an_ascii_grid_without_a_crs_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"old.asc": make_ascii(HEIGHTS, 12.5, 12.5)})
    with pytest.raises(RequestError) as caught:
        open_inputs([path])
    assert str(caught.value) == (
        "old.asc has no CRS, as no ESRI ASCII grid has, and there is no .prj beside it. Give its "
        "CRS as `crs`, for example `crs=EPSG:3005` (BC Albers) or `crs=EPSG:26910` (UTM zone 10)."
    )
    (raster,) = open_inputs([path], "EPSG:3005")
    assert raster.grid.crs == "EPSG:3005"


def test_a_crs_that_contradicts_a_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "031k01_e.dem", CELL)
    assert open_inputs([path], "EPSG:4617")[0].grid.crs == "EPSG:4269"  # equal coordinates
    write(tmp_path / "old.prj", ALBERS)
    grid = make_ascii(HEIGHTS, 12.5, 12.5)
    for name, content, where, given in (
        ("031k01_e.dem", CELL, "EPSG:4269 by its header", "EPSG:3005"),
        ("92b-albers-elevation.asc", grid, "EPSG:3005 by its name", "EPSG:26910"),
        ("old.asc", grid, r"EPSG:3005 by old\.prj", "EPSG:26910"),
    ):
        said = rf"{name} is in {where}, but `crs` is {given}\. Leave `crs` out"
        with pytest.raises(RequestError, match=said):
            open_inputs([write(tmp_path / name, content)], given)


def test_a_file_is_what_its_content_is(tmp_path: Path) -> None:
    for name, content in (
        ("old.txt", make_ascii(HEIGHTS, 12.5, 12.5)),
        ("old", make_bc_dem(HEIGHTS, 25, 25, albers=True)),
    ):
        (raster,) = open_inputs([write(tmp_path / name, content)], "EPSG:3005")
        assert np.array_equal(raster.read(), HEIGHTS)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "old.tif",
            b"II*\0" + bytes(2_000),
            r"old\.tif is not text, as older DEMs are\. Give USGS",
        ),
        ("old.asc", b"", r"old\.asc is not an ESRI ASCII grid: its header has no ncols"),
        ("old.dem", b" " * 2_000, r"old\.dem is not a USGS DEM that can be read: bytes 145 to 150"),
    ],
)
def test_a_file_of_another_kind_is_refused(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    with pytest.raises(RequestError, match=said):
        open_inputs([write(tmp_path / name, content)])


def test_nothing_is_refused_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RequestError, match=r"No DEM was given\. Give files, archives or folders\."):
        open_inputs([])
    with pytest.raises(RequestError, match=r"There is no file gone\.dem\. Check the path"):
        open_inputs(["gone.dem"])
    with pytest.raises(RequestError, match=r"\S+ has no DEM: no file in it ends in \.dem or \.asc"):
        open_inputs([tmp_path])
    for number in range(3):
        write(tmp_path / f"{number}.dem", CELL)
    monkeypatch.setattr(inputs, "MAX_FILES", 2)
    with pytest.raises(RequestError, match=r"\S+ has more than 2 DEMs and archives\. Give a small"):
        open_inputs([tmp_path])


@pytest.mark.parametrize("keep", [0, 500, 1024, 1100, 2500, -1000])
def test_a_file_that_is_cut_anywhere_is_refused_with_a_sentence(tmp_path: Path, keep: int) -> None:
    path = write(tmp_path / "031k01_e.dem", bytes(CELL)[:keep])
    with pytest.raises(RequestError, match=r"^031k01_e\.dem .*\.$"):
        open_inputs([path])[0].read()
