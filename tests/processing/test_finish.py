"""The nodata value of a file, if it has one, is also that of the output."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio

import hrdem
from hrdem.http.run_context import RunContext
from hrdem.jobs.extract import run_plan
from hrdem.output.plan_writer import OutputOptions
from tests.cogs import HEIGHT, TRANSFORM, WIDTH, Bytes, plan_only_file, write_cog


@pytest.mark.parametrize("align", ["pixels", "blocks"])
@pytest.mark.parametrize(
    ("dtype", "nodata"),
    [
        ("float32", float("nan")),
        ("float32", float("-inf")),
        ("float32", None),
        ("float32", 0),
        ("int32", -32767),
        ("int16", -32767),
        ("int16", None),
    ],
)
def test_output_keeps_the_nodata_of_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str, nodata: float | None, align: str
) -> None:
    """Pixels and nodata of the file are those of the output, its item and its reports."""
    path, output = tmp_path / "file.tif", tmp_path / "out.tif"
    write_cog(path, dtype=dtype, nodata=nodata, compress="deflate")
    content = Bytes(path.read_bytes())
    result = run_plan(
        plan_only_file(monkeypatch, content, align=align),
        RunContext(content),
        OutputOptions(output),
    )
    with rasterio.open(path) as source, rasterio.open(output) as copy:
        np.testing.assert_array_equal(copy.read(1)[:120, :200], source.read(1)[:120, :200])
        if nodata is not None or align == "blocks":
            np.testing.assert_equal(copy.nodata, source.nodata)
    item = json.loads((tmp_path / "out.stac.json").read_text())
    band = item["assets"]["dtm"]["bands"][0]
    if nodata is None and align == "blocks":
        assert "nodata" not in band
    else:
        assert float(band["nodata"]) == result.plan.nodata or np.isnan(float(band["nodata"]))
    for document in (result.as_dict(), result.plan.as_dict()):
        json.dumps(document, allow_nan=False)


@pytest.mark.parametrize("dtype", ["uint16", "uint32"])
def test_dtype_without_free_value_is_only_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    """A type that cannot represent the nodata value cannot be merged; its blocks can be copied."""
    path, output = tmp_path / "file.tif", tmp_path / "out.tif"
    with rasterio.open(
        path, "w", driver="GTiff", dtype=dtype, count=1, width=WIDTH, height=HEIGHT, tiled=True,
        crs="EPSG:3979", transform=TRANSFORM, blockxsize=128, blockysize=128, compress="deflate",
    ) as dataset:  # fmt: skip
        dataset.write(np.full((HEIGHT, WIDTH), 7, dtype), 1)
    content = Bytes(path.read_bytes())
    with pytest.raises(hrdem.SourceError, match=f"{dtype} leaves none free.*align=blocks"):
        plan_only_file(monkeypatch, content)
    run_plan(
        plan_only_file(monkeypatch, content, align="blocks"),
        RunContext(content),
        OutputOptions(output),
    )
    with rasterio.open(output) as copy:
        assert copy.nodata is None
