"""A job ends when it shall; what it has written, as the page lists it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hrdem.app.run_job import list_files


def test_files_beside_the_heights_are_listed_with_their_product(tmp_path: Path) -> None:
    names = (
        *("dtm.tif", "dtm.source.tif", "dtm.source.tif.aux.xml", "dtm.year.tif", "dtm.stac.json"),
        *("dtm-slope.tif", "dtm-slope.stac.json", "area.geojson", ".dtm.tif.partial"),
    )
    for name in names:
        (tmp_path / name).write_bytes(b"12")
    outputs = [
        {"output": f"{product}.tif", "request": {"product": product}}
        for product in ("dtm", "dtm-slope")
    ]
    found = list_files(tmp_path, {"outputs": outputs})
    assert [(each["name"], each["role"], each["product"]) for each in found] == [
        ("dtm-slope.tif", "raster", "dtm-slope"),
        ("dtm.tif", "raster", "dtm"),
        ("dtm.source.tif", "layer", "dtm"),
        ("dtm.source.tif.aux.xml", "layer", "dtm"),
        ("dtm.year.tif", "layer", "dtm"),
        ("dtm-slope.stac.json", "item", "dtm-slope"),
        ("dtm.stac.json", "item", "dtm"),
    ]
    assert {each["bytes"] for each in found} == {2}


def test_a_job_that_is_cancelled_while_it_imports_ends(tmp_path: Path) -> None:
    """Even in a callback, in which Python drops exceptions, as that of Ctrl-C."""
    module = tmp_path / "click.py"
    module.write_text(
        "import time\n"
        "class Callback:\n    def __del__(self): print('begun', flush=True), time.sleep(60)\n"
        "Callback()\nprint('went on', flush=True)",
        "utf-8",
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "hrdem.app.job_process", "--help"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == b"begun"
    rest, _ = process.communicate()  # closes its standard input
    assert (process.returncode, rest) == (130, b"")
