"""An output is made again from its item alone: the same bytes, or why not."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hrdem
from hrdem.cli.main import run
from hrdem.demo import Addresses
from hrdem.errors import ExitCode, HrdemError, OutputExistsError, RequestError, SourceChangedError
from tests.relief import LEFT, TIERS, TOP, make_relief
from tests.shift_grids import millimetres, write_grid
from tests.stores import Store

BOX = {"bbox": (LEFT + 60, TOP - 240, LEFT + 240, TOP - 60), "bbox_crs": "EPSG:3979"}
CORNERS = [[LEFT, TOP - 60], [LEFT + 250.123456789, TOP - 100], [LEFT + 90, TOP - 240]]
# a datum that PROJ does not know, with the shift that it states itself
OLD = "+proj=utm +zone=18 +ellps=intl +towgs84=-87,-98,-121 +units=m +type=crs"


@pytest.fixture
def published(store: Store) -> Store:
    """Both surfaces of one sub-tile, and a tier below."""
    fine = make_relief("1m", 300, 300)
    fine[100:150, 100:150] = -32767
    store.add(TIERS["1m"], fine, LEFT, TOP)
    store.add(TIERS["1m"], fine + np.float32(9), LEFT, TOP, asset="dsm")
    store.add(TIERS["2m"], make_relief("2m", 400, 400), LEFT, TOP)
    return store


def extract(store: Store, path: Path, **params: Any) -> Path:
    """Extract, by default the DTM of the box; return the path of the item."""
    area = {} if {"aoi", "like", "size"} & params.keys() else BOX
    params = {"product": "dtm", **area, **params}
    hrdem.extract(**params, output=path, http=store, no_cache=True)
    return path.with_suffix(".stac.json")


def rerun(store: Store, item: Path, output: Path | None, **params: Any) -> hrdem.Rerun:
    return hrdem.rerun(item, output=output, http=store, no_cache=True, **params)


def write_area(folder: Path) -> Path:
    """Write an outline in EPSG:3979, which GeoJSON names in its old form."""
    path = folder / "area.geojson"
    ring = [*CORNERS, CORNERS[0]]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3979"}}
    shape = {"type": "Polygon", "coordinates": [ring], "crs": crs}
    path.write_text(json.dumps(shape))
    return path


@pytest.mark.parametrize(
    "params",
    [
        pytest.param({}, id="native"),
        pytest.param(
            {"crs": "EPSG:2959", "resolution": 1.5, "fill": "2m", "source_band": True},
            id="warped and filled",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"product": "chm", "fill": "2m", "feather": 3, "format": "cog", "crop": True,
             "compress": "lzw", "predictor": 2},
            id="chm",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"product": "dtm-slope", "slope_unit": "percent", "snap": False},
            id="slope", marks=pytest.mark.slow,
        ),
        pytest.param({"align": "blocks"}, id="blocks"),
        pytest.param({"format": "vrt"}, id="vrt"),
        pytest.param(
            {"buffer": 33.3, "resampling": "cubic", "resolution": 0.7},
            id="buffer", marks=pytest.mark.slow,
        ),
        pytest.param(
            {"origin": (LEFT + 60.3, TOP - 60.7), "size": (90, 70), "collection": "2m"},
            id="exact grid",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"crs": OLD, "resolution": 3.0, "surveys": False, "on_change": "restart"},
            id="linked datum", marks=pytest.mark.slow,
        ),
    ],
)  # fmt: skip
def test_the_same_sources_make_the_same_bytes(
    tmp_path: Path, published: Store, params: dict[str, Any]
) -> None:
    ending = ".vrt" if params.get("format") == "vrt" else ".tif"
    item = extract(published, tmp_path / f"a{ending}", **params)
    done = rerun(published, item, tmp_path / f"b{ending}")
    assert done.identical
    assert not done.changes
    assert done.result.output.read_bytes() == item.with_name(f"a{ending}").read_bytes()
    before, after = (json.loads(each.read_bytes()) for each in (item, tmp_path / "b.stac.json"))
    names = ("hrdem:rerun", "hrdem:request", "hrdem:fingerprint", "proj:transform")
    assert [before["properties"][name] for name in names] == [
        after["properties"][name] for name in names
    ]


@pytest.mark.parametrize("kind", ["aoi", pytest.param("like", marks=pytest.mark.slow)])
def test_files_that_the_area_came_from_are_not_read_again(
    tmp_path: Path, published: Store, kind: str
) -> None:
    if kind == "aoi":
        area = write_area(tmp_path)
    else:
        area = extract(published, tmp_path / "like.tif", crs="EPSG:2959", resolution=2.5)
        area = area.with_name("like.tif")
    item = extract(published, tmp_path / "a.tif", **{kind: area})
    area.unlink()
    assert str(tmp_path) not in item.read_text()
    assert rerun(published, item, tmp_path / "b.tif").identical


@pytest.mark.slow
def test_tiles_of_wide_rasters_have_the_order_that_they_had(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hrdem.http.run_context.measure_baseline", lambda: 230_000_000)
    store.add(TIERS["1m"], make_relief("1m", 3100, 600), LEFT, TOP)
    box = {"bbox": (LEFT, TOP - 600, LEFT + 3100, TOP), "bbox_crs": "EPSG:3979"}
    item = extract(store, tmp_path / "a.tif", **box, max_memory="240MB")
    monkeypatch.setattr("hrdem.http.run_context.measure_baseline", lambda: 140_000_000)
    assert rerun(store, item, tmp_path / "b.tif").identical
    assert not rerun(store, item, tmp_path / "c.tif", max_memory="2GB").identical


def test_an_output_that_was_lost_is_made_again_in_its_place(
    tmp_path: Path, published: Store
) -> None:
    item = extract(published, tmp_path / "a.tif")
    with pytest.raises(OutputExistsError):
        rerun(published, item, None)
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").unlink()
    os.utime(item, (0, 0))
    assert rerun(published, tmp_path / "a.tif", None).identical
    assert (tmp_path / "a.tif").read_bytes() == content
    assert rerun(published, item, None, if_changed=True).result.unchanged


def test_a_republished_source_is_an_error_or_the_newest(tmp_path: Path, published: Store) -> None:
    item = extract(published, tmp_path / "a.tif", on_change="restart")
    published.add(TIERS["1m"], make_relief("1m", 300, 300, step=7), LEFT, TOP)
    with pytest.raises(SourceChangedError, match=r"tile-\S+: its \w+ was .*, now it is") as caught:
        rerun(published, item, tmp_path / "b.tif")
    assert caught.value.exit_code == ExitCode.SOURCE_CHANGED
    assert "a.stac.json records" in str(caught.value)
    assert "`newest` takes" in str(caught.value)
    assert not (tmp_path / "b.tif").exists()
    done = rerun(published, item, tmp_path / "b.tif", newest=True)
    assert not done.identical
    assert [change.partition(":")[0] for change in done.changes] == ["tile-hrdem-mosaic-1m"]
    hrdem.extract(**BOX, product="dtm", output=tmp_path / "c.tif", http=published, no_cache=True)
    assert (tmp_path / "b.tif").read_bytes() == (tmp_path / "c.tif").read_bytes()


@pytest.mark.slow
def test_a_source_that_came_or_went_is_a_change(tmp_path: Path, published: Store) -> None:
    item = extract(published, tmp_path / "a.tif", fill="2m")
    published.add(TIERS["1m"], make_relief("1m", 300, 300), LEFT, TOP, item="new")
    with pytest.raises(SourceChangedError, match=r"new-hrdem-mosaic-1m was not there\."):
        rerun(published, item, tmp_path / "b.tif")
    second = extract(published, tmp_path / "c.tif")
    published._items[TIERS["1m"]].pop("new-hrdem-mosaic-1m")
    with pytest.raises(SourceChangedError, match="new-hrdem-mosaic-1m is no longer there"):
        rerun(published, second, tmp_path / "b.tif")
    published._items.clear()
    with pytest.raises(SourceChangedError, match=r"are no longer there\. .* has no item"):
        rerun(published, item, tmp_path / "b.tif")


@pytest.mark.slow
def test_a_date_of_the_catalogue_is_a_change_as_tags_have_it(
    tmp_path: Path, published: Store
) -> None:
    item = extract(published, tmp_path / "a.tif")
    published._dates["tile-hrdem-mosaic-1m"] = "2027", "2024"
    with pytest.raises(SourceChangedError, match="date of tile-hrdem-mosaic-1m was 2026, now it"):
        rerun(published, item, tmp_path / "b.tif")


@pytest.mark.slow
def test_another_shift_grid_is_refused(tmp_path: Path, published: Store) -> None:
    grid = write_grid(tmp_path / "grid.tif", millimetres(60, 120))
    item = extract(published, tmp_path / "a.tif", vertical_datum="CGVD28", vertical_grid=grid)
    assert rerun(published, item, tmp_path / "b.tif", vertical_grid=grid).identical
    other = write_grid(tmp_path / "other.tif", millimetres(60, 120) + 1)
    with pytest.raises(RequestError, match=r"the SHA-256 [0-9a-f]{64}.* `vertical_grid`"):
        rerun(published, item, tmp_path / "c.tif", vertical_grid=other)


@pytest.mark.slow
def test_versions_of_programs_are_named_if_bytes_differ(
    tmp_path: Path, published: Store, caplog: pytest.LogCaptureFixture
) -> None:
    item = extract(published, tmp_path / "a.tif")
    document = json.loads(item.read_bytes())
    document["properties"]["processing:software"]["GDAL"] = "3.6.0"
    document["assets"]["dtm"]["file:checksum"] = "1220" + 64 * "0"
    item.write_text(json.dumps(document))
    assert not rerun(published, item, tmp_path / "b.tif").identical
    assert "it was made by GDAL 3.6.0 (here 3." in caplog.text


def test_items_without_a_request_say_what_is_missing(tmp_path: Path, published: Store) -> None:
    item = extract(published, tmp_path / "a.tif")
    document = json.loads(item.read_bytes())
    cases = {
        "a tile of a job": {**document["properties"], "hrdem:job": "0"},
        "has no hrdem:rerun: outline and CRS of the area": {"hrdem:request": {}},
        "is not a STAC item that hrdem extract writes": {},
    }
    for message, properties in cases.items():
        item.write_text(json.dumps({**document, "properties": properties}))
        with pytest.raises(RequestError, match=message):
            rerun(published, item, tmp_path / "b.tif")
    item.write_text("[")
    with pytest.raises(RequestError, match="or is damaged"):
        rerun(published, item, tmp_path / "b.tif")
    with pytest.raises(RequestError, match=r"none\.stac\.json does not exist"):
        rerun(published, tmp_path / "none.tif", None)


def test_secrets_of_the_catalogue_are_not_recorded(tmp_path: Path, published: Store) -> None:
    secret = {
        "stac_url": "http://stac.invalid/?token=abc123",
        "wcs_url": "http://w.invalid/?key=abc123",
    }
    item = extract(published, tmp_path / "a.tif", **secret)
    assert "abc123" not in item.read_text()
    with pytest.raises(RequestError, match=r"came from the catalogue .*REDACTED.*`stac_url`"):
        rerun(published, item, tmp_path / "b.tif")
    assert rerun(published, item, tmp_path / "b.tif", **secret).identical


def test_a_file_does_not_decide_where_requests_are_sent(tmp_path: Path, published: Store) -> None:
    stac = {"stac_url": "http://10.0.0.1/stac/"}
    item = extract(published, tmp_path / "a.tif", **stac, wcs_url="http://10.0.0.2/wcs")
    with pytest.raises(RequestError, match=r"http://10\.0\.0\.2/wcs, which is on another host"):
        rerun(published, item, tmp_path / "b.tif", **stac)
    item = extract(published, tmp_path / "c.tif", **stac, wcs_url="http://10.0.0.1/wcs")
    assert rerun(published, item, tmp_path / "b.tif", **stac).identical


def each_value(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    keys = range(len(document)) if isinstance(document, list) else document
    for key in keys if isinstance(document, dict | list) else ():
        yield (*path, key)
        yield from each_value(document[key], (*path, key))


@pytest.mark.slow
@pytest.mark.long
def test_damaged_requests_are_refused_with_a_sentence(tmp_path: Path, published: Store) -> None:
    item = extract(published, tmp_path / "a.tif", like=write_like(published, tmp_path), crop=True)
    document = json.loads(item.read_bytes())
    refused = 0
    for path in each_value(document["properties"]["hrdem:rerun"]):
        for junk in (None, "x", -1, [], {}, 1e300):
            changed = copy.deepcopy(document)
            values = changed["properties"]["hrdem:rerun"]
            for key in path[:-1]:
                values = values[key]
            values[path[-1]] = junk
            item.write_text(json.dumps(changed))
            try:
                rerun(published, item, tmp_path / "b.tif", overwrite=True)
            except HrdemError:
                refused += 1
    assert refused > 100


def write_like(store: Store, folder: Path) -> Path:
    return extract(store, folder / "like.tif", crs="EPSG:2959", resolution=2.5).with_name(
        "like.tif"
    )


@pytest.mark.slow
def test_the_command_prints_whether_bytes_are_the_same(
    tmp_path: Path, demo: Addresses, republished: Addresses, capsys: pytest.CaptureFixture[str]
) -> None:
    def services(of: Addresses) -> list[str]:
        return ["--stac-url", of.stac, "--wcs-url", of.wcs, "--no-cache"]

    first, again = str(tmp_path / "a.tif"), str(tmp_path / "b.tif")
    area = ["--bbox", "-75.7200,45.4000,-75.7190,45.4005", "--product", "dtm"]
    assert run(["extract", *area, "-o", first, *services(demo)]) == ExitCode.COMPLETE
    capsys.readouterr()
    assert run(["rerun", first, "-o", again, "--json", *services(demo)]) == ExitCode.COMPLETE
    document = json.loads(capsys.readouterr().out)
    assert (document["identical"], document["output"]) == (True, again)
    changed = ["rerun", first, "-o", again, "--overwrite", *services(republished)]
    assert run(changed) == ExitCode.SOURCE_CHANGED
    assert "--newest takes the sources as they are now" in capsys.readouterr().err
    assert run([*changed, "--newest"]) == ExitCode.COMPLETE
    out = capsys.readouterr().out
    assert "changed    9_2-mosaic-1m: its ETag was" in out
    assert "other bytes than those that a.tif describes" in out
