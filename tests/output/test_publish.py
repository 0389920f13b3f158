"""Files that describe each other are published so that a killed run leaves no mixture."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

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
