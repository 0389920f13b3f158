"""Commands in real processes, with real files."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
import rasterio

from hrdem.demo import Addresses, running
from hrdem.demo.terrain import heights
from tests.systems import INTERRUPTIBLE, interrupt

HRDEM = [sys.executable, "-c", "from hrdem.cli.main import main; main()"]
BBOX = ["--bbox", "-75.72,45.40,-75.71,45.41"]
LONG = (pytest.mark.slow, pytest.mark.long)


def hrdem(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*HRDEM, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=120,
    )


@pytest.mark.slow
def test_extract_demo_writes_the_terrain(tmp_path: Path) -> None:
    done = hrdem("extract", "--demo", *BBOX, "--product", "dtm", "-o", "a.tif", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("output     a.tif")
    assert "source     9_2-mosaic-1m  100 %" in done.stdout
    with rasterio.open(tmp_path / "a.tif") as dataset:
        left, top = dataset.bounds.left, dataset.bounds.top
        expected = heights(left, top, 1, dataset.width, dataset.height)
        np.testing.assert_array_equal(dataset.read(1), expected)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.stac.json", "a.tif"]


@pytest.mark.slow
def test_the_demonstration_is_ready_at_once() -> None:
    """Nothing is generated beforehand, which would take minutes."""
    started = time.monotonic()
    with running() as addresses:
        assert httpx.get(addresses.stac).status_code == 200
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [
        (
            ["extract", *BBOX, "--product", "dtm", "-o", "a.tif"],
            {"output", "statistics", "sources"},
        ),
        pytest.param(
            ["extract", *BBOX, "--product", "dtm", "--dry-run"],
            {"grid", "sources", "estimate"},
            marks=LONG,
        ),
        pytest.param(
            ["plan", *BBOX, "--product", "dsm"],
            {"grid", "sources", "estimate"},
            marks=LONG,
        ),
        pytest.param(
            ["preview", *BBOX, "--product", "dtm-slope", "-o", "a.png"],
            {
                "output",
                "world_file",
                "metadata_file",
                "width",
                "height",
                "crs",
                "bounds",
                "source",
                "reason",
            },
            marks=pytest.mark.slow,
        ),
        pytest.param(["search", *BBOX], {"items"}, marks=LONG),
        pytest.param(["assets", "9_2-mosaic-1m"], {"item", "assets"}, marks=LONG),
    ],
    ids=["extract", "dry run", "plan", "preview", "search", "assets"],
)
def test_json_is_one_document_with_a_schema_version(
    demo: Addresses, tmp_path: Path, arguments: list[str], keys: set[str]
) -> None:
    done = hrdem(
        *arguments, "--json", "--stac-url", demo.stac, cwd=tmp_path, HRDEM_WMS_URL=demo.wms
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["schema_version"] == 1
    assert keys <= document.keys()


@pytest.mark.slow
@pytest.mark.long
def test_preview_demo_draws_a_picture(tmp_path: Path) -> None:
    picture = ["--product", "dtm-hillshade", "-o", "view.png", "--size", "300"]
    done = hrdem("preview", "--demo", *BBOX, *picture, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "picture    dtm-hillshade, 211 x 300 pixels, EPSG:4326" in done.stdout
    assert "drawn by   the WMS" in done.stdout
    with rasterio.open(tmp_path / "view.png") as dataset:
        assert dataset.bounds == pytest.approx((-75.72, 45.40, -75.71, 45.41))
    again = hrdem("preview", "--demo", *BBOX, *picture, cwd=tmp_path)
    assert (again.returncode, "--overwrite" in again.stderr) == (7, True)


@pytest.mark.slow
def test_dry_run_prints_the_plan_and_writes_nothing(demo: Addresses, tmp_path: Path) -> None:
    request = [*BBOX, "--product", "dtm", "--stac-url", demo.stac]
    dry = hrdem("extract", *request, "--dry-run", "-o", "a.tif", cwd=tmp_path)
    plan = hrdem("plan", *request, cwd=tmp_path)
    assert (dry.returncode, dry.stdout) == (plan.returncode, plan.stdout) == (0, plan.stdout)
    assert re.search(r"download   \S+ MB in \d+ tiles", plan.stdout)
    assert not list(tmp_path.iterdir())


@pytest.mark.long
@pytest.mark.slow
def test_negative_number_is_not_an_option(demo: Addresses, tmp_path: Path) -> None:
    for form in (BBOX, ["--bbox=" + BBOX[1]]):
        assert hrdem("search", *form, "--stac-url", demo.stac, cwd=tmp_path).returncode == 0


@pytest.mark.slow
def test_every_option_has_a_variable(demo: Addresses, tmp_path: Path) -> None:
    done = hrdem(
        "extract",
        cwd=tmp_path,
        HRDEM_BBOX=BBOX[1],
        HRDEM_PRODUCT="dsm",
        HRDEM_COLLECTION="2m",
        HRDEM_STAC_URL=demo.stac,
        HRDEM_OUTPUT="from-environment.tif",
        HRDEM_JSON="1",
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["request"]["product"] == "dsm"
    assert document["request"]["collection"] == "hrdem-mosaic-2m"
    assert (tmp_path / "from-environment.tif").exists()


@pytest.mark.long
@pytest.mark.slow
def test_assets_lists_addresses_by_key(demo: Addresses, tmp_path: Path) -> None:
    done = hrdem("assets", "9_2-mosaic-1m", "--stac-url", demo.stac, cwd=tmp_path)
    lines = dict(line.split() for line in done.stdout.splitlines())
    assert list(lines)[:2] == ["dsm", "dtm"]
    assert lines["dtm"] == f"{demo.url}/canelevation-dem/hrdem-mosaic-1m/9_2-mosaic-1m-dtm.tif"
    chosen = ["--product", "dtm", "--kind", "vrt"]
    done = hrdem("assets", "9_2-mosaic-1m", *chosen, "--stac-url", demo.stac, cwd=tmp_path)
    assert done.stdout.split() == ["dtm-vrt", lines["dtm-vrt"]]


@pytest.mark.slow
@pytest.mark.long
def test_downloaded_vrt_holds_the_terrain(demo: Addresses, tmp_path: Path) -> None:
    arguments = ["assets", "9_2-mosaic-1m", "--product", "dtm", "--download"]
    done = hrdem(*arguments, "--stac-url", demo.stac, cwd=tmp_path)
    assert done.stdout.split() == ["9_2-mosaic-1m-dtm.vrt"]
    with (
        rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
        rasterio.open(tmp_path / "9_2-mosaic-1m-dtm.vrt") as dataset,
    ):
        pixels = dataset.read(1, window=((170_000, 170_010), (8_000, 8_010)))
    np.testing.assert_array_equal(pixels, heights(1_508_000, -170_000, 1, 10, 10))
    again = hrdem(*arguments, "--stac-url", demo.stac, cwd=tmp_path)
    assert (again.returncode, "--overwrite" in again.stderr) == (7, True)


@pytest.mark.slow
@pytest.mark.long
def test_vv_logs_requests_on_standard_error(demo: Addresses, tmp_path: Path) -> None:
    done = hrdem("search", *BBOX, "-vv", "--stac-url", demo.stac, cwd=tmp_path)
    assert "POST http://127.0.0.1" in done.stderr
    assert "POST" not in done.stdout
    assert hrdem("search", *BBOX, "--stac-url", demo.stac, cwd=tmp_path).stderr == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("edition", "day"), [pytest.param("1", "24", marks=pytest.mark.long), ("2", "25")]
)
def test_demo_serve_keeps_a_service_up_until_it_is_interrupted(
    tmp_path: Path, edition: str, day: str
) -> None:
    with subprocess.Popen(
        [*HRDEM, "demo", "serve", "--port", "0", "--json", "--edition", edition],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
        **INTERRUPTIBLE,
    ) as serving:
        try:
            assert serving.stdout
            lines = ""
            while not lines.endswith("}\n"):
                lines += serving.stdout.readline()
            url = json.loads(lines)["stac_url"]
            done = hrdem("search", *BBOX, "--stac-url", url, "--json", cwd=tmp_path)
            assert f'"updated": "2026-03-{day}T' in done.stdout
            interrupt(serving)
            assert serving.wait(10) == 0
        finally:
            serving.kill()  # leaving the context waits without a limit


@pytest.mark.slow
def test_interrupted_extraction_leaves_no_file(demo: Addresses, tmp_path: Path) -> None:
    ottawa = ["--bbox", "-75.85,45.30,-75.60,45.45", "--product", "dtm", "-o", "a.tif"]
    with subprocess.Popen(
        [*HRDEM, "extract", *ottawa, "--stac-url", demo.stac],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        **INTERRUPTIBLE,
    ) as running:
        deadline = time.monotonic() + 60
        while not any(p.stat().st_size > 1_000_000 for p in tmp_path.glob("*/*")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        interrupt(running)
        assert running.wait(20) == 130
        assert running.stderr
        assert "interrupted" in running.stderr.read()
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.long
def test_demo_ignores_proxies(tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    done = hrdem(
        "extract", "--demo", *BBOX, "--product", "dtm", "-o", "a.tif",
        cwd=tmp_path, HTTP_PROXY=nowhere, http_proxy=nowhere, NO_PROXY="", no_proxy="",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_v_logs_items_and_versions(demo: Addresses, tmp_path: Path) -> None:
    arguments = ["extract", *BBOX, "--product", "dtm", "--dry-run", "-v"]
    done = hrdem(*arguments, "--stac-url", demo.stac, cwd=tmp_path)
    assert "lists 9_2-mosaic-1m" in done.stderr
    assert "etag=" in done.stderr


@pytest.mark.slow
def test_closed_stdout_pipe_is_no_error(demo: Addresses, tmp_path: Path) -> None:
    command = " ".join([f"'{part}'" for part in [*HRDEM, "search", *BBOX, "--stac-url", demo.stac]])
    done = subprocess.run(
        ["bash", "-c", f"{command} | true; exit ${{PIPESTATUS[0]}}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="it stands for a full disk")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["plan"], 2), pytest.param(["search", *BBOX], 7, marks=pytest.mark.slow)],
)
def test_full_disk_behind_a_stream_sets_the_exit_code(
    demo: Addresses, arguments: list[str], code: int
) -> None:
    """And is no defect of ours, on whichever of both streams."""
    stream = "stderr" if code == 2 else "stdout"
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "hrdem", *arguments, "--stac-url", demo.stac],
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: full},
            text=True,
        )
    assert done.returncode == code
    assert "Traceback" not in (done.stdout or "") + (done.stderr or "")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="names are text")
def test_output_may_have_a_name_of_any_bytes(demo: Addresses, tmp_path: Path) -> None:
    output = os.fsencode(tmp_path) + b"/o\xff.tif"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "hrdem", "extract", *BBOX, "--product", "dtm", "--json"),
            *("--stac-url", demo.stac, "-o", output),
        ],
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout)["output"]
    with Path(os.fsdecode(output)).open("rb") as file:
        assert file.read(2) == b"II"


INTERRUPTS = {
    "a module": "os.kill(os.getpid(), signal.SIGINT)",
    "a callback": (  # in which Python drops exceptions
        "class Callback:\n    def __del__(self): os.kill(os.getpid(), signal.SIGINT)\n"
        "Callback()\nprint('went on')"
    ),
}


@pytest.mark.skipif(os.name == "nt", reason="a signal ends the process at once")
@pytest.mark.parametrize("interrupted", INTERRUPTS)
def test_ctrl_c_during_imports_ends_the_command(interrupted: str, tmp_path: Path) -> None:
    """The command has no handler of its own yet, and half of its modules."""
    module = tmp_path / "click.py"
    module.write_text(f"import os, signal\n{INTERRUPTS[interrupted]}\n", "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "hrdem", "--help"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")
