"""Values at points, compared with rasterio and with GDAL on the extracted raster."""

from __future__ import annotations

import csv
import dataclasses
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely

import hrdem
from hrdem.catalog.surveys.attributes import Project
from hrdem.catalog.surveys.lookup import Survey, Surveys
from hrdem.cli.main import run
from hrdem.demo import Addresses
from hrdem.errors import ServerError
from hrdem.jobs.sample_points import find_surveys_at
from tests.pages import run_commands
from tests.points.test_interpolate import ask_gdal
from tests.relief import LEFT, TIERS, TOP, make_relief
from tests.stores import Store

BBOX = (1509000.0, -168000.0, 1510000.0, -167000.0)  # EPSG:3979; 28 % of it has no DTM
METHODS = ("nearest", "bilinear", "cubic")


def scatter(count: int) -> np.ndarray:
    """Return random points in the box, shape (n, 2)."""
    west, south, east, north = BBOX
    rng = np.random.default_rng(3)
    return np.column_stack([rng.uniform(west, east, count), rng.uniform(south, north, count)])


def test_a_point_on_a_common_edge_is_in_the_newest_survey(store: Store) -> None:
    """It was in neither of them."""
    store.add("hrdem-mosaic-1m", make_relief("1m", 64, 64), LEFT, TOP)
    points = [(LEFT + x, TOP - 30) for x in (10, 20, 30, 40)]
    plan = hrdem.sample(points, points_crs="EPSG:3979", product="dtm", http=store).plan
    outlines = {
        2018: shapely.box(LEFT + 15, TOP - 64, LEFT + 30, TOP),
        2021: shapely.box(LEFT + 20, TOP - 64, LEFT + 30, TOP),
        2015: shapely.box(LEFT + 30, TOP - 64, LEFT + 64, TOP),
    }
    found = tuple(
        Survey("tile", "coverage", Project(f"of {year}", str(year), str(year), 1.0, {}, outline))
        for year, outline in outlines.items()
    )
    surveyed = dataclasses.replace(plan, surveys=Surveys(found, (), ()))
    names, years = find_surveys_at(surveyed, np.array([*points, (np.nan, np.nan)], float))
    assert names is not None
    assert years is not None
    assert list(years[:]) == ["", "2021", "2021", "2015", ""]


@pytest.mark.slow
@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param({"product": "dtm"}, marks=pytest.mark.long),
        {"product": "dtm", "fill": "2m,30m"},
        pytest.param({"product": "dsm-slope"}, marks=pytest.mark.long),
        pytest.param({"product": "chm"}, marks=pytest.mark.long),
    ],
    ids=["dtm", "filled", "slope", "chm"],
)
def test_values_are_those_of_the_extracted_raster(
    wanted: dict[str, str], demo: Addresses, tmp_path: Path
) -> None:
    west, south, east, north = BBOX
    path = tmp_path / "whole.tif"
    given = {**wanted, "stac_url": demo.stac, "no_cache": True}
    box = (west - 300, south - 300, east + 300, north + 300)
    hrdem.extract(bbox=box, bbox_crs="EPSG:3979", output=path, **given)
    points = scatter(400)
    with rasterio.open(path) as raster:
        nearest = np.array([value[0] for value in raster.sample(points)])
        nearest = np.where(nearest == raster.nodata, np.nan, nearest)
        columns, rows = points[:, 0] - raster.bounds.left, raster.bounds.top - points[:, 1]
    for method in METHODS:
        sampled = hrdem.sample(points, points_crs="EPSG:3979", interpolation=method, **given)
        expected = nearest if method == "nearest" else ask_gdal(path, columns, rows, method)
        if method == "nearest" and wanted["product"] != "dsm-slope":
            np.testing.assert_array_equal(sampled.values, expected.astype(np.float32))
        else:
            np.testing.assert_allclose(sampled.values, expected, rtol=1e-6, atol=1e-6)
        assert 200 < sampled.sampled < (401 if "fill" in wanted else 330)


def test_rows_stay_as_they_are(demo: Addresses, tmp_path: Path) -> None:
    """Text, order, quoted cells, rows without a point, and a column of a name that is taken."""
    path, output = tmp_path / "wells.csv", tmp_path / "out.csv"
    path.write_text(
        'Name;Latitude;Longitude;dtm\n"a;b";45.42;-75.70;007\nfar;20;-75.7;\n\nnone;;;x\n'
        "é;45.41;-75.69;1e3\n",
        encoding="cp1252",
    )
    done = hrdem.sample(path, product="dtm", output=output, stac_url=demo.stac, no_cache=True)
    rows = list(csv.reader(io.StringIO(output.read_text(encoding="utf-8"))))
    added = ["dtm_2", "source", "collection", "vertical_datum"]
    assert rows[0] == ["Name", "Latitude", "Longitude", "dtm", *added]
    assert [row[:4] for row in rows[1:]] == [
        ["a;b", "45.42", "-75.70", "007"],
        ["far", "20", "-75.7", ""],
        ["none", "", "", "x"],
        ["é", "45.41", "-75.69", "1e3"],
    ]
    assert rows[2][4:] == rows[3][4:] == [""] * 4
    assert rows[1][5:] == ["9_2-mosaic-1m", "1m", "CGVD2013"]
    assert np.float32(rows[1][4]) == done.values[0]
    assert (done.sampled, done.outside) == (2, 2)


