"""The programs that read our files, each through a script of its own.

A script reads files and leaves two for each in a folder: the pixels of all bands as float32, and
what the program says of the file as JSON, or ``{"error": …}``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hrdem.geo.grid import Pixels

SCRIPTS = Path(__file__).parent / "scripts"
FOLDER = Path(os.environ.get("HRDEM_READERS_FOLDER", "/opt/hrdem-readers"))
PYTHON = "/usr/bin/python3"  # Debian's, which has QGIS
#: version of GDAL: version of rasterio whose wheel bundles it
WHEELS = {
    "2.4.2": "1.0.28",
    "3.2.1": "1.2.0",
    "3.3.2": "1.2.10",
    "3.5.0": "1.3.0",
    "3.9.3": "1.4.3",
    "3.10.3": "1.4.4",
    "3.12.2": "1.5.2",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """A file as a program reads it.

    Attributes:
        pixels: Array of shape (bands, rows, columns); None if the program reports an error.
        described: What else it reports, or the error.
    """

    pixels: Pixels | None
    described: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Program:
    """A program.

    Attributes:
        name: Its name and version.
        command: Command that reads files; the folder for results and the files follow.
        needs: File without which it is not installed.
        environment: Variables that it needs.
    """

    name: str
    command: tuple[str, ...]
    needs: Path
    environment: dict[str, str] = field(default_factory=dict)

    def read(self, paths: Sequence[Path], out: Path) -> dict[Path, Reading]:
        """Read files."""
        out.mkdir(parents=True)
        done = subprocess.run(
            [*self.command, str(out), *map(str, paths)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "RUST_BACKTRACE": "0", **self.environment},
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return {path: _load(out / path.stem) for path in paths}


def _load(stem: Path) -> Reading:
    described = json.loads(stem.with_name(f"{stem.name}.json").read_text())
    if "error" in described:
        return Reading(None, described)
    pixels = np.fromfile(stem.with_name(f"{stem.name}.f32"), "<f4")
    return Reading(pixels.reshape(-1, described["height"], described["width"]), described)


def _of_wheel(version: str) -> Program:
    root = FOLDER / "gdal" / WHEELS[version]
    found = [*root.glob("rasterio.libs/libgdal*"), *root.glob("rasterio/.libs/libgdal*")]
    library = found[0] if found else root / "libgdal.so"
    data = str(root / "rasterio/gdal_data"), str(root / "rasterio/proj_data")
    script = str(SCRIPTS / "read_gdal.py")
    path = {"LD_LIBRARY_PATH": str(library.parent)}
    return Program(f"GDAL {version}", (sys.executable, script, str(library), *data), library, path)


def _of_script(name: str, script: str, *arguments: str, python: Path) -> Program:
    return Program(name, (str(python), str(SCRIPTS / script), *arguments), python)


def _find(program: str) -> Path:
    return Path(shutil.which(program) or f"/usr/bin/{program}")


_DEBIAN_GDAL = Path("/usr/lib/x86_64-linux-gnu/libgdal.so.32")
_WHITEBOX = "venv/{}/bin/python"
_WHITEBOX_TOOLS = FOLDER / "venv/whitebox-tools/lib/python3.11/site-packages/weppcloud_wbt/bin"
_GRASS = ("grass", "--tmp-location", "XY", "--exec", "python3", str(SCRIPTS / "read_grass.py"))

PROGRAMS = (
    *map(_of_wheel, WHEELS),
    Program(
        "GDAL 3.6.2",
        (PYTHON, str(SCRIPTS / "read_gdal.py"), str(_DEBIAN_GDAL), "", ""),
        _DEBIAN_GDAL,
    ),
    Program(
        "QGIS 3.22",
        (PYTHON, str(SCRIPTS / "read_qgis.py")),
        Path("/usr/lib/python3/dist-packages/qgis"),
        {"QT_QPA_PLATFORM": "offscreen"},
    ),
    Program("GRASS r.in.gdal 8.2", (*_GRASS, "r.in.gdal"), _find("grass")),
    Program("GRASS r.external 8.2", (*_GRASS, "r.external"), _find("grass")),
    Program("SAGA 8.5", (PYTHON, str(SCRIPTS / "read_saga.py")), _find("saga_cmd")),
    Program(
        "R terra 1.7",
        ("Rscript", str(SCRIPTS / "read_terra.R")),
        Path("/usr/lib/R/site-library/terra"),
    ),
    Program(
        "WhiteboxTools 2.4",
        (PYTHON, str(SCRIPTS / "read_whitebox_tools.py"), str(_WHITEBOX_TOOLS / "whitebox_tools")),
        _WHITEBOX_TOOLS,
    ),
    _of_script(
        "whitebox-workflows 1.3",
        "read_whitebox.py",
        python=FOLDER / "venv/whitebox-1/bin/python",
    ),
    _of_script(
        "whitebox-workflows 2.0",
        "read_whitebox.py",
        python=FOLDER / "venv/whitebox-2/bin/python",
    ),
    _of_script("tifffile", "read_tifffile.py", python=FOLDER / "venv/tifffile/bin/python"),
    *(
        Program(
            f"geotiff.js {version}",
            ("node", str(SCRIPTS / "read_geotiff.mjs"), str(FOLDER / "npm" / version)),
            FOLDER / "npm" / version,
        )
        for version in ("1.0.9", "2.1.3", "3.0.5")
    ),
)
