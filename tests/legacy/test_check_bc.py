"""Files of BC sets are judged against BC 2.0, and against the elevations of their set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyproj
import pytest

from hrdem.errors import RequestError
from hrdem.jobs.legacy_check import check_path
from hrdem.legacy.bc.blocks import Projection
from hrdem.legacy.bc.names import FileName
from hrdem.legacy.check.bc_place import BcGrid, find_mask
from hrdem.legacy.check.bc_relief import (
    Normals,
    recompute_aspect,
    recompute_brightness,
    recompute_colour,
    recompute_slope_degrees,
    recompute_slope_percent,
)
from hrdem.legacy.check.finding import CheckReport, Level
from hrdem.request.options import Edition
from tests.bc_bytes import VOID, BcSet, tiff
from tests.cded_bytes import d24, e12, i, write_zip

ROWS, COLUMNS = 30, 40
WEST, SOUTH = 772_400, 1_610_000  # across the western edge of 104P in BC Albers, 130 W
ALBERS_104P = FileName("104p", Projection.ALBERS, "elevation", "asc")


def find_longitudes() -> np.ndarray:
    """Return the longitude of each pixel, by PROJ."""
    x, y = np.meshgrid(
        WEST + 25 * np.arange(COLUMNS), SOUTH + 25 * np.arange(ROWS)[::-1], indexing="xy"
    )
    to_lonlat = pyproj.Transformer.from_crs("EPSG:3005", "EPSG:4269", always_xy=True)
    longitudes, latitudes = to_lonlat.transform(x, y)
    assert (latitudes > 59).all()
    assert (latitudes < 60).all()
    return np.asarray(longitudes)


def make_set(projection: str = "albers") -> BcSet:
    """Return hills beside level ground, void outside the block in Albers."""
    row, column = np.mgrid[0 : ROWS + 2, 0 : COLUMNS + 2]
    heights = np.round(900 + 300 * np.sin(row / 5) * np.cos(column / 7) + 9 * column).astype(int)
    heights[20:, 25:] = 0
    albers = BcSet(WEST, SOUTH, heights, find_longitudes() < -130)
    if projection == "albers":
        return albers
    none = np.zeros((ROWS, COLUMNS), bool)
    return replace(albers, west=450_000, south=6_600_000, void=none, projection="utm", north=0)


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def check(folder: Path, files: dict[str, bytes], edition: Edition | None = None) -> CheckReport:
    return check_path(write(folder, files), edition)


def errors(report: CheckReport) -> dict[tuple[str, str], str]:
    """Return what is wrong, by file and rule, but for what these small files cannot have."""
    return {
        (each.file, each.rule): each.found
        for each in report.findings
        if each.level is Level.ERROR and each.rule != "extent" and "files of" not in each.rule
    }


def test_a_set_that_follows_every_clause_has_no_other_error(tmp_path: Path) -> None:
    files = {**make_set().files(), **make_set("utm").files()}
    assert len(files) == 26
    report = check(tmp_path, files)
    assert errors(report) == {}
    assert set(report.editions.values()) == {Edition.BC_2_0}
    assert set(report.editions) == {*files, tmp_path.name}
    recomputed = [each.rule for each in report.findings if " from 104p-" in each.rule]
    assert len(recomputed) == 2 * 7
    extents = [each for each in report.findings if each.rule == "extent"]
    assert {each.level for each in extents} == {Level.ERROR}  # of .dem and .asc: they are small


def test_a_set_in_an_archive_is_checked_as_one(tmp_path: Path) -> None:
    good = make_set()
    name = good.name("aspect", "asc")
    files = {**good.files(), name: good.change(12, 20, 1500).files()[name]}
    report = check_path(write_zip(tmp_path / "104p.zip", files))
    rule = "aspect from 104p.zip/104p-albers-elevation.asc"
    assert list(errors(report)) == [(f"104p.zip/{name}", rule)]


def test_both_projections_are_named_if_files_are_missing(tmp_path: Path) -> None:
    files = make_set().files()
    del files["104p-albers-aspect.asc"]
    report = check(tmp_path, files)
    found = {each.rule: each.found for each in report.findings if "files of" in each.rule}
    assert found["files of 104p in albers"] == "12, without 104p-albers-aspect.asc"
    assert found["files of 104p in utm"].startswith("0, without 104p-utm-elevation.dem, ")


@pytest.mark.parametrize(
    ("variant", "rule", "found"),
    [
        ("slope-pct", "slope-pct", "instead of"),
        ("slope-deg", "slope-deg", "instead of"),
        ("aspect", "aspect", "instead of"),
    ],
)
def test_products_of_other_heights_are_found(
    tmp_path: Path, variant: str, rule: str, found: str
) -> None:
    """One height is another one: four neighbours have other slopes and aspects."""
    good = make_set()
    name = good.name(variant, "asc")
    files = {**good.files(), name: good.change(12, 20, 1500).files()[name]}
    ((key, text),) = errors(check(tmp_path, files)).items()
    assert key == (name, f"{rule} from 104p-albers-elevation.asc")
    assert text.startswith("4 of ")
    assert found in text
    assert "in row 12, column 21" in text


@pytest.mark.parametrize("kind", ["bw", "clr"])
def test_pictures_of_other_heights_are_found(tmp_path: Path, kind: str) -> None:
    good = make_set()
    name = good.name(f"hillshd-{kind}-225", "tif")
    files = {**good.files(), name: good.change(12, 20, 1500).files()[name]}
    found = errors(check(tmp_path, files))
    what = {"bw": "brightness", "clr": "colour"}[kind]
    expected = {(name, f"{what} from 104p-albers-elevation.asc")}
    if kind == "bw":  # the coloured one was mixed with the brightness that is right
        expected.add((good.name("hillshd-clr-225", "tif"), "colour from 104p-albers-elevation.asc"))
    assert found.keys() == expected


def test_a_colour_without_its_brightness_is_not_compared(tmp_path: Path) -> None:
    good = make_set()
    files = good.files()
    del files[good.name("hillshd-bw-225", "tif")]
    report = check(tmp_path, files)
    assert errors(report) == {}
    (note,) = (each for each in report.findings if each.found == "no pixel can be compared")
    assert note.file == good.name("hillshd-clr-225", "tif")


def test_a_hillshade_of_the_other_sun_is_found(tmp_path: Path) -> None:
    good = make_set()
    files = good.files()
    name = good.name("hillshd-bw-315", "tif")
    files[name] = files[good.name("hillshd-bw-225", "tif")]
    assert (name, "brightness from 104p-albers-elevation.asc") in errors(check(tmp_path, files))


def test_aspects_from_grid_north_are_found(tmp_path: Path) -> None:
    good = make_set()
    name = good.name("aspect", "asc")
    files = {**good.files(), name: replace(good, north=0.0).files()[name]}
    assert list(errors(check(tmp_path, files))) == [(name, "aspect from 104p-albers-elevation.asc")]


def test_numbers_that_are_rounded_down_are_a_note(tmp_path: Path) -> None:
    """The document says integral; it does not say how."""
    good = make_set("utm")
    name = good.name("slope-pct", "asc")
    down = good.derive(lambda dx, dy: int(2 * np.hypot(dx, dy)))
    report = check(tmp_path, {**good.files(), name: good.asc(down)})
    assert errors(report) == {}
    (note,) = (each for each in report.findings if "rounded down" in each.found)
    assert note.level is Level.NOTE


def test_the_dem_has_the_heights_of_the_asc(tmp_path: Path) -> None:
    good = make_set()
    name = good.name("elevation", "dem")
    files = {**good.files(), name: good.change(3, 30, 77).dem()}
    assert errors(check(tmp_path, files)) == {
        (name, "heights against 104p-albers-elevation.asc"): "1 of 1,200 differ"
    }


def test_without_the_asc_the_dem_is_what_others_are_compared_with(tmp_path: Path) -> None:
    good = make_set()
    files = good.files()
    del files[good.name("elevation", "asc")]
    name = good.name("aspect", "asc")
    files[name] = good.change(12, 20, 1500).files()[name]
    assert list(errors(check(tmp_path, files))) == [(name, "aspect from 104p-albers-elevation.dem")]


def test_values_outside_the_block_and_black_inside_are_found(tmp_path: Path) -> None:
    good = make_set()
    row, column = (int(each[0]) for each in np.nonzero(good.void))
    void = good.void.copy()
    void[row, column] = False
    wider = replace(good, void=void).files()
    dem, asc = good.name("elevation", "dem"), good.name("elevation", "asc")
    slope, picture = good.name("slope-pct", "asc"), good.name("hillshd-bw-315", "tif")
    found = errors(check(tmp_path, {**good.files(), asc: wider[asc], dem: wider[dem]}))
    assert found[asc, "mask"].startswith("1 of 1,200 pixels are not, the first in row 1, column 1")
    assert found[slope, f"no data against {asc}"].startswith("1 of 1,200 pixels are not")
    assert found[picture, f"no data against {asc}"].startswith("1 of 1,200 pixels are not")


def test_missing_source_is_a_note(tmp_path: Path) -> None:
    good = make_set("utm")
    void = good.void.copy()
    void[5:8, 5:9] = True
    report = check(tmp_path, replace(good, void=void).files())
    assert errors(report) == {}
    (note,) = (each for each in report.findings if each.level is Level.NOTE)
    assert (note.clause, note.found) == ("BC 2.0, 3.2", "12 of 1,200 pixels")


def test_missing_source_in_albers_is_counted_within_the_block(tmp_path: Path) -> None:
    good = make_set()
    inside = int(np.count_nonzero(~good.void))
    assert inside < good.void.size
    void = good.void.copy()
    void[5:8, 30:34] = True
    assert int(np.count_nonzero(~void)) == inside - 12
    report = check(tmp_path, replace(good, void=void).files())
    (note,) = (each for each in report.findings if each.level is Level.NOTE)
    assert note.found == f"12 of {inside} pixels in the block"


@pytest.mark.parametrize(
    ("offset", "content", "rule"),
    [
        (0, b"104p-utm-elevation.dem".rjust(40), "element 1, file name"),
        (40, b"GeoBC".rjust(40), "element 1, producer"),
        (80, b"x", "element 1, filler"),
        (109, b"-129 0 0.0000", "element 1, south-west corner"),
        (135, b"9", "element 1, process code"),
        (140, b"YT  ", "element 2, origin code"),
        (156, i(6, 1), "element 5, reference system"),
        (162, i(6, 9), "element 6, zone"),
        (168 + 48, d24(49), "element 7, projection parameters"),
        (528, i(6, 3), "element 8, ground unit"),
        (546, d24(0), "element 11, corners"),
        (738, d24(1), "element 12 against the heights"),
        (816, e12(30), "element 15, resolution"),
        (852, i(6, 1, 41), "element 16, rows and columns of profiles"),
        (885, b" ", "element 24, validation flag"),
        (886, b" 0", "element 25, void flag"),
        (888, b" 2", "element 26, vertical datum"),
        (890, b" 1", "element 27, horizontal datum"),
        (892, b"1020", "element 28, edition"),
        (915, b"x", "rest"),
        (1024 + 6, i(6, 2), "type B element 1, number"),
        (1024 + 24, d24(WEST + 25), "type B element 3, first node"),
        (1024 + 144, b"1     ", "type B element 6, heights"),
        (738, b"0.0E+00".rjust(24), "type A, form of real numbers"),
    ],
)
def test_each_element_of_a_dem_is_judged(
    tmp_path: Path, offset: int, content: bytes, rule: str
) -> None:
    good = make_set().dem()
    changed = good[:offset] + content + good[offset + len(content) :]
    path = tmp_path / "104p-albers-elevation.dem"
    path.write_bytes(changed)
    report = check_path(path)
    assert rule in {name for _, name in errors(report)}
    path.write_bytes(good)
    assert errors(check_path(path)) == {}


def test_angles_in_degrees_are_a_note(tmp_path: Path) -> None:
    """The table prints 50.0, and demands packed degrees, minutes and seconds."""
    printed = b"".join(map(d24, (50.0, 58.5, -126.0, 45.0)))
    path = tmp_path / "104p-albers-elevation.dem"
    path.write_bytes(make_set().dem({168 + 48: printed}))
    report = check_path(path)
    assert errors(report) == {}
    assert "element 7, projection parameters" in {
        each.rule for each in report.findings if each.level is Level.NOTE
    }


@pytest.mark.parametrize(
    ("change", "rule", "found"),
    [
        (
            lambda t: t.replace(b"nrows", b"ncols", 1).replace(b"ncols", b"nrows", 1),
            "header",
            "nrows",
        ),
        (lambda t: t.replace(b"cellsize 25", b"cellsize 30"), "cellsize", "30"),
        (lambda t: t.replace(b"-9999\n", b"-32767\n", 1), "NODATA_value", "-32767"),
        (lambda t: t.replace(b"772387.5", b"772390"), "pixel centres", "772402.5"),
        (lambda t: t.rstrip(b"\n").rpartition(b"\n")[0] + b"\n", "rows", "29 lines"),
        (lambda t: t + b"1 2\n", "rows", "2 values in line 37"),
        (lambda t: t.rstrip(b"\n") + b" 7\n", "rows", "41 values in line 36"),
        (lambda t: t.rstrip(b"\n") + b".5\n", "rows", "0.5' among the values"),
        (lambda t: t.rstrip(b"\n").replace(b" 0 0", b"\t0\t0"), "rows", "'\\t' among the values"),
        (lambda t: t.rstrip(b"\n")[:-1] + b"-\n", "rows", "a minus that is no sign"),
        (lambda t: t.rstrip(b"\n")[:-1] + b"99999\n", "range of elevation", "to 99999"),
    ],
)
def test_each_rule_of_an_ascii_grid_is_judged(
    tmp_path: Path, change, rule: str, found: str
) -> None:
    path = tmp_path / "104p-albers-elevation.asc"
    good = make_set()
    path.write_bytes(change(good.asc(good.inner)))
    assert found in errors(check_path(path))[path.name, rule]


def test_corners_as_the_example_prints_them_are_a_note(tmp_path: Path) -> None:
    good = make_set()
    path = tmp_path / "104p-albers-elevation.asc"
    text = good.asc(good.inner)
    path.write_bytes(text.replace(b"772387.5", b"772400").replace(b"1609987.5", b"1610000"))
    report = check_path(path)
    assert errors(report) == {}
    assert "xllcorner and yllcorner" in {each.rule for each in report.findings}


def test_an_ascii_grid_with_cr_and_blanks_at_the_end_of_lines_is_read(tmp_path: Path) -> None:
    good = make_set()
    path = tmp_path / "104p-albers-elevation.asc"
    path.write_bytes(good.asc(good.inner).replace(b"\n", b" \r\n").replace(b" \r", b"\r", 6))
    assert errors(check_path(path)) == {}


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"25\n0.0\n0.0\n-25\n772400\n", "lines"),
        (b"25 0.0 0.0 -25 772400 1610725\n", "lines"),
        (b"25\n0.0\n0.0\n-25\nx\n1610725\n", "lines"),
        (b"25\n0.0\n0.0\n25\n772400\n1610725\n", "pixel size and rotation"),
        (b"25\n0.0\n0.0\n-25\n772387.5\n1610737.5\n", "position"),
        (b"25\n0.0\n0.0\n-25\n772400\n1610000\n", "position against 104p-albers-elevation.asc"),
    ],
)
def test_each_rule_of_a_world_file_is_judged(tmp_path: Path, content: bytes, rule: str) -> None:
    good = make_set()
    name = good.name("hillshd-bw-315", "tfw")
    assert (name, rule) in errors(check(tmp_path, {**good.files(), name: content}))


@pytest.mark.parametrize(
    ("tags", "rule"),
    [
        ({"t259": (3, 5)}, "compression"),
        ({"t262": (3, 1)}, "pixels"),
        ({"t284": (3, 2)}, "strips"),
        ({"t34735": (3, 1)}, "georeference"),
    ],
)
def test_each_tag_of_a_picture_is_judged(tmp_path: Path, tags, rule: str) -> None:
    path = tmp_path / "104p-utm-hillshd-bw-315.tif"
    path.write_bytes(tiff(np.full((20, 9, 3), 181, np.uint8), **tags))
    assert list(errors(check_path(path))) == [(path.name, rule)]


def test_black_and_white_has_no_colour(tmp_path: Path) -> None:
    path = tmp_path / "104p-utm-hillshd-bw-315.tif"
    pixels = np.full((20, 9, 3), 181, np.uint8)
    pixels[3, 4, 1] = 9
    path.write_bytes(tiff(pixels))
    assert errors(check_path(path)) == {(path.name, "black and white"): "1 others"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("104p-utm-hillshd-bw-315.tif", b""),
        ("104p-utm-hillshd-bw-315.tif", b"II*\0" + b"\xff" * 40),
        ("104p-utm-hillshd-bw-315.tif", tiff(np.ones((9, 9, 3), np.uint8))[:-1]),
        ("104p-utm-hillshd-bw-315.tif", tiff(np.ones((9, 9, 3), np.uint8), t257=(4, 99_999))),
        ("104p-utm-hillshd-bw-315.tif", tiff(np.ones((9, 9, 3), np.uint8), t278=(4, 0))),
        ("104p-utm-aspect.asc", b""),
        ("104p-utm-aspect.asc", b"ncols 99999\nnrows 99999\n"),
        ("104p-utm-elevation.dem", b"x" * 5000),
    ],
)
def test_hostile_files_end_in_a_sentence(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(RequestError) as raised:
        check_path(path)
    assert len(str(raised.value)) < 300
    report = check_path(tmp_path)  # among the others of a set it is an error of that file
    assert (name, "file") in errors(report)


def test_names_are_lower_case_and_not_padded(tmp_path: Path) -> None:
    content = make_set("utm").tfw()
    for name in ("104P-utm-hillshd-bw-315.tfw", "092b-utm-hillshd-bw-315.tfw", "104p_a.tfw"):
        path = tmp_path / name
        path.write_bytes(content)
        assert (name, "file name") in errors(check_path(path))


def test_cded_has_no_such_files(tmp_path: Path) -> None:
    path = tmp_path / "104p-utm-hillshd-bw-315.tfw"
    path.write_bytes(make_set("utm").tfw())
    with pytest.raises(RequestError, match="is none of CDED"):
        check_path(path, Edition.CDED_2_1)


def test_the_mask_is_that_of_longitudes() -> None:
    mask = find_mask(ALBERS_104P)
    assert mask
    depth = mask.depth(BcGrid(WEST, SOUTH, COLUMNS, ROWS), 0, ROWS)
    longitudes = find_longitudes()
    assert 0.2 < (longitudes < -130).mean() < 0.8
    np.testing.assert_array_equal(depth > 0, longitudes > -130)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("block", "grid", "pixels"),
    [
        ("104p", BcGrid(769_775, 1_558_675, 4745, 4659), 20_191_390),
        ("114o", BcGrid(199_700, 1_615_425, 5296, 5224), 20_191_387),
    ],
)
def test_the_mask_of_a_block_has_as_many_pixels_as_counted_elsewhere(
    block: str, grid: BcGrid, pixels: int
) -> None:
    mask = find_mask(FileName(block, Projection.ALBERS, "elevation", "asc"))
    assert mask
    strips = range(0, grid.rows, 64)
    depths = (mask.depth(grid, first, min(64, grid.rows - first)) for first in strips)
    assert sum(int((depth >= 0).sum()) for depth in depths) == pixels


def test_a_pixel_worked_by_hand() -> None:
    """North 110, west 100, centre 105, east 114, south 102: a tangent of hypot(14, 8) / 50."""
    normals = Normals(np.array([[14.0]]), np.array([[8.0]]), np.array([[True]]))
    assert recompute_slope_percent(normals) == pytest.approx(32.2490, abs=1e-4)
    assert recompute_slope_degrees(normals) == pytest.approx(17.874, abs=1e-3)
    assert recompute_aspect(normals, 0) == pytest.approx(240.255, abs=1e-3)
    assert recompute_aspect(normals, 2.4281) == pytest.approx(237.827, abs=1e-3)
    assert recompute_brightness(normals, 315) == pytest.approx(186.44, abs=1e-2)
    assert recompute_brightness(normals, 225) == pytest.approx(225.12, abs=1e-2)
    for light, expected in ((255, (118.552, 203.716, 130.030)), (186, (86.47, 148.59, 94.85))):
        found = recompute_colour(np.array([[105]], np.int16), np.array([[light]], np.uint8))
        np.testing.assert_allclose(found[0, 0], expected, atol=6e-3)


def test_heights_that_are_all_void_are_a_note(tmp_path: Path) -> None:
    good = make_set("utm")
    path = tmp_path / "104p-utm-elevation.asc"
    path.write_bytes(good.asc(np.full((ROWS, COLUMNS), VOID)))
    assert errors(check_path(path)) == {}