@pytest.mark.slow
def test_a_layer_keeps_its_attributes_and_its_crs(demo: Addresses, tmp_path: Path) -> None:
    path, output = tmp_path / "wells.gpkg", tmp_path / "out.gpkg"
    points = [shapely.Point(xy) for xy in scatter(3)]
    frame = geopandas.GeoDataFrame(
        {"depth": [1.5, None, 3.0], "kind": ["a", None, "c"]}, geometry=points, crs="EPSG:3979"
    )
    frame = frame.to_crs("EPSG:2951")
    frame.to_file(path, layer="wells")
    given = {"product": "dtm", "stac_url": demo.stac, "no_cache": True}
    done = hrdem.sample(path, output=output, **given)
    written = pyogrio.read_dataframe(output)
    assert written.crs.to_epsg() == 2951
    assert written["kind"].tolist()[::2] == ["a", "c"]
    assert written["depth"].tolist()[::2] == [1.5, 3.0]
    assert written.isna()[["depth", "kind"]].to_numpy().tolist()[1] == [True, True]
    np.testing.assert_array_equal(written["dtm"].astype(np.float32), done.values)
    by_frame = hrdem.sample(frame, **given)
    np.testing.assert_array_equal(by_frame.values, done.values)
    with pytest.raises(hrdem.RequestError, match="Feature 1 of .* is a LineString"):
        hrdem.sample([shapely.LineString([(-75.7, 45.4), (-75.6, 45.4)])], **given)


def test_a_geopackage_keeps_columns_that_have_the_names_of_its_own(
    demo: Addresses, tmp_path: Path
) -> None:
    """QGIS gives most tables a column fid; here it is no key, and names differ by case alone."""
    path, output = tmp_path / "wells.csv", tmp_path / "out.gpkg"
    path.write_text("fid,geom,Fid,lon,lat\n1,a,x,-75.7,45.42\n1,b,y,-75.7,45.42\n")
    hrdem.sample(path, product="dtm", output=output, stac_url=demo.stac)
    rows = pyogrio.read_dataframe(output)
    assert rows[["fid", "geom", "Fid_2"]].to_numpy().tolist() == [["1", "a", "x"], ["1", "b", "y"]]
    assert rows.geometry.x.tolist() == [-75.7, -75.7]


def test_points_are_not_replaced_by_their_output(tmp_path: Path) -> None:
    """Other layers of the file were lost."""
    wells, line = tmp_path / "wells.gpkg", tmp_path / "line.gpkg"
    for path in (wells, line):
        path.touch()
    given = {"product": "dtm", "overwrite": True}
    with pytest.raises(hrdem.RequestError, match=r"wells\.gpkg is an input and would be replaced"):
        hrdem.sample(wells, layer="wells", output=wells, **given)
    with pytest.raises(hrdem.RequestError, match=r"line\.gpkg is an input and would be replaced"):
        hrdem.profile(str(line), output=tmp_path / "." / "line.gpkg", **given)


