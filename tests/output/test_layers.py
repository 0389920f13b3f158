"""Layers beside an output: the height file stays as it is, and all files go together."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import rasterio

import hrdem
import hrdem.output.publish
from hrdem.errors import OutputError, OutputExistsError
from hrdem.output.colours import SOURCE_COLOURS
from tests.layers import read_with_layers
from tests.relief import LEFT, TIERS, TOP, make_relief, punch_holes
from tests.stores import Store

BOX = {"bbox": (LEFT + 10, TOP - 290, LEFT + 590, TOP - 10), "bbox_crs": "EPSG:3979"}
NAMES = ["west-hrdem-mosaic-1m", "east-hrdem-mosaic-1m", "tile-mrdem-30"]
Run = Callable[..., hrdem.Result]


@pytest.fixture
def run(store: Store, tmp_path: Path) -> Run:
    """Extract from two files of 1 m with holes, and one of 30 m."""
    for number, item in enumerate(("west", "east")):
        pixels = punch_holes(make_relief("1m", 300, 300), number, 0.1)
        store.add(TIERS["1m"], pixels, LEFT + 300 * number, TOP, item=item)
    store.add(TIERS["30m"], make_relief("30m", 600, 300), LEFT, TOP)

    def extract(**params: Any) -> hrdem.Result:
        own = {"product": "dtm", "fill": "30m", "source_band": True, "output": tmp_path / "a.tif"}
        return hrdem.extract(**{**BOX, **own, **params}, http=store)

    return extract


def list_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("form", ["gtiff", pytest.param("cog", marks=pytest.mark.slow)])
def test_the_height_file_is_that_without_layers(run: Run, tmp_path: Path, form: str) -> None:
    """All but its tags: bands, statistics, overviews, and the bytes of its tiles."""
    run(format=form)
    run(format=form, source_band=False, output=tmp_path / "b.tif")
    with rasterio.open(tmp_path / "a.tif") as dataset, rasterio.open(tmp_path / "b.tif") as plain:
        assert dataset.profile == plain.profile
        assert (dataset.descriptions, dataset.tags(1)) == (plain.descriptions, plain.tags(1))
        for shape in (dataset.shape, (1, 10, 20)):  # of full resolution, and of an overview
            size = shape[-2:]
            np.testing.assert_array_equal(
                dataset.read(1, out_shape=size), plain.read(1, out_shape=size)
            )
    if form == "gtiff":
        files = [(tmp_path / name).read_bytes() for name in ("a.tif", "b.tif")]
        directory = int.from_bytes(files[0][4:8], "little")
        assert directory > 100_000
        assert files[0][:directory] == files[1][:directory]


def test_layers_have_no_vertical_datum_that_programs_could_shift_them_by(
    run: Run, tmp_path: Path
) -> None:
    """With a geoid in PROJ, `gdalwarp` made 1985 of the year 2020, and no source of each id."""
    run(vertical_crs=True)
    with rasterio.open(tmp_path / "a.tif") as heights:
        assert heights.crs == rasterio.CRS.from_user_input("EPSG:3979+6647")
    with rasterio.open(tmp_path / "a.source.tif") as dataset:
        assert dataset.crs.to_epsg() == 3979


def test_programs_find_names_and_colours_of_the_sources(run: Run, tmp_path: Path) -> None:
    """In the item; with GDAL's metadata file, which has the classes that there are; and without."""
    result = run()
    layer = tmp_path / "a.source.tif"
    assert [source.name for source in result.plan.sources] == NAMES
    assets = json.loads((tmp_path / "a.stac.json").read_bytes())["assets"]
    assert [*assets] == ["dtm", "source"]
    (band,) = assets["source"]["bands"]
    assert [each["title"] for each in band["classification:classes"]] == NAMES
    with rasterio.open(layer) as dataset:
        assert (dataset.count, dataset.dtypes, dataset.nodata) == (1, ("uint8",), 0)
        listed = dataset.colormap(1)
    assert len(listed) == 4
    pam = tmp_path / "a.source.tif.aux.xml"
    assert [each.text for each in ET.parse(pam).iter("Category")] == ["no data", *NAMES]
    pam.unlink()
    with rasterio.open(layer) as dataset:
        assert len(dataset.colormap(1)) == 256
        for colours in (listed, dataset.colormap(1)):
            assert [colours[number][:3] for number in (1, 2, 3)] == [*SOURCE_COLOURS[:3]]


