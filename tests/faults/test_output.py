"""Outputs that cannot be written: an error, and nothing under the output's name."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import hrdem
from hrdem.demo import Addresses
from hrdem.runtime.atomic import publish, staging_dir
from hrdem.runtime.progress import Progress

PLACE = (-75.72, 45.40, -75.70, 45.41)


@pytest.mark.parametrize("layout", [pytest.param("gtiff", marks=pytest.mark.slow), "cog"])
@pytest.mark.parametrize("limit", [pytest.param(1_500_000, marks=pytest.mark.slow), 4_900_000])
def test_truncated_file_is_never_published(
    demo: Addresses, tmp_path: Path, layout: str, limit: int
) -> None:
    program = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); "
        "from hrdem.cli.main import main; main()"
    )
    done = subprocess.run(
        [
            *(sys.executable, "-c", program, "extract", f"--bbox={','.join(map(str, PLACE))}"),
            *("--product", "dtm", "--format", layout, "--stac-url", demo.stac, "-o", "a.tif"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 7, done.stderr
    assert "a.tif cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_overwrite_removes_old_overview_files(demo: Addresses, tmp_path: Path) -> None:
    for ending in (".ovr", ".aux.xml", ".msk"):
        (tmp_path / f"a.tif{ending}").write_text("old")
    (tmp_path / "a.tif").write_text("old")
    hrdem.extract(
        bbox=PLACE, product="dtm", output=tmp_path / "a.tif", overwrite=True, stac_url=demo.stac
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.stac.json", "a.tif"]


@pytest.mark.parametrize("overwrite", [True, False])
def test_pipe_is_not_replaced(tmp_path: Path, overwrite: bool) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(hrdem.OutputError, match="a device or a pipe"):
        hrdem.extract(bbox=PLACE, product="dtm", output=tmp_path / "pipe", overwrite=overwrite)
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize("name", ["x" * 300 + ".tif", "a\0b.tif"])
def test_impossible_file_name_is_an_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(hrdem.OutputError, match="cannot be"):
        hrdem.extract(bbox=PLACE, product="dtm", output=tmp_path / name)


def test_cancelled_output_is_removed_at_once(demo: Addresses, tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        hrdem.extract(
            bbox=(1_500_000, -40_000, 1_540_000, 0),
            bbox_crs="EPSG:3979",
            product="dtm",
            output=tmp_path / "large.tif",
            no_cache=True,
            stac_url=demo.stac,
            on_progress=stop,
        )
    assert time.monotonic() - started < 10
    assert not list(tmp_path.iterdir())


def test_output_created_during_the_run_is_not_replaced(tmp_path: Path) -> None:
    finished, output = tmp_path / "finished", tmp_path / "out.tif"
    finished.write_text("ours")
    output.write_text("theirs")
    with pytest.raises(hrdem.OutputExistsError):
        publish(finished, output, overwrite=False)
    assert output.read_text() == "theirs"
    publish(finished, output, overwrite=True)
    assert output.read_text() == "ours"
    assert not finished.exists()


def test_leftovers_of_killed_runs_are_removed(tmp_path: Path) -> None:
    """Folders of runs in progress stay."""
    program = (
        "import sys, time; from pathlib import Path; from hrdem.runtime.atomic import staging_dir\n"
        "with staging_dir(Path(sys.argv[1])) as room:\n"
        "    (room / 'plain.tif').write_bytes(bytes(1000)); print(1, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "a.tif")]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as killed,
        subprocess.Popen(command, stdout=subprocess.PIPE) as other,
    ):
        for each in (killed, other):
            assert each.stdout
            each.stdout.readline()
        killed.kill()
        killed.wait()
        time.sleep(0.6)
        assert len(list(tmp_path.iterdir())) == 2
        with staging_dir(tmp_path / "b.tif"):
            assert len(list(tmp_path.iterdir())) == 2
        assert len(list(tmp_path.iterdir())) == 1
        other.kill()