@pytest.mark.slow
def test_a_tile_is_fetched_once_in_whatever_order_points_come(demo: Addresses) -> None:
    """400 points in 3 x 3 tiles."""
    points = scatter(400)
    given = {"product": "dtm", "points_crs": "EPSG:3979", "stac_url": demo.stac}
    progress: list[hrdem.Progress] = []
    first = hrdem.sample(points, on_progress=progress.append, no_cache=True, **given)
    tiles = {(int(x - 1_500_000) // 512, int(-y) // 512) for x, y in points}  # of file 9_2
    assert len(progress) == len(tiles)
    assert progress[-1].pixels == 400
    order = np.random.default_rng(0).permutation(400)
    again = hrdem.sample(points[order], no_cache=True, **given)
    np.testing.assert_array_equal(again.values, first.values[order])


def test_points_elsewhere_are_no_error_unless_all_are(
    demo: Addresses, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"product": "dtm", "stac_url": demo.stac, "no_cache": True}
    done = hrdem.sample([(10, 50), (-75.7, 45.42), (np.nan, 45)], **given)
    assert (done.sampled, done.outside) == (1, 2)
    with pytest.raises(hrdem.NoDataError, match="None of the 1 point"):
        hrdem.sample([(10, 50)], **given)
    options = ["--product", "dtm", "--stac-url", demo.stac, "--no-cache"]
    typed = io.TextIOWrapper(io.BytesIO(b"where,what\n1,2\n"), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", typed)
    assert run(["sample", "-", *options]) == 2
    error = capsys.readouterr().err
    assert "no column longitude" in error
    assert "its columns are: where, what" in error
    assert "--x-column" in error
    assert run(["sample", "--point", "10,50", *options, "--json"]) == 4
    assert run(["sample", *options]) == 2


def publish(store: Store) -> np.ndarray:
    """Publish two tiles side by side, 300 m wide; return a point in each."""
    for number, item in enumerate("ab"):
        store.add(TIERS["1m"], make_relief("1m", 300, 300), LEFT + 300 * number, TOP, item=item)
    return np.array([(LEFT + 100.5, TOP - 100.5), (LEFT + 400.5, TOP - 100.5)])


@pytest.mark.parametrize("part_read", ["header", "tiles"])
def test_a_file_that_cannot_be_fetched_is_left_out_only_on_request(
    store: Store, monkeypatch: pytest.MonkeyPatch, part_read: str
) -> None:
    points = publish(store)
    given = {"product": "dtm", "points_crs": "EPSG:3979", "http": store}
    whole = hrdem.sample(points, **given)
    assert whole.complete
    assert np.isfinite(whole.values).all()
    gone = "b-hrdem-mosaic-1m-dtm.tif"
    if part_read == "header":
        store.refused.add(gone)
    else:
        read_range = store.read_range

        def read_others(url: str, *args: Any, **kwargs: Any) -> Any:
            if url.endswith(gone):
                raise ServerError(f"{url} answers 404.")
            return read_range(url, *args, **kwargs)

        monkeypatch.setattr(store, "read_range", read_others)
        store.metadata.index_rows.clear()
    with pytest.raises(ServerError, match="404"):
        hrdem.sample(points, **given)
    part = hrdem.sample(points, **given, allow_partial=True)
    assert not part.complete
    assert [gap["item"] for gap in part.as_dict()["gaps"]] == ["b-hrdem-mosaic-1m"]
    np.testing.assert_array_equal(part.values, [whole.values[0], np.nan])


@pytest.mark.parametrize(
    ("crs", "unknown"), [("EPSG:4326", (999.0, 999.0)), ("EPSG:2959", (1e30, -1e30))]
)
def test_coordinates_that_stand_for_none_are_no_error(
    demo: Addresses, crs: str, unknown: tuple[float, float]
) -> None:
    here = {"EPSG:4326": (-75.7, 45.42), "EPSG:2959": (445_000.0, 5_030_000.0)}[crs]
    given = {"product": "dtm", "points_crs": crs, "stac_url": demo.stac, "no_cache": True}
    done = hrdem.sample([unknown, here], **given)
    assert (done.sampled, done.outside) == (1, 1)


@pytest.mark.slow
def test_a_download_is_estimated_before_it_begins(demo: Addresses) -> None:
    given = {"product": "dtm", "points_crs": "EPSG:3979", "stac_url": demo.stac}
    with pytest.raises(hrdem.RequestError, match="About .* have to be downloaded"):
        hrdem.sample(scatter(400), max_download="2MB", no_cache=True, **given)
    done = hrdem.sample(scatter(400), no_cache=True, **given)
    assert 9 * 1.0e6 < done.estimated_bytes < 9 * 1.3e6  # LZW makes tiles of 1 MiB larger


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.usefixtures("on_demo")
def test_the_commands_of_the_page_work() -> None:
    Path("wells.csv").write_text("name,lon,lat\nwell A,-75.70,45.42\n", encoding="utf-8")
    assert run_commands("heights-at-points.md")


SAMPLE_A_MILLION = """
import sys
from pathlib import Path
import hrdem
done = hrdem.sample("points.csv", product="dtm", points_crs="EPSG:3979", output="out.csv",
                    stac_url=sys.argv[1], no_cache=True)
assert done.sampled == 1_000_000
status = Path("/proc/self/status").read_text().split()  # ru_maxrss would include the parent's
print(int(status[status.index("VmHWM:") + 1]) * 1024)
"""


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
def test_a_million_points_take_less_than_300_mb(demo: Addresses, tmp_path: Path) -> None:
    """In 64 tiles of the file, in random order."""
    rng = np.random.default_rng(0)
    x, y = rng.uniform(1_510_000, 1_514_000, 10**6), rng.uniform(-174_000, -170_000, 10**6)
    rows = (f"{n},{a:.2f},{b:.2f},a note\n" for n, (a, b) in enumerate(zip(x, y, strict=True)))
    with (tmp_path / "points.csv").open("w", encoding="utf-8") as file:
        file.write("id,x,y,note\n")
        file.writelines(rows)
    command = [sys.executable, "-c", SAMPLE_A_MILLION, demo.stac]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 300_000_000
    written = np.loadtxt(tmp_path / "out.csv", delimiter=",", skiprows=1, usecols=(0, 4))
    assert (written[:, 0] == np.arange(10**6)).all()
