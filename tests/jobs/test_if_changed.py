"""An output is left alone only if it would be made again as it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio import Affine

import hrdem
from hrdem.cli.main import run
from hrdem.demo import Addresses
from hrdem.errors import ExitCode
from hrdem.http.session import Session
from hrdem.planning.fingerprint import fingerprint_plan
from hrdem.request import fields
from tests.jobs.test_session import LEFT as TILE_LEFT
from tests.jobs.test_session import TOP as TILE_TOP
from tests.jobs.test_session import Publisher
from tests.misbehaving import misbehaving
from tests.relief import LEFT, TIERS, TOP, make_relief
from tests.shift_grids import millimetres, write_grid
from tests.stores import Store

BOX = {"bbox": (LEFT + 60, TOP - 240, LEFT + 240, TOP - 60), "bbox_crs": "EPSG:3979"}
TRIANGLE = f"POLYGON (({LEFT} {TOP - 60}, {LEFT + 250} {TOP - 100}, {LEFT + 90} {TOP - 240}))"
UTM = {"crs": "EPSG:2959", "resolution": 1.5}
EXACT = {"bbox": None, "bbox_crs": None, "origin": (LEFT + 60, TOP - 60), "resolution": 1}


@pytest.fixture
def published(store: Store) -> Store:
    """Both surfaces of one sub-tile, and a tier below."""
    fine = make_relief("1m", 300, 300)
    store.add(TIERS["1m"], fine, LEFT, TOP)
    store.add(TIERS["1m"], fine + np.float32(9), LEFT, TOP, asset="dsm")
    store.add(TIERS["2m"], make_relief("2m", 200, 200), LEFT, TOP)
    return store


def extract(store: Store, path: Path, **params: Any) -> hrdem.Result:
    """Extract if something changed, by default the DTM of the box."""
    params = {"product": "dtm", **BOX, **params}
    return hrdem.extract(**params, output=path, http=store, if_changed=True, no_cache=True)


def test_unchanged_output_is_left_alone(tmp_path: Path, published: Store) -> None:
    path = tmp_path / "a.tif"
    assert not extract(published, path).unchanged
    before, received = path.stat(), dict(published.received)
    result = extract(published, path)
    assert result.unchanged
    assert result.as_dict()["unchanged"]
    assert published.received == received
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def republish(store: Store, path: Path) -> None:
    store.add(TIERS["1m"], make_relief("1m", 300, 300) + np.float32(1), LEFT, TOP)


def date_the_item_anew(store: Store, path: Path) -> None:
    store.add(TIERS["1m"], make_relief("1m", 300, 300), LEFT, TOP, updated="2027")


def add_a_neighbour(store: Store, path: Path) -> None:
    store.add(TIERS["1m"], make_relief("1m", 300, 300), LEFT + 200, TOP, item="other")


def remove_the_item(store: Store, path: Path) -> None:
    path.with_suffix(".stac.json").unlink()


def change_a_byte(store: Store, path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)


def cut_the_file(store: Store, path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def edit_a_tag(store: Store, path: Path) -> None:
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(AREA="mine")


@pytest.mark.parametrize(
    "change",
    [
        republish,
        pytest.param(date_the_item_anew, marks=pytest.mark.slow),
        pytest.param(add_a_neighbour, marks=pytest.mark.slow),
        pytest.param(remove_the_item, marks=pytest.mark.slow),
        change_a_byte,
        pytest.param(cut_the_file, marks=pytest.mark.slow),
        pytest.param(edit_a_tag, marks=(pytest.mark.slow, pytest.mark.long)),
    ],
)
def test_output_is_made_again_after_a_change(
    tmp_path: Path, published: Store, change: Callable[[Store, Path], None]
) -> None:
    path = tmp_path / "a.tif"
    extract(published, path)
    change(published, path)
    assert not extract(published, path).unchanged
    assert extract(published, path).unchanged
    hrdem.extract(**BOX, product="dtm", output=tmp_path / "b.tif", http=published, no_cache=True)
    assert path.read_bytes() == (tmp_path / "b.tif").read_bytes()


@pytest.mark.slow
def test_other_version_of_hrdem_makes_it_again(
    tmp_path: Path, published: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract(published, tmp_path / "a.tif")
    monkeypatch.setattr("hrdem.planning.fingerprint.__version__", "9.9")
    assert not extract(published, tmp_path / "a.tif").unchanged


@pytest.mark.slow
def test_moved_corner_of_a_shape_makes_it_again(tmp_path: Path, published: Store) -> None:
    """A label, such as the name of a file, does not tell."""
    shape = tmp_path / "shape.geojson"
    for corner in (0, 1e-3):
        ring = [(LEFT, TOP), (LEFT + 200, TOP - 50 + corner), (LEFT + 90, TOP - 150), (LEFT, TOP)]
        shape.write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
        area = {"bbox": None, "bbox_crs": None, "aoi": shape, "aoi_crs": "EPSG:3979"}
        assert not extract(published, tmp_path / "a.tif", **area).unchanged
        assert extract(published, tmp_path / "a.tif", **area).unchanged


#: parameters that hardly ever change an output, or by what they find, which is compared
NOT_COMPARED = {"allow_inaccurate_datum", "on_change", "wcs_limit", "layer", "vertical_grid"}
OTHERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "product": ({}, {"product": "dsm"}),
    "collection": ({}, {"collection": "2m"}),
    "fill": ({}, {"fill": "2m"}),
    "feather": ({"fill": "2m"}, {"feather": 5}),
    "source_band": ({}, {"source_band": True}),
    "algorithm": ({"product": "dtm-slope"}, {"algorithm": "zevenbergen-thorne"}),
    "slope_unit": ({"product": "dtm-slope"}, {"slope_unit": "percent"}),
    "aspect_north": ({"product": "dtm-aspect"}, {"aspect_north": "grid"}),
    "crop": ({}, {"crop": True}),
    "crs": (UTM, {"crs": "EPSG:2960"}),
    "resolution": (UTM, {"resolution": 2}),
    "origin": (UTM, {"origin": (0.5, 0.5)}),
    "size": (EXACT | {"size": (100, 90)}, {"size": (100, 91)}),
    "snap": (UTM, {"snap": False}),
    "resampling": (UTM, {"resampling": "cubic"}),
    "align": ({}, {"align": "blocks"}),
    "vertical_datum": ({}, {"vertical_datum": "CGVD28"}),
    "vertical_crs": ({}, {"vertical_crs": True}),
    "via": ({}, {"via": "cog"}),
    "allow_partial": ({}, {"allow_partial": True}),
    "stac_url": ({}, {"stac_url": "https://stac.example/"}),
    "wcs_url": ({}, {"wcs_url": "https://wcs.example/"}),
    "bbox": ({}, {"bbox": (LEFT + 61, TOP - 240, LEFT + 240, TOP - 60)}),
    "buffer": ({}, {"buffer": 2}),
}
ELSEWHERE = {  # other ways to name an area, what reads through GDAL or a service,
    # and what selects items, which are compared
    "aoi", "aoi_crs", "bbox_crs", "like", "nts", "point", "radius", "engine", "surveys",
    "project", "year",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("name", OTHERS)
def test_another_value_of_a_parameter_is_another_fingerprint(published: Store, name: str) -> None:
    base, other = OTHERS[name]
    params = {"product": "dtm", **BOX, **base}
    plans = [hrdem.plan(**{**params, **more}, http=published) for more in ({}, {}, other)]
    first, second, third = (fingerprint_plan(plan, "", {}) for plan in plans)
    assert first == second != third
    assert len(first) == 64


def test_every_parameter_is_compared() -> None:
    assert {f.name for f in fields.REQUEST} == OTHERS.keys() | NOT_COMPARED | ELSEWHERE


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("name", ["format", "compress", "predictor"])
def test_another_encoding_makes_it_again(tmp_path: Path, published: Store, name: str) -> None:
    extract(published, tmp_path / "a.tif")
    other = {"format": "cog", "compress": "lzw", "predictor": 2}[name]
    assert not extract(published, tmp_path / "a.tif", **{name: other}).unchanged


@pytest.mark.slow
@pytest.mark.long
def test_another_grid_of_shifts_makes_it_again(tmp_path: Path, published: Store) -> None:
    path = tmp_path / "a.tif"
    for value, unchanged in (60, False), (60, True), (70, False):
        grid = write_grid(tmp_path / "grid.tif", millimetres(value, 120))
        params = {"vertical_datum": "CGVD28", "vertical_grid": grid}
        assert extract(published, path, **params).unchanged is unchanged


def test_file_of_others_is_not_replaced(tmp_path: Path, published: Store) -> None:
    path = tmp_path / "a.tif"
    transform = Affine(2, 0, 1, 0, -2, 1)
    size = {"width": 1, "height": 1, "count": 1, "dtype": "uint8"}
    rasterio.open(path, "w", driver="GTiff", **size, crs="EPSG:3979", transform=transform).close()
    content = path.read_bytes()
    with pytest.raises(hrdem.OutputExistsError):
        extract(published, path)
    assert path.read_bytes() == content


def test_cache_alone_cannot_tell() -> None:
    command = ["extract", "--nts", "031G05", "--product", "dtm", "-o", "a.tif"]
    assert run([*command, "--if-changed", "--offline"]) == ExitCode.USAGE


@pytest.mark.slow
def test_session_asks_again(demo: Addresses, tmp_path: Path) -> None:
    """It recalls for ten minutes what it has read."""
    publisher = Publisher(demo)
    box = (TILE_LEFT, TILE_TOP - 64, TILE_LEFT + 64, TILE_TOP)
    with misbehaving(publisher) as server, Session() as session:
        params = {
            "bbox": box, "bbox_crs": "EPSG:3979", "product": "dtm", "no_cache": True,
            "stac_url": f"{server.url}/stac/api", "output": tmp_path / "a.tif",
            "if_changed": True, "http": session,
        }  # fmt: skip
        for edition, unchanged in (1, False), (1, True), (2, False), (2, True):
            publisher.edition = edition
            assert hrdem.extract(**params).unchanged is unchanged
