"""Single surveys, compared with the terrain of the demonstration and what each adds to it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

import hrdem
from hrdem.demo import Addresses
from hrdem.demo.terrain import heights

BOX = 1_510_000.0, -170_040.0, 1_510_050.0, -170_000.0
EXPECTED = heights(BOX[0], BOX[3], 1, 50, 40)


def extract(demo: Addresses, output: Path, **params: object) -> np.ndarray:
    hrdem.extract(
        bbox=BOX,
        bbox_crs="EPSG:3979",
        product="dtm",
        collection="lidar",
        output=output,
        stac_url=demo.stac,
        no_cache=True,
        **params,  # type: ignore[arg-type]
    )
    with rasterio.open(output) as dataset:
        pixels: np.ndarray = dataset.read(1)
    return pixels


@pytest.mark.slow
def test_a_survey_is_read_by_name_or_year_and_the_newest_without(
    demo: Addresses, tmp_path: Path
) -> None:
    by_name = extract(demo, tmp_path / "a.tif", project="Ottawa_2014")
    by_year = extract(demo, tmp_path / "b.tif", year=2018)
    newest = extract(demo, tmp_path / "c.tif")
    np.testing.assert_array_equal(by_name, EXPECTED)
    np.testing.assert_array_equal(by_year, EXPECTED - np.float32(0.25))
    np.testing.assert_array_equal(newest, EXPECTED + np.float32(0.5))
    done = hrdem.compare(tmp_path / "a.tif", tmp_path / "c.tif")
    by_names = hrdem.compare(
        "Ottawa_2014",
        "ON-Ottawa_2021",
        bbox=BOX,
        bbox_crs="EPSG:3979",
        output=tmp_path / "d.tif",
        stac_url=demo.stac,
        no_cache=True,
    )
    assert by_names.differences == done.differences
    assert done.differences.statistics.mean == pytest.approx(0.5, abs=1e-4)
    with rasterio.open(tmp_path / "d.tif") as dataset:
        difference = (EXPECTED + np.float32(0.5)) - EXPECTED
        np.testing.assert_array_equal(dataset.read(1), difference)


def test_a_survey_of_a_mosaic_is_refused() -> None:
    with pytest.raises(hrdem.RequestError, match="`year` chooses among single surveys"):
        hrdem.plan(bbox=(-76, 45, -75, 46), product="dtm", year=2016)


def test_a_year_without_a_survey_lists_the_years(demo: Addresses, tmp_path: Path) -> None:
    with pytest.raises(hrdem.NoDataError, match="There are surveys of 2014, 2018, 2021"):
        extract(demo, tmp_path / "a.tif", year=1999)


def test_files_and_one_survey_alone_are_not_compared_as_surveys(tmp_path: Path) -> None:
    (tmp_path / "a.tif").touch()
    with pytest.raises(hrdem.RequestError, match="is a file, and an area is for surveys"):
        hrdem.compare(tmp_path / "a.tif", "b", bbox=BOX, bbox_crs="EPSG:3979")
    with pytest.raises(hrdem.RequestError, match="Both are the survey b"):
        hrdem.compare("b", "b", bbox=BOX, bbox_crs="EPSG:3979")


def test_there_is_no_preview_of_single_surveys(tmp_path: Path) -> None:
    with pytest.raises(hrdem.RequestError, match="no preview of single surveys"):
        hrdem.preview(
            bbox=(-76, 45, -75, 46), product="dtm", collection="lidar", output=tmp_path / "a.png"
        )


@pytest.mark.slow
def test_two_surveys_have_one_limit_of_the_download(demo: Addresses, tmp_path: Path) -> None:
    """Each had it for itself."""
    given = {"bbox": BOX, "bbox_crs": "EPSG:3979", "stac_url": demo.stac, "no_cache": True}
    names = "Ottawa_2014", "ON-Ottawa_2021"
    sizes = []
    for name in names:
        output = tmp_path / f"{name}.tif"
        lidar = {"product": "dtm", "collection": "lidar", "project": name}
        sizes.append(hrdem.extract(output=output, **lidar, **given).received_bytes)
    whole = hrdem.compare(*names, max_download=sum(sizes), **given)
    assert whole.differences.statistics.valid
    with pytest.raises(hrdem.RequestError, match="have to be fetched after .* before it, and"):
        hrdem.compare(*names, max_download=sum(sizes) - 1, **given)
