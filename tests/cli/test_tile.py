"""``hrdem tile``: many areas in one command."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely

import hrdem
from hrdem.cli.main import run
from hrdem.demo import Addresses
from hrdem.demo.shifts import shift_grid
from hrdem.tiling.failures import Failure, write_failures
from tests.geopackages import write_layer
from tests.misbehaving import Reply, ServerRequest, forward, misbehaving

NAMES = ["Rivière à la Pêche", "Mud Creek", "mud creek", "A/B", "Seine"]
CENTRES = [(-75.70, 45.40), (-75.69, 45.40), (-75.68, 45.40), (-75.67, 45.40), (2.35, 48.85)]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def basins() -> str:
    shapes = [shapely.Point(centre).buffer(0.0008, quad_segs=2) for centre in CENTRES]
    write_layer(Path("basins.gpkg"), shapes, {"NAME": NAMES}, crs="EPSG:4326", layer="basins")
    return "basins.gpkg"


def mean_height(tile: hrdem.TilePixels) -> float:
    assert tile.pixels.shape == (tile.grid.height, tile.grid.width)
    return float(np.nanmean(tile.pixels[tile.core]))


def tile(demo: Addresses, *arguments: str) -> int:
    """Run a command without processes of its own, which take a second to start."""
    return run(["tile", *arguments, "--workers", "0", "--stac-url", demo.stac])


@pytest.mark.slow
def test_watersheds_get_named_files_and_the_same_again_does_nothing(
    demo: Addresses, basins: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--aoi", basins, "--name-by", "name", "--product", "dtm", "-o", "dems"]
    assert tile(demo, *command) == 0
    rasters = sorted(path.name for path in Path("dems").glob("*.tif"))
    assert rasters == ["A_B.tif", "Mud_Creek-2.tif", "Rivière_à_la_Pêche.tif", "mud_creek-3.tif"]
    printed = capsys.readouterr()
    assert "4: 4 done" in printed.out
    assert "outside Canada are left out: Seine (feature 5 of basins.gpkg)" in printed.err
    assert "4 tiles to make: " in printed.err

    shape = shapely.Point(CENTRES[2]).buffer(0.0008, quad_segs=2)
    hrdem.extract(aoi=shape, product="dtm", output="alone.tif", stac_url=demo.stac)
    with rasterio.open("dems/mud_creek-3.tif") as tiled, rasterio.open("alone.tif") as alone:
        assert tiled.transform == alone.transform
        assert np.array_equal(tiled.read(), alone.read())

    written = {path: path.stat().st_mtime_ns for path in Path("dems").iterdir()}
    assert tile(demo, *command) == 0
    assert "nothing, as nothing is missing" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in Path("dems").iterdir()} == written


@pytest.mark.slow
def test_planning_and_making_keep_to_the_connections(demo: Addresses) -> None:
    at_work, most, lock = 0, 0, threading.Lock()

    def respond(request: ServerRequest) -> Reply:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        time.sleep(0.03)
        reply = forward(request, demo.url, f"http://{request.headers['host']}")
        with lock:
            at_work -= 1
        return reply

    area = {"bbox": (1_499_500, -500, 1_500_500, 500), "bbox_crs": "EPSG:3979"}  # over four files
    with misbehaving(respond) as server:
        stac_url = f"{server.url}/stac/api/"
        box = "--bbox", ",".join(map(str, area["bbox"])), "--bbox-crs", area["bbox_crs"]
        store = "--stac-url", stac_url, "-o", "out", "--dry-run"
        assert run(["tile", *box, "--product", "dtm", "--connections", "2", *store]) == 0
        assert most == 2
        given = {"connections": 2, "no_cache": True, "output": "out", "stac_url": stac_url}
        job = hrdem.tile_job(**area, **given, product="dtm")
        assert job.run(workers=0).exit_code == 0
    assert most == 2
    with pytest.raises(hrdem.RequestError, match="burden for a public service"):
        hrdem.TileJob.open("out", connections=65)


@pytest.mark.slow
def test_another_request_is_refused_where_a_job_is_unless_it_is_updated(
    demo: Addresses, basins: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--aoi", basins, "--name-by", "NAME", "--product", "dtm", "-o", "dems"]
    assert tile(demo, *command, "--where", "fid = 1") == 0
    capsys.readouterr()

    assert tile(demo, *command, "--where", "fid = 1", "--resolution", "2") == 7
    assert "another request: resolution is not set, not 2.0" in capsys.readouterr().err
    assert tile(demo, *command, "--where", "fid IN (1, 4)") == 7
    assert "basins.gpkg) and 1 more" in capsys.readouterr().err

    assert tile(demo, *command, "--where", "fid IN (1, 4)", "--update") == 0
    assert "2: 2 done" in capsys.readouterr().out
    assert Path("dems/A_B.tif").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--aoi", "basins.gpkg", "--name-by", "NAM"], 2, "Did you mean NAME? Its fields are"),
        (["--aoi", "basins.gpkg", "--where", "KM2 > 1"], 2, "no such column: KM2"),
        (["--aoi", "basins.gpkg", "--scheme", "30km"], 2, "Give 25km, or another of 1, 2, 4"),
        (
            ["--aoi", "basins.gpkg", "--scheme", "50km", "--name-by", "NAME"],
            2,
            "names of their own",
        ),
        (["--bbox", "-75.7,45.4,-75.6,45.5", "--scheme", "features"], 2, "was given as --bbox"),
        (["--bbox", "-75.7,45.4,-75.6,45.5", "--where", "a = 1"], 2, "--where needs features"),
        (["--nts", "031G05", "--name-by", "NAME"], 2, "sheets have names of their own"),
        (["--point=-75.7,45.4"], 2, "Give --radius in metres"),
        (["--point", "stations.csv", "--radius", "50"], 2, "There is no file"),
        pytest.param(
            ["--aoi", "basins.gpkg", "--max-download", "1kB"],
            2,
            "--max-download allows 1 kB",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ["--aoi", "basins.gpkg", "--connections", "65"],
            2,
            "or --many-connections, if its",
            marks=pytest.mark.slow,
        ),
        (["--aoi", "basins.gpkg", "--part", "3/2"], 2, "There is no part 3 of 2"),
        (["--aoi", "basins.gpkg", "-o", "http://a:b@host/x"], 2, "http://host/x is neither"),
        (["--aoi", "basins.gpkg", "-o", "basins.gpkg"], 2, "is a file. Give a folder"),
        ([], 2, "No area was requested"),
    ],
)
def test_a_wrong_input_ends_in_a_sentence(
    arguments: list[str],
    code: int,
    message: str,
    demo: Addresses,
    basins: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = [] if "-o" in arguments else ["-o", "dems"]
    assert tile(demo, *arguments, "--product", "dtm", *output) == code
    printed = capsys.readouterr()
    assert message in " ".join(printed.err.split())
    assert printed.out == ""
    assert not Path("dems").exists()


def test_a_folder_that_cannot_be_written_is_told_before_any_work(
    monkeypatch: pytest.MonkeyPatch, basins: str, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)  # root may write everywhere
    assert run(["tile", "--aoi", basins, "--product", "dtm", "-o", "locked/dems"]) == 7
    assert "is not writable; choose another -o, or change" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("name", ["A_B.tif", "A_B.stac.json", "collection.json", "mosaic.vrt"])
def test_a_file_that_no_job_has_made_is_not_replaced(
    name: str, demo: Addresses, basins: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("dems").mkdir()
    Path("dems", name).write_bytes(b"mine")
    assert tile(demo, "--aoi", basins, "--name-by", "NAME", "--product", "dtm", "-o", "dems") == 7
    assert f"has a file {name}, which no job of tiles has made" in capsys.readouterr().err
    assert [path.read_bytes() for path in Path("dems").iterdir()] == [b"mine"]


@pytest.mark.slow
def test_an_update_takes_no_file_of_others_for_a_tile(
    demo: Addresses, basins: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--aoi", basins, "--name-by", "NAME", "--product", "dtm", "-o", "dems"]
    assert tile(demo, *command, "--where", "fid = 1") == 0
    hrdem.extract(
        point=CENTRES[3], radius=60, product="dtm", output="dems/A_B.tif", stac_url=demo.stac
    )
    written = {path: path.stat().st_mtime_ns for path in Path("dems").iterdir()}
    assert tile(demo, *command, "--where", "fid IN (1, 4)", "--update") == 7
    assert "has a file A_B.tif, which no job" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in Path("dems").iterdir()} == written


@pytest.mark.slow
def test_a_dry_run_prints_what_a_job_takes_and_writes_nothing(
    demo: Addresses, basins: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--aoi", basins, "--where", "fid < 3", "--scheme", "1km", "--product", "dtm"]
    command += ["-o", "dems", "--dry-run"]
    assert tile(demo, *command) == 0
    printed = capsys.readouterr().out
    assert "missing; 1km, named like E" in printed
    assert "of one core" in printed
    assert tile(demo, *command, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    each = sum(tile["source_bytes"] for tile in document["tiles"])
    assert document["cost"]["source_bytes"] < each  # stored tiles of two count once
    for alone in ("--no-cache", "--scheduler=tcp://host:1"):
        assert tile(demo, *command, "--json", alone) == 0
        assert json.loads(capsys.readouterr().out)["cost"]["source_bytes"] == each
    assert not Path("dems").exists()


@pytest.mark.slow
def test_parts_of_a_planned_job_make_all_of_it(
    demo: Addresses, basins: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--aoi", basins, "--name-by", "NAME", "--product", "dtm", "-o", "dems"]
    assert tile(demo, *command, "--plan-only") == 0
    assert [path.name for path in Path("dems").glob("[!.]*")] == ["job.json"]
    assert run(["tile", "status", "dems"]) == 3
    assert "missing    A_B" in capsys.readouterr().out
    assert tile(demo, *command, "--part", "1/2") == 0
    assert not Path("dems/collection.json").exists()
    assert tile(demo, *command, "--part", "2/2") == 0
    assert Path("dems/collection.json").exists()
    assert run(["tile", "status", "dems"]) == 0
    assert run(["tile", "status", "nowhere"]) == 7
    assert "holds no job of tiles" in capsys.readouterr().err


@pytest.mark.slow
def test_failed_and_stale_tiles_are_told_with_reasons_and_only_failed_ones_are_tried_again(
    demo: Addresses, basins: str, capsys: pytest.CaptureFixture[str]
) -> None:
    job = hrdem.tile_job(
        aoi=basins, name_by="NAME", product="dtm", output="dems", stac_url=demo.stac
    ).save()
    failed = Failure("failed", "TransferError", "The connection was reset.", "", 3)
    stale = Failure("stale", "SourceChangedError", "It was republished.", "http://host/a.tif", 1)
    failures = {"A_B": failed, "mud_creek-3": stale}
    write_failures(job.store, job.job.sha256, failures)
    assert run(["tile", "status", "dems"]) == 6
    printed = capsys.readouterr().out
    assert "failed     A_B: The connection was reset." in printed
    assert "stale      mud_creek-3: It was republished." in printed

    assert run(["tile", "retry", "dems", "--workers", "0"]) == 6
    assert [path.name for path in Path("dems").glob("*.tif")] == ["A_B.tif"]
    assert "`update=True` plans" not in capsys.readouterr().err
    assert run(["tile", "status", "dems", "--json"]) == 6
    document = json.loads(capsys.readouterr().out)
    assert document["counts"] == {"done": 1, "missing": 2, "stale": 1}
    assert document["tiles"]["A_B"] == "done"

    (Path("dems") / "failed.json").unlink()
    assert run(["tile", "retry", "dems", "--workers", "0"]) == 3
    printed = capsys.readouterr()
    assert "nothing, as no tile has failed" in printed.out
    assert "3 tiles still missing, as only failed ones were made." in printed.err

    assert run(["tile", "index", "dems"]) == 0
    assert "file       index.gti.gpkg" in capsys.readouterr().out


@pytest.mark.slow
def test_a_grid_of_shifts_is_the_same_file_from_any_folder(
    demo: Addresses,
    basins: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its path was frozen as it was typed: the next run, and those that verify, did not find it."""
    with shift_grid() as grid:
        for name in ("shifts.tif", "others.tif"):
            shutil.copy(grid, name)
    where = Path.cwd()
    command = [
        *("--aoi", str(where / basins), "--name-by", "NAME", "--where", "fid = 1"),
        *("--product", "dtm", "--vertical-datum", "CGVD28", "-o", str(where / "dems")),
        "--no-cache",
    ]
    assert tile(demo, *command, "--vertical-grid", "shifts.tif", "--plan-only") == 0
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert tile(demo, *command, "--vertical-grid", "../others.tif") == 7
    assert "vertical_grid is " in capsys.readouterr().err
    assert tile(demo, *command, "--vertical-grid", "../shifts.tif") == 0
    assert run(["tile", "verify", str(where / "dems"), "--samples", "1", "--no-cache"]) == 0


