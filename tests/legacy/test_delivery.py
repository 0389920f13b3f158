"""Sets of files appear whole or not at all."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from hrdem.errors import NetworkError, OutputError, OutputExistsError, TransferError
from hrdem.legacy.delivery import check_sets, make_time_stamp, stage_set
from tests.systems import needs_forks

TARGETS = pytest.mark.parametrize("name", ["031k01.zip", "031k01"])
OLD, NEW = b"old " * 1_000, b"new " * 2_000


def write(target: Path, content: bytes = NEW, *, overwrite: bool = False) -> None:
    with stage_set(target, overwrite) as folder:
        for half in "we":
            (folder / f"031k01_{half}.dem").write_bytes(content)


def read(target: Path) -> dict[str, bytes]:
    if target.is_dir():
        return {path.name: path.read_bytes() for path in target.iterdir()}
    with zipfile.ZipFile(target) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def whole(content: bytes) -> dict[str, bytes]:
    return {"031k01_e.dem": content, "031k01_w.dem": content}


@TARGETS
def test_a_set_appears_under_its_name_and_nothing_beside_it(tmp_path: Path, name: str) -> None:
    target = tmp_path / "out" / name
    check_sets([target], overwrite=False)
    assert not target.parent.exists()
    write(target)
    assert read(target) == whole(NEW)
    assert [path.name for path in target.parent.iterdir()] == [name]


@TARGETS
def test_nothing_is_left_of_a_set_that_failed(tmp_path: Path, name: str) -> None:
    def fail() -> None:
        with stage_set(tmp_path / name, overwrite=False) as folder:
            (folder / "031k01_w.dem").write_bytes(NEW)
            raise TransferError("reset")

    with pytest.raises(NetworkError, match=r"^reset$"):
        fail()
    assert not list(tmp_path.iterdir())


@TARGETS
def test_an_existing_set_is_refused_or_replaced_whole(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    with stage_set(target, overwrite=False) as folder:
        (folder / "031k01_0100deme.dem").write_bytes(OLD)
    with pytest.raises(OutputExistsError, match=f"{name} exists; give `overwrite` to replace it"):
        check_sets([tmp_path / "other", target], overwrite=False)
    with pytest.raises(OutputExistsError, match=name):
        write(target)
    assert read(target) == {"031k01_0100deme.dem": OLD}
    check_sets([target], overwrite=True)
    write(target, overwrite=True)
    assert read(target) == whole(NEW)


@TARGETS
def test_of_two_runs_the_first_that_ends_has_the_name(tmp_path: Path, name: str) -> None:
    target = tmp_path / name

    def end_later() -> None:
        with stage_set(target, overwrite=False) as folder:
            (folder / "031k01_w.dem").write_bytes(OLD)
            write(target)

    with pytest.raises(OutputExistsError, match=name):
        end_later()
    assert read(target) == whole(NEW)
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_with_other_things_is_not_replaced(tmp_path: Path) -> None:
    """The name of a sheet may be that of a folder in which someone works."""
    write(tmp_path / "031k01", OLD)
    (tmp_path / "031k01" / "notes.txt").touch()
    (tmp_path / "031k01" / "031k01_work").mkdir()
    with pytest.raises(OutputError, match=r"031k01: 031k01_work, notes\.txt; move them, or"):
        check_sets([tmp_path / "031k01"], overwrite=True)
    with pytest.raises(OutputError, match=r"notes\.txt"):
        write(tmp_path / "031k01", overwrite=True)
    assert (tmp_path / "031k01" / "031k01_w.dem").read_bytes() == OLD


def test_a_file_that_only_begins_like_those_of_a_set_is_kept(tmp_path: Path) -> None:
    """It was deleted together with the set."""
    folder = tmp_path / "104p"
    folder.mkdir()
    for name in ("104p-utm-elevation.asc", "104p-utm-elevation.asc.aux.xml"):
        (folder / name).touch()
    check_sets([folder], overwrite=True)
    for name in ("104p-my-contours.gpkg", "104p_w.dem.bak", "104p01_w.dem"):
        (folder / name).touch()
        with pytest.raises(OutputError, match=f"than the files of 104p: {name}; move them"):
            check_sets([folder], overwrite=True)
        (folder / name).unlink()


def test_a_file_in_place_of_a_folder_and_the_reverse_are_refused(tmp_path: Path) -> None:
    (tmp_path / "031k01").touch()
    (tmp_path / "031k01.zip").mkdir()
    with pytest.raises(OutputError, match=r"031k01 is a file, where a folder is to be written"):
        check_sets([tmp_path / "031k01"], overwrite=True)
    with pytest.raises(OutputError, match=r"031k01\.zip is a folder, where a file is to be wri"):
        check_sets([tmp_path / "031k01.zip"], overwrite=True)
    with pytest.raises(OutputError, match=r"031k01 is not a folder; choose another `output`"):
        check_sets([tmp_path / "031k01" / "out" / "104p"], overwrite=False)
    with pytest.raises(OutputError, match=r"031k01 is not a folder; choose another `output`"):
        check_sets([tmp_path / "031k01" / "104p"], overwrite=False)


@pytest.mark.parametrize("inside", ["104p", "104p.zip", "new/104p.zip"])
def test_a_folder_that_cannot_be_written_is_found_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: str
) -> None:
    def refuse(path: Path, mode: int = 0o777) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "mkdir", refuse)
    with pytest.raises(OutputError, match=r"is not writable \(permission denied\); choose another"):
        check_sets([tmp_path / inside], overwrite=False)


def test_a_full_disk_is_a_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match=r"104p cannot be written: No space left on device\.$"),
        stage_set(tmp_path / "104p", overwrite=False),
    ):
        raise OSError(28, "No space left on device")


def test_a_zip_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        with stage_set(tmp_path / name, overwrite=False, time_stamp=1_071_673_780_004) as folder:
            for member in ("w", "e") if name == "a.zip" else ("e", "w"):
                (folder / f"011g13_0100dem{member}.dem").write_bytes(NEW)
    packed = (tmp_path / "a.zip").read_bytes()
    assert packed == (tmp_path / "b.zip").read_bytes()
    # APPNOTE 4.3.7: local header; 4.4.6: DOS date and time of 2003-12-17 15:09:40
    (
        signature, version, flags, method, time, date, _, compressed, size, length, extra
    ) = struct.unpack_from("<4s5H3I2H", packed)  # fmt: skip
    assert (signature, version, flags, method) == (b"PK\3\4", 20, 0, 8)
    assert (date, time) == ((2003 - 1980) << 9 | 12 << 5 | 17, 15 << 11 | 9 << 5 | 40 // 2)
    assert (size, extra) == (len(NEW), 0)
    assert packed[30 : 30 + length] == b"011g13_0100deme.dem"
    assert packed[30 + length + compressed :].startswith(b"PK\3\4")


@pytest.mark.parametrize(
    ("stamp", "year"),
    [(None, 1980), (0, 1980), (4_102_444_800_000, 2100), (9_999_999_999_999, 2107), (10**20, 2107)],
)
def test_times_that_a_zip_cannot_hold_become_the_nearest(
    tmp_path: Path, stamp: int | None, year: int
) -> None:
    with stage_set(tmp_path / "a.zip", overwrite=False, time_stamp=stamp) as folder:
        (folder / "a.dem").touch()
    with zipfile.ZipFile(tmp_path / "a.zip") as packed:
        assert packed.infolist()[0].date_time[0] == year


def test_a_time_stamp_has_13_digits() -> None:
    assert len(str(make_time_stamp())) == 13


_KILLED_AT_EACH_STEP = """
import os, signal, sys, time
from pathlib import Path
from tests.legacy.test_delivery import NEW, OLD, read, whole, write
target = Path(sys.argv[1])
step = outcomes = 0
died = True
while died:
    step += 1
    if target.exists():
        write(target, OLD, overwrite=True)
    child = os.fork()
    if not child:
        left = step
        def kill(event, arguments):
            global left
            if event.partition(".")[0] in ("open", "os", "shutil"):
                left -= 1
                if not left:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(kill)
        write(target, NEW, overwrite=len(sys.argv) > 2)
        os._exit(0)
    died = os.waitpid(child, 0)[1] != 0
    if target.exists():
        found = read(target)
        assert found in (whole(NEW), whole(OLD)), (step, found.keys())
        if len(sys.argv) == 2 and died:
            outcomes += 1
            for path in [*target.glob("*"), target]:
                path.rmdir() if path.is_dir() else path.unlink()
assert read(target) == whole(NEW)
time.sleep(0.6)  # younger folders of killed runs are left alone
write(target, NEW, overwrite=True)
assert list(target.parent.iterdir()) == [target]
print(step)
"""


@pytest.mark.slow(each=True)
@needs_forks
@TARGETS
@pytest.mark.parametrize("overwrite", [pytest.param([], marks=pytest.mark.long), ["overwrite"]])
def test_killed_at_any_step_there_is_a_whole_set_or_none(
    tmp_path: Path, name: str, overwrite: list[str]
) -> None:
    """Killed before each call that opens, creates, renames or removes something."""
    done = subprocess.run(
        [sys.executable, "-c", _KILLED_AT_EACH_STEP, tmp_path / name, *overwrite],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 15
