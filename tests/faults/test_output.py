"""Outputs that cannot be written: an error, and nothing under the output's name."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
import rasterio

import hrdem
from hrdem.cli.main import run
from hrdem.demo import Addresses
from hrdem.output.paths import check_output
from hrdem.runtime.atomic import publish, staging_dir
from hrdem.runtime.progress import Progress
from tests.relief import LEFT, TIERS, TOP, make_relief
from tests.stores import Store
from tests.systems import needs_limits, needs_modes

PLACE = (-75.72, 45.40, -75.70, 45.41)


def extract_nothing(output: Path, overwrite: bool = True) -> None:
    """Extract from a service that does not exist."""
    url = "http://hrdem.invalid"
    hrdem.extract(bbox=PLACE, product="dtm", output=output, overwrite=overwrite, stac_url=url)


@needs_limits
@pytest.mark.slow
@pytest.mark.parametrize(
    ("layout", "limit"),
    [
        ("gtiff", 1_500_000),
        pytest.param("gtiff", 4_900_000, marks=pytest.mark.long),
        pytest.param("cog", 1_500_000, marks=pytest.mark.long),
        ("cog", 4_900_000),
    ],
)
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


@pytest.mark.slow
def test_overwrite_removes_old_overview_files(demo: Addresses, tmp_path: Path) -> None:
    for ending in (".ovr", ".aux.xml", ".msk"):
        (tmp_path / f"a.tif{ending}").write_text("old")
    (tmp_path / "a.tif").write_text("old")
    hrdem.extract(
        bbox=PLACE, product="dtm", output=tmp_path / "a.tif", overwrite=True, stac_url=demo.stac
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.stac.json", "a.tif"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no such files")
@pytest.mark.parametrize("overwrite", [True, False])
def test_pipe_is_not_replaced(tmp_path: Path, overwrite: bool) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(hrdem.OutputError, match="a device or a pipe"):
        hrdem.extract(bbox=PLACE, product="dtm", output=tmp_path / "pipe", overwrite=overwrite)
    assert (tmp_path / "pipe").is_fifo()


def test_impossible_file_name_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(hrdem.OutputError, match="cannot be"):
        extract_nothing(tmp_path / "a\0b.tif")


@pytest.mark.skipif(os.name != "posix", reason="Windows does not count bytes")
@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("x" * 296 + ".tif", 300),
        ("x" * 245 + ".tif", 257),  # with .aux.xml, which GDAL looks for beside it
        ("é" * 124 + ".tif", 256),  # with .ovr; 132 characters
    ],
)
def test_side_files_fit_the_file_system_too(tmp_path: Path, name: str, size: int) -> None:
    with pytest.raises(hrdem.OutputError, match=f"of {size} bytes, or its path, is too long"):
        extract_nothing(tmp_path / name)


@pytest.mark.skipif(os.name != "nt", reason="other systems let such files be replaced")
def test_what_windows_does_not_replace_is_found_before_any_request(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_text("mine")
    with (
        path.open("rb"),
        pytest.raises(hrdem.OutputError, match=r"cannot be replaced \(.*\); close it in other"),
    ):
        extract_nothing(path)
    path.chmod(0o400)
    with pytest.raises(hrdem.OutputError, match="cannot be replaced .the file is read-only"):
        extract_nothing(path)
    path.chmod(0o600)
    with pytest.raises(hrdem.OutputError, match="Windows reserves the name"):
        extract_nothing(tmp_path / "CON.tif")
    with pytest.raises(hrdem.OutputError, match="is too long for Windows|cannot be the name"):
        extract_nothing(tmp_path / f"{'x' * 300}.tif")
    check_output(path, overwrite=True)


@pytest.mark.skipif(os.name != "posix", reason="paths of 4,096 bytes")
def test_path_of_hidden_files_fits_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("/".join([*["x" * 200] * 20, "y" * 35]))
    deep = Path()
    for part in folder.parts:
        (deep := deep / part).mkdir()
    with pytest.raises(hrdem.OutputError, match="name too long"):
        extract_nothing(folder / "a.tif")


@pytest.fixture
def immutable(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "a.tif"
    path.write_text("mine")
    if shutil.which("chattr") is None or subprocess.run(["chattr", "+i", path]).returncode:
        pytest.skip("needs a file system with immutable files, and root")
    yield path
    subprocess.run(["chattr", "-i", path], check=True)


@needs_modes
def test_output_that_cannot_be_replaced_is_found_before_any_request(immutable: Path) -> None:
    with pytest.raises(hrdem.OutputError, match=r"a\.tif cannot be replaced \(operation not perm"):
        extract_nothing(immutable)
    with pytest.raises(hrdem.OutputError, match=r"a\.tif cannot be replaced"):
        check_output(immutable, overwrite=True)


@needs_modes
def test_file_of_another_user_in_a_sticky_folder_cannot_be_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.tif").write_text("mine")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 4_321)
    check_output(tmp_path / "a.tif", overwrite=True)
    tmp_path.chmod(0o1777)
    with pytest.raises(hrdem.OutputError, match="belongs to another user"):
        check_output(tmp_path / "a.tif", overwrite=True)


@pytest.mark.skipif(os.name != "posix", reason="Windows lets nobody replace it")
def test_read_only_file_can_be_replaced(tmp_path: Path) -> None:
    """Its mode protects its content, not its name."""
    (tmp_path / "a.tif").write_text("mine")
    (tmp_path / "a.tif").chmod(0o400)
    check_output(tmp_path / "a.tif", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


@pytest.mark.parametrize("name", ["a.tif", "a.stac.json"])
def test_input_is_not_replaced(tmp_path: Path, name: str) -> None:
    ring = [[-75.72, 45.40], [-75.71, 45.40], [-75.71, 45.41], [-75.72, 45.40]]
    area = tmp_path / name
    area.write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    for given in (area, area.as_uri()):
        with pytest.raises(hrdem.RequestError, match=f"{name} is an input and would be replaced"):
            hrdem.extract(aoi=given, product="dtm", output=tmp_path / "a.tif", overwrite=True)


@pytest.mark.slow
def test_raster_that_gave_the_grid_can_be_replaced(demo: Addresses, tmp_path: Path) -> None:
    output, keywords = tmp_path / "a.tif", {"product": "dtm", "stac_url": demo.stac}
    hrdem.extract(bbox=PLACE, resolution=50, output=output, **keywords)
    first = output.read_bytes()
    hrdem.extract(like=output, output=output, overwrite=True, **keywords)
    with rasterio.open(output) as file, rasterio.open(io.BytesIO(first)) as before:
        assert (file.transform, file.shape) == (before.transform, before.shape)


@pytest.mark.skipif(sys.platform != "linux", reason="names are text")
@pytest.mark.parametrize(
    "name",
    [
        b"caf\xe9/caf\xe9.tif",
        pytest.param("é 😀/%41 #?'\".tif".encode(), marks=pytest.mark.slow),
        pytest.param(b"zip:x/-a\nb.tif", marks=pytest.mark.slow),
    ],
)
def test_any_name_is_written(
    demo: Addresses,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
    name: bytes,
) -> None:
    """Bytes that are no text were a defect; the item's link leads to the file."""
    output = Path(os.fsdecode(name))
    monkeypatch.chdir(tmp_path)
    output.parent.mkdir()
    box = ",".join(map(str, PLACE))
    arguments = ["--product=dtm", "--resolution=50", "--stac-url", demo.stac, "--json"]
    assert run(["extract", f"--bbox={box}", *arguments, "-o", str(output)]) == 0
    assert json.loads(capfdbinary.readouterr().out)["output"] == str(output)
    item = json.loads(output.with_suffix(".stac.json").read_text("utf-8"))
    linked = os.fsdecode(unquote_to_bytes(item["assets"]["dtm"]["href"]))
    assert (output.parent / linked).samefile(output)
    assert run(["extract", f"--bbox={box}", *arguments, "-o", str(output), "--overwrite"]) == 0
    assert len(list(output.parent.iterdir())) == 2


