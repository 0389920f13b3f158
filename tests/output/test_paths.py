"""Names of outputs: which endings are written, and safe names from untrusted text."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import rasterio

from hrdem.errors import RequestError
from hrdem.output.paths import (
    FileKind,
    check_output,
    is_reserved_by_windows,
    make_file_name,
)
from tests.systems import IS_WINDOWS


@pytest.mark.parametrize(
    "name",
    [
        *("dem.tif", "dem.TIFF", "dem.v1.Tif", "-dem.tif"),
        pytest.param("a:b.tif", marks=pytest.mark.skipif(IS_WINDOWS, reason="a stream of a")),
    ],
)
def test_endings_of_geotiffs(tmp_path: Path, name: str) -> None:
    check_output(tmp_path / name, overwrite=False, kind=FileKind.GEOTIFF)


@pytest.mark.parametrize(
    ("name", "kind", "advice"),
    [
        ("dem", FileKind.GEOTIFF, "Give `output=dem.tif`."),
        ("dem.v1", FileKind.GEOTIFF, "Give `output=dem.v1.tif`."),
        (".tif", FileKind.GEOTIFF, "Give `output=.tif.tif`."),
        ("dem.cog", FileKind.GEOTIFF, "Give `output=dem.tif`."),
        ("dem.dem", FileKind.GEOTIFF, "Give `output=dem.tif`."),
        ("dem.zip", FileKind.GEOTIFF, "Give `output=dem.tif`, then compress it."),
        ("dem.TIF.gz", FileKind.GEOTIFF, "Give `output=dem.TIF`, then compress it."),
        ("dem.PNG", FileKind.GEOTIFF, "or use hrdem preview, which draws a picture."),
        ("dem.tif", FileKind.PNG, "Give `output=dem.png`."),
        ("dem", FileKind.PNG, "Give `output=dem.png`."),
    ],
)
def test_other_endings_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, kind: FileKind, advice: str
) -> None:
    """A GeoTIFF under another format's name misleads people and programs."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RequestError) as refused:
        check_output(Path(name), overwrite=True, kind=kind)
    assert str(refused.value).endswith(advice)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("ending", ["asc", "BIL", "gpkg", "img", "nc", "vrt", "xyz"])
def test_advice_for_other_formats_works(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ending: str
) -> None:
    """Outputs of two bands included."""
    if shutil.which("gdal_translate") is None:
        pytest.skip("needs GDAL's tools")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RequestError, match="Give `output=my dem.tif`; ") as refused:
        check_output(Path(f"my dem.{ending}"), overwrite=True, kind=FileKind.GEOTIFF)
    advice = str(refused.value).partition("; ")[2]
    command = shlex.split(advice.partition(" then converts it.")[0])
    profile = {"width": 9, "height": 9, "count": 2, "dtype": "float32", "crs": "EPSG:3979"}
    transform = rasterio.Affine(1, 0, 1, 0, -1, 9)
    with rasterio.open("my dem.tif", "w", **profile, transform=transform) as file:
        file.write(np.linspace(300, 400, 162, dtype="float32").reshape(2, 9, 9))
    subprocess.run([*command, "-q"], check=True)
    checked = ["gdalinfo", "-checksum", f"my dem.{ending}"]
    assert "Type=Float32" in subprocess.run(checked, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    ("name", "is_reserved"),
    [
        ("CON.tif", True),
        ("lpt1.x.tif", True),
        ("dem.tif:stream", True),
        ("dem:x.tif", True),
        ("contour.tif", False),
        ("com.tif", False),
    ],
)
def test_names_that_windows_reserves(name: str, is_reserved: bool) -> None:
    assert is_reserved_by_windows(name) is is_reserved


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("9_2-mosaic-1m-dtm.vrt", "9_2-mosaic-1m-dtm.vrt"),
        ("TILE.VRT", "TILE.vrt"),
        ("..\\..\\evil.vrt", "evil.vrt"),
        ("../../etc/passwd", "etc_passwd.vrt"),
        (".bashrc", "bashrc.vrt"),
        (".vrt", "file.vrt"),
        ("", "file.vrt"),
        ("..", "file.vrt"),
        ("-rf", "rf.vrt"),
        ("a\x00b\x1b[2Jc\n.vrt", "a_b__2Jc.vrt"),
        ("CON", "_CON.vrt"),
        ("nul.tar.vrt", "_nul.tar.vrt"),
        ("com1.vrt", "_com1.vrt"),
        ("C:x.vrt", "C_x.vrt"),
        ("a. .vrt", "a.vrt"),
        ("évil\u202e.vrt", "vil.vrt"),
        ("x" * 300, "x" * 100 + ".vrt"),
    ],
)
def test_file_names_are_safe_on_any_system(text: str, name: str) -> None:
    assert make_file_name(text, ".vrt") == name
