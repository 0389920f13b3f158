"""Files that describe each other are published so that a killed run leaves no mixture."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio import Affine

from hrdem.errors import OutputError, OutputExistsError
from hrdem.output import publish
from hrdem.output.publish import PreparedFile, StagedFile

KILLED = """
import json, os, sys
from pathlib import Path
from hrdem.output.publish import StagedFile, publish_described

folder, overwrite = Path(sys.argv[1]), sys.argv[2] == "overwrite"
room = folder / ".room"
room.mkdir()
LAYERS = "a.source.tif", "a.source.tif.aux.xml", "a.year.tif", "a.year.tif.aux.xml"
HREFS = ["a.tif", "a.source.tif", "a.year.tif"]

def publish(edition, overwrite):
    for name in ("a.tif", *LAYERS):
        (room / name).write_text(edition)
    item = {"edition": edition, "assets": {name: {"href": name} for name in HREFS}}
    (room / "a.stac.json").write_text(json.dumps(item))
    layers = [StagedFile(room / name, folder / name) for name in LAYERS]
    publish_described(
        room / "a.tif", folder / "a.tif", folder / "a.stac.json", room / "a.stac.json", layers,
        overwrite=overwrite,
    )

def kill_at(step):
    steps = iter(range(1000))
    def dying(call):
        def die(*args, **keywords):
            if next(steps) == step:
                os._exit(9)
            return call(*args, **keywords)
        return die
    for name in ("replace", "rename", "link", "unlink"):
        setattr(os, name, dying(getattr(os, name)))

for step in range(1000):
    for path in folder.glob("a.*"):
        path.unlink()
    if overwrite:
        publish("old", False)
    if not os.fork():
        kill_at(step)
        publish("new", overwrite)
        os._exit(0)
    _, status = os.wait()
    left = {path.name: path.read_text() for path in folder.glob("a.*")}
    if "a.stac.json" in left:
        left["a.stac.json"] = json.loads(left["a.stac.json"])["edition"]
    print(json.dumps(left))
    if status == 0:
        break
"""


@pytest.mark.slow(each=True)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process")
@pytest.mark.parametrize("overwrite", [True, False])
def test_killed_at_any_step_no_raster_has_layers_of_another(
    tmp_path: Path, overwrite: bool
) -> None:
    arguments = [tmp_path, "overwrite" if overwrite else "new"]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments], capture_output=True, text=True, check=True
    )
    states = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(states) > 6
    for left in states:
        if overwrite:
            assert "a.tif" in left
        if "a.tif" in left:
            assert len(set(left.values())) == 1
        if "a.stac.json" in left and ("a.tif" in left or overwrite):
            assert len(left) == 6
    assert set(states[-1].values()) == {"new"}
    assert len(states[-1]) == 6


def stage(folder: Path, *, overwrite: bool = False) -> PreparedFile:
    """A raster with a layer and an item, not yet under their names."""
    room = folder / ".room"
    room.mkdir(exist_ok=True)
    for name in ("a.tif", "a.source.tif", "a.stac.json"):
        (room / name).write_text("ours")
    layers = (StagedFile(room / "a.source.tif", folder / "a.source.tif"),)
    text = room / "a.stac.json"
    item = folder / "a.stac.json"
    return PreparedFile(room / "a.tif", folder / "a.tif", item, text, overwrite, layers)


def test_a_run_that_fails_leaves_the_files_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run took the item, which had no raster for long, for one that was left."""
    publish_one = publish.publish

    def be_overtaken(finished: Path, output: Path, overwrite: bool) -> None:
        if output.name == "a.source.tif":
            for name in ("a.stac.json", "a.source.tif"):
                (tmp_path / name).unlink(missing_ok=True)
                (tmp_path / name).write_text("theirs")
        publish_one(finished, output, overwrite)

    monkeypatch.setattr(publish, "publish", be_overtaken)
    with pytest.raises(OutputExistsError):
        stage(tmp_path).publish()
    left = {path.name: path.read_text() for path in tmp_path.glob("a.*")}
    assert left == {"a.stac.json": "theirs", "a.source.tif": "theirs"}


def test_a_disk_without_room_for_what_is_replaced_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File systems without links need a copy of it."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "a.tif").write_text("before")
    monkeypatch.setattr(os, "link", fail)
    monkeypatch.setattr(shutil, "copyfile", fail)
    with pytest.raises(OutputError, match="space"):
        publish.publish_together([stage(tmp_path, overwrite=True)])
    assert [path.name for path in tmp_path.glob("a.*")] == ["a.tif"]
    assert (tmp_path / "a.tif").read_text() == "before"


def test_layers_without_an_item_are_known_by_their_tags(tmp_path: Path) -> None:
    """A run was killed between them and their item: the next one replaces or removes them."""
    for name, product in (("source", "source"), ("year", "of somebody else")):
        path = tmp_path / f"a.{name}.tif"
        place = Affine(1, 0, 5, 0, -1, 5)
        with rasterio.open(path, "w", "GTiff", 2, 2, 1, "EPSG:3979", place, "uint8") as dataset:
            dataset.write(np.ones((1, 2, 2), "uint8"))
            dataset.update_tags(HRDEM_PRODUCT=product, HRDEM_SOURCES="[]")
    (tmp_path / "a.source-dsm.tif").write_text("no raster")
    found = publish.list_described_layers(tmp_path / "a.stac.json", tmp_path / "a.tif")
    assert found == [tmp_path / "a.source.tif"]


def test_a_folder_that_cannot_be_read_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one for what others deliver, mode 0300."""
    opened = os.open

    def refuse(path: Path, flags: int, *rest: Any, **named: Any) -> int:
        if Path(path) == tmp_path:
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, flags, *rest, **named)

    monkeypatch.setattr(os, "open", refuse)
    stage(tmp_path).publish()
    assert len([*tmp_path.glob("a.*")]) == 3
