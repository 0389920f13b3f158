"""ZIP archives of DEMs: members by suffix, and a sentence for damaged and hostile ones."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from hrdem.errors import OutputError, RequestError
from hrdem.legacy import archive
from hrdem.legacy.archive import list_members, open_member, show_member


def make_zip(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def test_members_are_listed_by_suffix_and_unpacked(tmp_path: Path) -> None:
    """In any folder and case, without what macOS adds."""
    members = {"031k01_w.dem": b"west", "sub/031K01_E.DEM": b"east", "readme.txt": b"",
               "__MACOSX/._031k01_w.dem": b"", "meta.xml": b"<x/>"}  # fmt: skip
    path = make_zip(tmp_path / "a.zip", members)
    listed = list_members(path, (".dem",))
    assert listed == ("031k01_w.dem", "sub/031K01_E.DEM")
    assert show_member(listed[1]) == "031K01_E.DEM"
    for name in listed:
        with open_member(path, name) as file:
            assert file.read(2) == members[name][:2]
            file.seek(0)  # as readers do, who look ahead
            assert file.read() == members[name]


def test_a_large_member_is_unpacked_to_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MAX_UNPACKED_IN_MEMORY_BYTES", 10)
    path = make_zip(tmp_path / "a.zip", {"a.dem": bytes(100)})
    with open_member(path, "a.dem") as file:
        assert file.fileno() > 0
        assert file.read() == bytes(100)


def damage(path: Path, find: bytes, replace: bytes) -> Path:
    content = path.read_bytes()
    assert find in content
    path.write_bytes(content.replace(find, replace))
    return path


def test_damaged_archives_are_refused_with_a_sentence(tmp_path: Path) -> None:
    content = bytes(range(256)) * 50
    for name, keep in (("empty", 0), ("text", None), ("cut", -30), ("start", 100)):
        path = make_zip(tmp_path / f"{name}.zip", {"a.dem": content})
        path.write_bytes(path.read_bytes()[:keep] if keep is not None else b"no archive " * 99)
        with pytest.raises(RequestError, match=f"^{name}.zip cannot be read as a ZIP: .*again.$"):
            list_members(path, (".dem",))


def test_damage_of_a_member_is_told_when_it_is_read(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"a.dem": bytes(range(256)) * 9}, zipfile.ZIP_STORED)
    damage(path, b"\x10\x11\x12", b"\x10\x00\x12")
    assert list_members(path, (".dem",)) == ("a.dem",)
    with pytest.raises(RequestError, match=r"a\.zip cannot be read as a ZIP: Bad CRC"):
        open_member(path, "a.dem").__enter__()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_without_a_bound_are_refused(tmp_path: Path, method: int) -> None:
    """100 MB of zeros are 113 bytes by bzip2; DEFLATE needs 97 kB."""
    path = make_zip(tmp_path / "a.zip", {"a.dem": bytes(1000)}, method)
    with pytest.raises(RequestError, match=r"a\.dem in a\.zip is compressed by a method other"):
        list_members(path, (".dem",))


def test_members_beyond_the_limits_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_zip(tmp_path / "a.zip", {f"{number}.dem": bytes(50) for number in range(20)})
    with monkeypatch.context() as patch:
        patch.setattr(archive, "MAX_MEMBERS", 19)
        with pytest.raises(RequestError, match=r"a\.zip has 20 members, and at most 19 are read"):
            list_members(path, (".dem",))
    with monkeypatch.context() as patch:
        patch.setattr(archive, "MAX_MEMBER_BYTES", 49)
        with pytest.raises(RequestError, match=r"0\.dem in a\.zip has 50 bytes, more than the 49"):
            list_members(path, (".dem",))
    with monkeypatch.context() as patch:
        patch.setattr(archive, "MAX_DIRECTORY_BYTES", 500)
        with pytest.raises(RequestError, match=r"cannot be read as a ZIP: its directory has 1,"):
            list_members(path, (".dem",))
    assert len(list_members(path, (".dem",))) == 20


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    """The first flag, in the header of the member and in the directory."""
    path = make_zip(tmp_path / "a.zip", {"a.dem": b"x"})
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(mark) + offset] |= 1
    path.write_bytes(content)
    with pytest.raises(RequestError, match=r"a\.dem in a\.zip is encrypted\. Unpack it"):
        list_members(path, (".dem",))


def test_a_member_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"a.dem": b"1", "b.dem": b"2"})
    damage(path, b"b.dem", b"a.dem")
    with pytest.raises(RequestError, match=r"a\.dem in a\.zip is there twice\. Unpack it"):
        list_members(path, (".dem",))


def test_a_full_disk_is_not_taken_for_a_damaged_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.BytesIO):
        def write(self, content) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.SpooledTemporaryFile", lambda size: Full())
    path = make_zip(tmp_path / "a.zip", {"a.dem": bytes(2_000)})
    with pytest.raises(OutputError, match=r"cannot take 2 kB of temporary files: No space left on"):
        open_member(path, "a.dem").__enter__()