@pytest.mark.slow
def test_python_plans_looks_runs_and_opens(demo: Addresses, basins: str) -> None:
    job = hrdem.tile_job(nts="031G05", scheme="2km", product="dtm", output="a", stac_url=demo.stac)
    assert not Path("a").exists()
    assert job.cost.tiles == len(job.tiles) > 100
    small = hrdem.tile_job(
        aoi=basins, name_by="NAME", where="fid = 1", product="dtm", output="a", stac_url=demo.stac
    )
    done = []
    assert small.run(workers=0, on_progress=lambda each: done.append(each.done)).exit_code == 0
    assert done == [0, 1]
    opened = hrdem.TileJob.open("a")
    assert opened.status() == {"Rivière_à_la_Pêche": "done"}
    ((name, mean),) = opened.map(mean_height, overlap=8, workers=0)
    with rasterio.open(f"a/{name}.tif") as raster:
        assert mean == pytest.approx(raster.read(1, masked=True).mean())
    for connections, problem in ((0, "at least 1"), (65, "burden for a public service")):
        with pytest.raises(hrdem.RequestError, match=problem):
            opened.run(workers=0, connections=connections)
        with pytest.raises(hrdem.RequestError, match=problem):
            next(opened.map(mean_height, workers=0, connections=connections))
    with pytest.raises(hrdem.OutputExistsError, match="another request"):
        hrdem.tile_job(nts="031G05", product="dtm", output="a", stac_url=demo.stac)


@pytest.mark.slow
@pytest.mark.long
def test_a_new_user_tiles_watersheds_of_the_demonstration(basins: str) -> None:
    """In processes, with a bar or lines for programs; the same again, and an index of all."""
    command = [
        sys.executable,
        "-m",
        "hrdem",
        "tile",
        "--demo",
        "--aoi",
        basins,
        "--progress",
        "json",
    ]
    command += ["--name-by", "NAME", "--product", "dtm-slope", "-o", "slopes", "--workers", "2"]
    first = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    assert "4: 4 done" in first.stdout
    lines = [json.loads(line) for line in first.stderr.splitlines() if line.startswith("{")]
    assert [line["done"] for line in lines] == [0, 1, 2, 3, 4]
    again = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    assert "nothing, as nothing is missing" in again.stdout
    verified = [sys.executable, "-m", "hrdem", "tile", "verify", "slopes", "--demo"]
    checked = subprocess.run(verified, capture_output=True, encoding="utf-8", check=True)
    assert "4 compared with their items" in checked.stdout
    with rasterio.open("slopes/index.gti.gpkg") as mosaic:
        assert mosaic.read(masked=True).count() > 4 * 8_000
