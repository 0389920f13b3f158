"""The difference of two rasters, against rasterio and numpy; and the page about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import rasterio
from affine import Affine
from rasterio.windows import Window

import hrdem
from hrdem.cli.main import run
from hrdem.pictures.ramps import DIFFERENCE
from tests.pages import run_commands

LEFT, TOP = 1_500_000, -100_000


def write_raster(
    path: Path, pixels: np.ndarray, *, column: float = 0, row: float = 0, **profile: Any
) -> Path:
    """Write a raster of 1 m pixels in EPSG:3979, with its corner moved by columns and rows."""
    values: dict[str, Any] = {
        "crs": "EPSG:3979",
        "transform": Affine(1, 0, LEFT + column, 0, -1, TOP - row),
        "nodata": -32767,
        "dtype": pixels.dtype,
        **profile,
    }
    height, width = pixels.shape
    with rasterio.open(
        path, "w", driver="GTiff", width=width, height=height, count=1, **values
    ) as dataset:
        dataset.write(pixels, 1)
    return path


def make_heights(seed: int, height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    pixels = rng.normal(200, 30, (height, width)).astype(np.float32)
    pixels[rng.random((height, width)) < 0.1] = -32767
    return pixels


@pytest.mark.slow
def test_the_difference_is_that_of_the_common_pixels(tmp_path: Path) -> None:
    """Larger than a block, moved against each other, with nodata at other places."""
    a = write_raster(tmp_path / "a.tif", make_heights(1, 530, 600))
    b = write_raster(tmp_path / "b.tif", make_heights(2, 600, 550), column=-7, row=11)
    done = hrdem.compare(a, b, output=tmp_path / "d.tif")
    with rasterio.open(a) as one, rasterio.open(b) as other:
        first = one.read(1, window=Window(0, 11, 543, 519), masked=True)
        second = other.read(1, window=Window(7, 0, 543, 519), masked=True)
    expected = second - first
    with rasterio.open(tmp_path / "d.tif") as dataset:
        found = dataset.read(1, masked=True)
        assert dataset.bounds == (LEFT, TOP - 530, LEFT + 543, TOP - 11)
        assert (dataset.crs, dataset.units, dataset.nodata) == ("EPSG:3979", ("metre",), -32767)
        assert dataset.tags()["HRDEM_PRODUCT"] == "difference"
        assert dataset.descriptions == ("b.tif minus a.tif",)
    np.testing.assert_array_equal(found.mask, expected.mask)
    np.testing.assert_array_equal(found.compressed(), expected.compressed())
    values = expected.compressed().astype(np.float64)
    statistics, percentiles = done.differences.statistics, done.differences.percentiles
    assert statistics.mean == pytest.approx(values.mean(), rel=1e-9)
    assert statistics.standard_deviation == pytest.approx(values.std(), rel=1e-9)
    assert percentiles == pytest.approx(np.percentile(values, (5, 50, 95)), abs=0.011)
    largest = done.differences.largest
    assert largest is not None
    assert abs(largest.metres) == np.abs(values).max()
    assert done.counts.as_dict() == {
        "both": values.size,
        "only_a": int((~first.mask & second.mask).sum()),
        "only_b": int((first.mask & ~second.mask).sum()),
        "neither": int((first.mask & second.mask).sum()),
    }


@pytest.mark.slow
def test_the_picture_of_a_difference_is_that_of_view(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its title says what is subtracted from what; zero has the colour in the middle."""
    a = write_raster(tmp_path / "a.tif", np.full((70, 90), 9, np.float32))
    ground = np.full((70, 90), 9, np.float32)
    ground[:, 60:] += np.linspace(-1, 5, 30, dtype=np.float32)
    b = write_raster(tmp_path / "b.tif", ground)
    done = hrdem.compare(a, b, output=tmp_path / "d.tif", quicklook=True, language="fr")
    assert done.quicklook == tmp_path / "d.png"
    assert done.as_dict()["quicklook"] == str(tmp_path / "d.png")
    hrdem.view(tmp_path / "d.tif", output=tmp_path / "v.png", language="fr")
    assert (tmp_path / "v.png").read_bytes() == (tmp_path / "d.png").read_bytes()
    with PIL.Image.open(tmp_path / "d.png") as picture:
        assert picture.text["Title"] == "Différence : b.tif moins a.tif"
        assert picture.getpixel((100, 200)) == DIFFERENCE.colours[len(DIFFERENCE.colours) // 2]
    with pytest.raises(hrdem.RequestError, match="Give an `output` too"):
        hrdem.compare(a, b, quicklook=True)
    assert run(["view", str(tmp_path / "d.tif")]) == 0
    assert "Difference: b.tif minus a.tif" in capsys.readouterr().out


def test_scaled_numbers_are_compared_as_heights(tmp_path: Path) -> None:
    a = write_raster(tmp_path / "a.tif", np.full((4, 4), 100, np.float32))
    b = write_raster(tmp_path / "b.tif", np.full((4, 4), 1_050, np.int16))
    with rasterio.open(b, "r+") as dataset:
        dataset.scales = (0.1,)
    assert hrdem.compare(a, b).differences.statistics.mean == pytest.approx(5, abs=1e-5)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"column": 0.5}, r"edges are 0\.5 and 0 pixels apart.*like the other"),
        ({"transform": Affine(2, 0, LEFT, 0, -2, TOP)}, "pixels of 1 x 1 and 2 x 2"),
        ({"crs": "EPSG:3978"}, "EPSG:3979 and EPSG:3978"),
    ],
)
def test_other_lattices_are_refused_with_what_differs(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    pixels = np.ones((4, 4), np.float32)
    a = write_raster(tmp_path / "a.tif", pixels)
    b = write_raster(tmp_path / "b.tif", pixels, **changes)
    with pytest.raises(hrdem.RequestError, match=f"on different lattices: .*{reason}"):
        hrdem.compare(a, b)


def test_heights_in_two_vertical_datums_are_refused(tmp_path: Path) -> None:
    pixels = np.ones((4, 4), np.float32)
    paths = [write_raster(tmp_path / name, pixels) for name in ("a.tif", "b.tif")]
    with rasterio.open(paths[1], "r+") as dataset:
        dataset.update_tags(HRDEM_VERTICAL_DATUM="CGVD28")
    assert hrdem.compare(*paths).counts.both == 16  # only one states its datum
    with rasterio.open(paths[0], "r+") as dataset:
        dataset.update_tags(HRDEM_VERTICAL_DATUM="CGVD2013")
    with pytest.raises(
        hrdem.RequestError, match=r"a\.tif has heights in CGVD2013, b\.tif in CGVD28"
    ):
        hrdem.compare(*paths)


def test_names_of_surveys_need_an_area() -> None:
    with pytest.raises(hrdem.RequestError, match="no file Ottawa_2014.* in an area: give `bbox`"):
        hrdem.compare("Ottawa_2014", "Ottawa_2021")


def test_slopes_are_refused(tmp_path: Path) -> None:
    pixels = np.ones((4, 4), np.float32)
    paths = [write_raster(tmp_path / name, pixels) for name in ("a.tif", "b.tif")]
    with rasterio.open(paths[1], "r+") as dataset:
        dataset.units = ("degree",)
    with pytest.raises(hrdem.RequestError, match=r"b\.tif states the unit 'degree'.* as `b`"):
        hrdem.compare(*paths)


def test_a_name_that_is_too_long_for_a_file_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """It was a defect of hrdem."""
    name = 300 * "a"
    for area in ([], ["--bbox", "-75.7,45.4,-75.6,45.5"]):
        assert run(["compare", name, name, *area]) == 2
    errors = capsys.readouterr().err
    assert f"There is no file {name}. Check" in errors
    assert f"Both are the survey {name}." in errors


def test_rasters_without_a_common_height_are_no_data_and_leave_no_file(tmp_path: Path) -> None:
    empty = np.full((4, 4), -32767, np.float32)
    a = write_raster(tmp_path / "a.tif", empty)
    b = write_raster(tmp_path / "b.tif", np.ones((4, 4), np.float32))
    with pytest.raises(hrdem.NoDataError, match="0 have one in the first, 16 in the second"):
        hrdem.compare(a, b, output=tmp_path / "d.tif")
    far = write_raster(tmp_path / "far.tif", empty, column=100)
    with pytest.raises(hrdem.NoDataError, match="no pixel in common"):
        hrdem.compare(a, far, output=tmp_path / "d.tif")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif", "b.tif", "far.tif"]


def test_an_input_is_never_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = write_raster(tmp_path / "a.tif", np.ones((4, 4), np.float32))
    assert run(["compare", str(a), str(a), "-o", str(a), "--overwrite"]) == 2
    assert "is an input and would be replaced" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.usefixtures("on_demo")
def test_the_commands_of_the_page_work(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    assert len(run_commands("comparing.md")) == 5
    printed = capsys.readouterr().out
    assert "difference Ottawa_2021.tif minus Ottawa_2014.tif\n" in printed
    assert "difference surface.tif minus terrain.tif\n" in printed
    assert "compared   3,441,340 pixels with a height in both, 0 only in A" in printed
