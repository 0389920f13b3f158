"""Several products in one run: equal to single runs, read once, all files or none."""

from __future__ import annotations

import errno
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

import hrdem
import hrdem.output.publish
from hrdem.cli.main import run
from hrdem.demo import Addresses
from hrdem.errors import NoDataError, OutputError, OutputExistsError, RequestError
from hrdem.request.output_names import name_outputs
from tests.misbehaving import Reply, ServerRequest, forward, misbehaving

PAGE = Path(__file__).parents[2] / "docs" / "several-products.md"
BOX = (-75.72, 45.40, -75.7185, 45.401)
BORDER = {"bbox": (1999900, 49950, 2000100, 50050), "bbox_crs": "EPSG:3979"}  # two sub-tiles
NORTH = {"bbox": (-63.62, 44.59, -63.612, 44.596)}
CIRCLE = {"point": (-75.70, 45.41), "radius": 220}
LONG = (pytest.mark.slow, pytest.mark.long)


@pytest.mark.parametrize(
    ("products", "params"),
    [
        ("dtm,dtm-slope,dtm-hillshade", {"bbox": BOX}),
        pytest.param("chm,dtm,dsm", {**BORDER, "source_band": True}, marks=LONG),
        pytest.param(
            *("dtm,dtm-aspect", {**CIRCLE, "crs": "EPSG:2959", "resolution": 2}),
            marks=LONG,
        ),
        pytest.param(
            "dtm-slope,dtm,chm",
            {**NORTH, "fill": "2m,30m", "feather": 20, "source_band": True},
            marks=LONG,
        ),
        pytest.param("dsm,dtm", {"bbox": BOX, "format": "cog"}, marks=pytest.mark.slow),
        pytest.param("dsm,dtm-hillshade", {"bbox": BOX, "align": "blocks"}, marks=pytest.mark.slow),
    ],
    ids=["native", "border", "circle", "fill", "cog", "blocks"],
)
def test_each_file_is_that_of_a_single_run(
    tmp_path: Path, demo: Addresses, products: str, params: dict[str, Any]
) -> None:
    """Bit for bit, with its tags; and so is the checksum in its STAC item."""
    pattern = tmp_path / "{product}.tif"
    params = {**params, "stac_url": demo.stac, "wcs_url": demo.wcs}
    results = hrdem.extract_products(product=products, output=pattern, **params)
    assert [result.output.stem for result in results] == products.split(",")
    for result in results:
        name = result.output.stem
        alone = hrdem.extract(product=name, output=tmp_path / f"one-{name}.tif", **params)
        assert result.output.read_bytes() == alone.output.read_bytes(), name
        assert result.statistics == alone.statistics
        assert result.pixels_by_source == alone.pixels_by_source
        assert result.seams == alone.seams


@pytest.mark.slow
def test_each_tile_is_read_once(tmp_path: Path, demo: Addresses) -> None:
    """The difference of two surfaces takes all tiles that slopes and heights of them take."""
    params = {"bbox": BOX, "stac_url": demo.stac, "no_cache": True}
    alone = hrdem.extract(product="chm", output=tmp_path / "chm.tif", **params)
    several = hrdem.extract_products(product="dtm,chm,dsm", output=tmp_path / "a", **params)
    assert [each.received_bytes for each in several] == [alone.received_bytes] * 3
    with pytest.raises(RequestError, match="`max_download` allows"):
        hrdem.extract_products(
            product="dtm,dsm", output=tmp_path / "b", max_download=1_000, **params
        )


@pytest.mark.slow
@pytest.mark.long
def test_an_area_that_ends_at_the_edge_of_a_file_is_read_once(
    tmp_path: Path, demo: Addresses
) -> None:
    """Slopes need a pixel of the next file, and heights none."""
    edge = {"bbox": (1999900, 49950, 2000000, 50050), "bbox_crs": "EPSG:3979"}
    params = {**edge, "stac_url": demo.stac, "no_cache": True, "source_band": True}
    several = hrdem.extract_products(product="dtm,dtm-slope", output=tmp_path / "a", **params)
    assert [len(each.plan.sources) for each in several] == [1, 2]
    alone = [
        hrdem.extract(product=name, output=tmp_path / f"{name}.tif", **params)
        for name in ("dtm", "dtm-slope")
    ]
    assert several[0].received_bytes == alone[1].received_bytes
    for one, other in zip(several, alone, strict=True):
        assert one.output.read_bytes() == other.output.read_bytes()
        for layer, same in zip(one.layers, other.layers, strict=True):
            assert layer.read_bytes() == same.read_bytes()


@pytest.mark.slow
def test_catalogue_and_headers_are_asked_once_for_all_products(
    tmp_path: Path, demo: Addresses
) -> None:
    def serve(request: ServerRequest) -> Reply:
        return forward(request, demo.url, f"http://{request.headers['host']}")

    with misbehaving(serve) as server:
        params = {"bbox": BOX, "stac_url": f"{server.url}/stac/api", "no_cache": True}
        hrdem.extract_products(product="dtm,dtm-slope,chm", output=tmp_path / "a", **params)
        asked = [
            request.path.rpartition("/")[2]
            for request in server.requests
            if request.headers.get("range", "bytes=0-").startswith("bytes=0-")
        ]
    assert sorted(asked) == ["9_2-mosaic-1m-dsm.tif", "9_2-mosaic-1m-dtm.tif", "search"]