@pytest.mark.parametrize("target", ["b.tif", "missing.tif"])
def test_link_is_not_replaced(tmp_path: Path, target: str) -> None:
    """A dangling one once failed after the download."""
    (tmp_path / "b.tif").write_text("mine")
    with contextlib.suppress(OSError):
        (tmp_path / "a.tif").symlink_to(target)
    if not (tmp_path / "a.tif").is_symlink():
        pytest.skip("needs the right to create links")
    with pytest.raises(hrdem.OutputError, match=f"a.tif is a link to {target}, and links are not"):
        extract_nothing(tmp_path / "a.tif")
    assert (tmp_path / "a.tif").is_symlink()


@pytest.mark.slow
def test_item_of_another_raster_is_not_replaced(demo: Addresses, tmp_path: Path) -> None:
    """Both would have the same item: with `overwrite` the first raster once lost its own."""
    first = tmp_path / "é 1.tif"
    hrdem.extract(bbox=PLACE, product="dtm", resolution=50, output=first, stac_url=demo.stac)
    for overwrite in (True, False):
        with pytest.raises(
            hrdem.OutputExistsError, match=r"json describes é 1\.tif, and é 1\.tiff"
        ):
            extract_nothing(tmp_path / "é 1.tiff", overwrite)
    first.unlink()
    assert first.with_suffix(".stac.json").exists()
    with pytest.raises(hrdem.OutputExistsError, match=r"json exists; give `overwrite`"):
        extract_nothing(tmp_path / "é 1.tiff", overwrite=False)


@pytest.mark.slow
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
    assert time.monotonic() - started < 60
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o002, 0o664)])
def test_output_has_the_permissions_of_the_umask(
    tmp_path: Path, store: Store, umask: int, mode: int
) -> None:
    """Not those of a temporary file; a group that may read other files reads this one."""
    store.add(TIERS["1m"], make_relief("1m", 64, 64), LEFT, TOP)
    box = {"bbox": (LEFT, TOP - 64, LEFT + 64, TOP), "bbox_crs": "EPSG:3979", "product": "dtm"}
    before = os.umask(umask)
    try:
        output = hrdem.extract(**box, output=tmp_path / "a.tif", http=store).output
    finally:
        os.umask(before)
    for path in (output, output.with_suffix(".stac.json")):
        assert stat.S_IMODE(path.stat().st_mode) == mode


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


@pytest.mark.slow
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