@pytest.mark.parametrize(
    "compress",
    ["lzw", *(pytest.param(each, marks=pytest.mark.slow) for each in ("deflate", "zstd", "none"))],
)
def test_each_pixel_with_data_has_a_source(run: Run, tmp_path: Path, compress: str) -> None:
    result = run(compress=compress)
    pixels, ids = read_with_layers(tmp_path / "a.tif", "source")
    counts = np.bincount(ids.ravel(), minlength=4)
    assert counts[0] == (pixels == result.plan.nodata).sum()
    assert counts[1:].tolist() == [*result.pixels_by_source.values()]
    assert min(counts[1:]) > 0


@pytest.mark.slow
def test_the_layers_of_a_file_that_is_replaced_are_removed(run: Run, tmp_path: Path) -> None:
    """Those that its item describes: not what another program wrote."""
    run()
    (tmp_path / "a.year.tif").write_bytes(b"mine")
    run(source_band=False, overwrite=True)
    assert sorted(list_files(tmp_path)) == ["a.stac.json", "a.tif", "a.year.tif"]
    with pytest.raises(OutputExistsError, match=r"a\.year\.tif exists"):
        run(if_changed=True)
    (tmp_path / "a.source.tif").write_bytes(b"mine")
    (tmp_path / "a.tif").unlink()
    (tmp_path / "a.stac.json").unlink()
    for more in ({}, {"if_changed": True}):
        with pytest.raises(OutputExistsError, match=r"a\.source\.tif exists; give `overwrite`"):
            run(**more)
    assert sorted(list_files(tmp_path)) == ["a.source.tif", "a.year.tif"]


@pytest.mark.slow
@pytest.mark.parametrize("overwrite", [pytest.param(False, marks=pytest.mark.long), True])
@pytest.mark.parametrize("failing", ["a.tif", "a.source.tif.aux.xml", "a.stac.json"])
def test_all_files_are_published_or_none(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overwrite: bool, failing: str
) -> None:
    if overwrite:
        run(resolution=5)
    before = list_files(tmp_path)
    publish = hrdem.output.publish.publish

    def fail(partial: Path, path: Path, overwrite: bool) -> None:
        if path.name == failing:
            raise OSError(errno.EROFS, "the folder is read-only now")
        publish(partial, path, overwrite)

    monkeypatch.setattr(hrdem.output.publish, "publish", fail)
    with pytest.raises(OutputError, match="read-only now"):
        run(overwrite=overwrite)
    assert list_files(tmp_path) == before


@pytest.mark.slow
def test_what_a_killed_run_published_before_its_raster_is_replaced(
    run: Run, tmp_path: Path
) -> None:
    """It publishes the raster last."""
    run()
    expected = list_files(tmp_path).keys()
    (tmp_path / "a.tif").unlink()
    (tmp_path / "a.source.tif").write_bytes(b"half")
    with pytest.raises(OutputExistsError):
        run()
    os.utime(tmp_path / "a.stac.json", (0, 0))
    run()
    assert list_files(tmp_path).keys() == expected
    assert hrdem.verify(tmp_path / "a.tif").exit_code == 0


@pytest.mark.slow
def test_a_layer_that_is_gone_or_damaged_is_found_and_made_again(run: Run, tmp_path: Path) -> None:
    layer = tmp_path / "a.source.tif"
    params = {"if_changed": True, "resolution": 5}
    run(**params)
    assert run(**params).unchanged
    content = layer.read_bytes()
    for damaged, said in ((content[:-1], "bytes, and"), (None, "a.source.tif is missing.")):
        layer.unlink() if damaged is None else layer.write_bytes(damaged)
        *checks, check = hrdem.verify(tmp_path / "a.tif").checks
        assert [each.state for each in checks] == ["ok"] * 3
        assert (check.name, check.state) == ("source", "wrong")
        assert said in check.reason
        assert not run(**params).unchanged
        assert layer.read_bytes() == content