def test_folder_is_created_and_removed_again_if_nothing_is_written(
    tmp_path: Path, demo: Addresses
) -> None:
    folder = tmp_path / "out"
    results = hrdem.extract_products(
        product=["dtm", "dtm-slope"], output=folder, bbox=BOX, stac_url=demo.stac
    )
    assert [result.output for result in results] == [folder / "dtm.tif", folder / "dtm-slope.tif"]
    point = {"point": (-75.70, 45.41), "radius": 0.01, "stac_url": demo.stac}
    with pytest.raises(NoDataError):
        hrdem.extract_products(product="dtm,dsm", output=tmp_path / "none", **point)
    assert not (tmp_path / "none").exists()


@pytest.mark.slow
def test_all_files_or_none(
    tmp_path: Path, demo: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last one cannot be published: files are as before, new ones are not there."""
    params = {"bbox": BOX, "stac_url": demo.stac, "output": tmp_path / "{product}.tif"}
    hrdem.extract(**{**params, "product": "dtm", "output": tmp_path / "dtm.tif", "resolution": 5})
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(before) == 2
    publish = hrdem.output.publish.publish

    def fail(partial: Path, path: Path, overwrite: bool) -> None:
        if path.name == "chm.tif":
            raise OSError(errno.EROFS, "the folder is read-only now")
        publish(partial, path, overwrite)

    monkeypatch.setattr(hrdem.output.publish, "publish", fail)
    with pytest.raises(OutputError, match=r"chm.tif cannot be written: .*read-only now"):
        hrdem.extract_products(product="dtm,dtm-slope,chm", overwrite=True, **params)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    monkeypatch.undo()
    with pytest.raises(OutputExistsError, match=r"dtm.tif"):
        hrdem.extract_products(product="dtm-slope,dtm", **params)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.slow
def test_only_what_has_changed_is_made_again(tmp_path: Path, demo: Addresses) -> None:
    params = {"bbox": BOX, "stac_url": demo.stac, "if_changed": True}
    params |= {"output": tmp_path / "{product}.tif"}
    hrdem.extract_products(product="dtm", **params)
    results = hrdem.extract_products(product="dtm,dtm-slope", **params)
    assert [result.unchanged for result in results] == [True, False]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"output": "out.tif"}, "Put {product} into the name, as out-{product}.tif, or give a"),
        ({"output": ""}, "The name is empty"),
        ({"output": "s3://bucket/{product}.tif"}, "is not a local path"),
        ({"product": "dtm,dtm"}, "names dtm twice"),
        ({"product": []}, "`product` is empty"),
        ({"product": "dtm,slop"}, "slop"),
        ({"vertical_datum": "CGVD28"}, "dtm-slope does not depend on it"),
        ({"format": "vrt"}, "A VRT links to one product"),
    ],
)
def test_what_cannot_be_several_is_refused(params: dict[str, Any], message: str) -> None:
    values = {"product": "dtm,dtm-slope", "output": "{product}.tif", "bbox": BOX, **params}
    with pytest.raises(RequestError, match=re.escape(message)):
        hrdem.extract_products(**values)


def test_a_folder_may_be_named_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.tif").mkdir()
    assert name_outputs(tmp_path / "a.tif", ["dtm"]) == [tmp_path / "a.tif" / "dtm.tif"]


@pytest.fixture
def shell(tmp_path: Path, demo: Addresses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HRDEM_STAC_URL", demo.stac)
    monkeypatch.setenv("HRDEM_WCS_URL", demo.wcs)


@pytest.mark.slow
def test_commands_of_the_page_work(shell: None, capsys) -> None:
    for command in re.findall(r"^hrdem (.+)$", PAGE.read_text("utf-8"), re.MULTILINE):
        assert run(shlex.split(command.replace(" --demo", ""))) == 0, capsys.readouterr().err
    outputs = [*Path().rglob("*.tif")]
    assert Path("ottawa/dtm-slope.tif") in outputs
    assert Path("ottawa-dsm.tif") in outputs


@pytest.mark.slow
def test_a_document_has_all_outputs(shell: None, capsys) -> None:
    box = f"--bbox={','.join(map(str, BOX))}"
    command = ["extract", box, "--product", "dtm,chm", "--json"]
    assert run([*command, "--dry-run"]) == 0
    assert len(json.loads(capsys.readouterr().out)["outputs"]) == 2
    assert run([*command, "-o", "{product}.tif"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["schema_version"] == 1
    assert [Path(each["output"]).name for each in printed["outputs"]] == ["dtm.tif", "chm.tif"]
    assert run([*command, "-o", "out.tif"]) == 2
    assert "out-{product}.tif" in capsys.readouterr().err
