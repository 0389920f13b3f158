"""A file is the one that its item describes, or what differs is named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

import hrdem
from hrdem.cli.main import run
from hrdem.errors import ExitCode
from hrdem.jobs.verify import Verification
from tests.pages import run_commands
from tests.relief import LEFT, TIERS, TOP, make_relief
from tests.stores import Store

BOX = {"bbox": (LEFT + 60, TOP - 240, LEFT + 540, TOP - 60), "bbox_crs": "EPSG:3979"}


@pytest.fixture
def output(store: Store, tmp_path: Path) -> Path:
    store.add(TIERS["1m"], make_relief("1m", 600, 300), LEFT, TOP, item="west")
    hrdem.extract(**BOX, product="dtm", output=tmp_path / "a.tif", http=store, no_cache=True)
    return tmp_path / "a.tif"


def states(found: Verification) -> dict[str, str]:
    return {check.name: check.state.value for check in found.checks}


def test_an_output_is_what_its_item_says(output: Path) -> None:
    seen = []
    found = hrdem.verify(output, on_progress=seen.append)
    assert states(found) == {"file": "ok", "grid": "ok", "pixels": "ok"}
    assert (found.exit_code, found.sources) == (ExitCode.COMPLETE, None)
    assert seen[-1].pixels == seen[-1].total_pixels == 480 * 180


def test_metadata_of_another_program_changes_the_file_but_no_pixel(output: Path) -> None:
    with rasterio.open(output, "r+") as dataset:
        dataset.update_tags(note="mine")
    found = hrdem.verify(output)
    assert states(found) == {"file": "wrong", "grid": "ok", "pixels": "ok"}
    assert found.exit_code == ExitCode.INCOMPLETE


def test_a_changed_height_and_a_moved_corner_are_found(output: Path) -> None:
    with rasterio.open(output, "r+") as dataset:
        dataset.write(np.full((1, 1, 1), 9999, np.float32), window=((5, 6), (5, 6)))
        dx, shear, west, *others = dataset.transform[:6]
        dataset.transform = Affine(dx, shear, west + 1, *others)
    found = hrdem.verify(output)
    assert states(found) == {"file": "wrong", "grid": "wrong", "pixels": "wrong"}
    assert "9999.0" in found.checks[2].reason


@pytest.mark.slow
def test_another_crs_is_found(output: Path) -> None:
    with rasterio.open(output, "r+") as dataset:
        dataset.crs = "EPSG:2959"
    check = hrdem.verify(output).checks[1]
    assert check.reason == "Its CRS is EPSG:2959, and EPSG:3979 according to its item."


@pytest.mark.slow
def test_a_cut_file_is_wrong_and_no_error(output: Path) -> None:
    output.write_bytes(output.read_bytes()[: output.stat().st_size // 2])
    file, *_, pixels = hrdem.verify(output).checks
    assert (file.state, pixels.name, pixels.state) == ("wrong", "pixels", "wrong")
    assert "bytes, and" in file.reason
    assert pixels.reason.startswith("GDAL cannot read it: ")


def test_sources_are_asked_for_on_request(store: Store, output: Path) -> None:
    assert hrdem.verify(output, remote=True, http=store).exit_code == ExitCode.COMPLETE
    changed = make_relief("1m", 600, 300) + np.float32(1)
    store.add(TIERS["1m"], changed, LEFT, TOP, item="west")
    found = hrdem.verify(output, remote=True, http=store)
    assert found.exit_code == ExitCode.SOURCE_CHANGED
    assert states(found)["file"] == "ok"


def test_the_item_of_another_file_describes_nothing(output: Path) -> None:
    output.rename(output.with_name("b.tif"))
    with pytest.raises(hrdem.RequestError, match=r"a\.tif does not exist\. Give a file"):
        hrdem.verify(output)
    with pytest.raises(hrdem.RequestError, match=r"b\.stac\.json is missing, of another file"):
        hrdem.verify(output.with_name("b.tif"))


@pytest.mark.parametrize("key", ["proj:shape", "proj:transform"])
def test_a_damaged_item_is_named(output: Path, key: str) -> None:
    path = output.with_suffix(".stac.json")
    item = json.loads(path.read_bytes())
    item["properties"][key] = ["a"]
    path.write_text(json.dumps(item), "utf-8")
    with pytest.raises(hrdem.RequestError, match="is not one that hrdem writes"):
        hrdem.verify(output)


@pytest.mark.slow
def test_the_command_prints_each_check(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", str(output)]) == ExitCode.COMPLETE
    *checks, citation = capsys.readouterr().out.splitlines()
    assert checks == [str(output), "ok         file", "ok         grid", "ok         pixels"]
    assert citation.startswith("cite as    ")
    output.write_bytes(output.read_bytes() + b"\0")
    assert run(["verify", str(output), "--json"]) == ExitCode.INCOMPLETE
    checks = json.loads(capsys.readouterr().out)["checks"]
    assert [check["state"] for check in checks] == ["wrong", "ok", "ok"]


def test_a_citation_names_items_dates_service_and_licence(output: Path) -> None:
    properties = json.loads(output.with_suffix(".stac.json").read_bytes())["properties"]
    (source,) = properties["hrdem:sources"]
    (cited,) = source["items"]
    citation = properties["sci:citation"]
    assert f"Items {cited['id']} ({cited['updated'][:10] or 'no date'}). " in citation
    assert f" {properties['hrdem:request']['stac_url']}. " in citation
    assert f"on {properties['created'][:10]} with hrdem {hrdem.__version__}. " in citation
    assert citation.endswith("https://open.canada.ca/en/open-government-licence-canada")
    assert hrdem.verify(output).citation == citation


@pytest.mark.slow
def test_the_page_runs(on_demo: Path) -> None:
    assert run_commands("verifying.md")
    assert (on_demo / "again.tif").read_bytes() == (on_demo / "ottawa.tif").read_bytes()
