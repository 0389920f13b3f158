"""Import rasters into GRASS (or link them, with COMMAND r.external), inside a session of GRASS.

COMMAND OUT FILE...
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

NULL = -99999

command, out, *paths = sys.argv[1:]


def run(*arguments: str) -> str:
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-300:])
    return done.stdout


for path in paths:
    name = Path(path).stem
    try:
        run(command, f"input={path}", f"output={name}", "-o", "--overwrite", "--quiet")
        listed = run("g.list", "type=raster", f"pattern={name}*").split()
        pixels = b""
        for each in listed:
            run("g.region", f"raster={each}")
            run("r.mapcalc", f"out = float({each})", "--overwrite", "--quiet")
            run("r.out.bin", "-f", "input=out", f"output={out}/raw", f"null={NULL}", "bytes=4",
                "--overwrite", "--quiet")  # fmt: skip
            pixels += Path(out, "raw").read_bytes()
        info = dict(line.split("=", 1) for line in run("r.info", "-g", listed[0]).splitlines())
        run("g.remove", "-f", "type=raster", f"name={','.join([*listed, 'out'])}", "--quiet")
        described = {
            "width": int(info["cols"]), "height": int(info["rows"]),
            "left": float(info["west"]), "top": float(info["north"]),
            "dx": float(info["ewres"]), "dy": float(info["nsres"]), "nodata": NULL,
        }  # fmt: skip
    except RuntimeError as exc:
        described, pixels = {"error": str(exc)}, b""
    Path(out, f"{name}.f32").write_bytes(pixels)
    Path(out, f"{name}.json").write_text(json.dumps(described), encoding="utf-8")
