"""The sources of an output are those that it was made of, or not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hrdem
from hrdem.cli.main import run
from hrdem.demo import Addresses
from hrdem.errors import ExitCode, ServerError, TransferError
from hrdem.http.source_version import SourceVersion
from hrdem.jobs.status import check_sources
from hrdem.output.record import RecordedFile, read_record
from tests.jobs.test_session import LEFT as TILE_LEFT
from tests.jobs.test_session import TOP as TILE_TOP
from tests.jobs.test_session import Publisher
from tests.misbehaving import Reply, ServerRequest, misbehaving
from tests.relief import LEFT, TIERS, TOP, make_relief
from tests.stores import HOST, Store

BOX = {"bbox": (LEFT + 60, TOP - 240, LEFT + 540, TOP - 60), "bbox_crs": "EPSG:3979"}


@pytest.fixture
def output(store: Store, tmp_path: Path) -> Path:
    """The DTM of two sub-tiles."""
    for name, left in (("west", 0), ("east", 300)):
        store.add(TIERS["1m"], make_relief("1m", 300, 300), LEFT + left, TOP, item=name)
    hrdem.extract(**BOX, product="dtm", output=tmp_path / "a.tif", http=store, no_cache=True)
    return tmp_path / "a.tif"


def states(store: Store, output: Path) -> dict[str, str]:
    """The state of each source by the first part of its name."""
    (status,) = hrdem.status(output, http=store)
    return {source.name.partition("-")[0]: source.state.value for source in status.sources}


@pytest.mark.parametrize("has_item", [True, False])
def test_republished_file_is_found(store: Store, output: Path, has_item: bool) -> None:
    """By the item, or else by the tags in the raster."""
    if not has_item:
        output.with_suffix(".stac.json").unlink()
    assert states(store, output) == {"west": "unchanged", "east": "unchanged"}
    changed = make_relief("1m", 300, 300) + np.float32(1)
    store.add(TIERS["1m"], changed, LEFT + 300, TOP, item="east")
    assert states(store, output) == {"west": "unchanged", "east": "changed"}
    (status,) = hrdem.status(output, http=store)
    assert status.state == "changed"
    assert [each["state"] for each in status.as_dict()["sources"]] == ["unchanged", "changed"]


def test_removed_file_is_a_change(store: Store, output: Path) -> None:
    store.refused.add("west-hrdem-mosaic-1m-dtm.tif")
    assert states(store, output) == {"west": "changed", "east": "unchanged"}


@pytest.mark.parametrize(
    "error", [TransferError("reset"), pytest.param(ServerError("no", 403), marks=pytest.mark.slow)]
)
def test_file_that_cannot_be_asked_for_is_unreachable(
    store: Store, output: Path, monkeypatch: pytest.MonkeyPatch, error: hrdem.NetworkError
) -> None:
    request = store.request

    def refuse_one(method: str, url: str, **rest: Any) -> Any:
        if "west" in url:
            raise error
        return request(method, url, **rest)

    monkeypatch.setattr(store, "request", refuse_one)
    assert states(store, output) == {"west": "unreachable", "east": "unchanged"}


def test_outputs_of_one_file_ask_once(
    store: Store, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    request = store.request

    def count(method: str, url: str, **rest: Any) -> Any:
        asked.append((url, rest["headers"]["Range"]))
        return request(method, url, **rest)

    monkeypatch.setattr(store, "request", count)
    statuses = check_sources([read_record(output)] * 3, store)
    assert [status.state for status in statuses] == ["unchanged"] * 3
    names = (f"{HOST}/{each}-hrdem-mosaic-1m-dtm.tif" for each in ("east", "west"))
    assert sorted(asked) == [(name, "bytes=0-15") for name in names]


def change_item(output: Path, **changes: Any) -> None:
    """Change what the item says of each source."""
    path = output.with_suffix(".stac.json")
    item = json.loads(path.read_bytes())
    for source in item["properties"]["hrdem:sources"]:
        source.update(changes)
    path.write_text(json.dumps(item))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"href": f"{HOST}/a.tif?sig=REDACTED"}, "credentials"),
        ({"etag": ""}, "neither an ETag nor a date"),
        ({"via": "wcs", "items": []}, "no date"),
    ],
)
def test_what_cannot_be_compared_is_unknown(
    store: Store, output: Path, changes: dict[str, Any], reason: str
) -> None:
    change_item(output, **changes)
    (status,) = hrdem.status(output, http=store)
    assert status.state == "unknown"
    assert all(reason in source.reason for source in status.sources)


@pytest.mark.slow
def test_item_of_a_coverage_is_looked_up_in_the_catalogue(demo: Addresses, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    hrdem.extract(
        bbox=(1_500_010, -170_020, 1_500_030, -170_000), bbox_crs="EPSG:3979", product="dtm",
        via="wcs", stac_url=demo.stac, wcs_url=demo.wcs, no_cache=True, output=path,
    )  # fmt: skip
    assert run(["status", str(path), "--stac-url", demo.stac]) == ExitCode.COMPLETE
    item = json.loads(path.with_suffix(".stac.json").read_bytes())
    dates = item["properties"]["hrdem:sources"][0]["items"]
    change_item(path, items=[{**dates[0], "updated": "2020-01-01"}])
    assert run(["status", str(path), "--stac-url", demo.stac]) == ExitCode.SOURCE_CHANGED


def test_invalid_catalogue_in_one_item_hides_no_other_output(store: Store, output: Path) -> None:
    odd = output.with_name("b.tif")
    odd.write_bytes(output.read_bytes())
    text = output.with_suffix(".stac.json").read_text("utf-8")
    item = json.loads(text.replace("./a.tif", "./b.tif"))
    item["properties"]["hrdem:request"]["stac_url"] = "no address"
    odd.with_suffix(".stac.json").write_text(json.dumps(item), "utf-8")
    change_item(odd, via="wcs", items=[{"id": "9_2", "datetime": "", "updated": "2024-01-01"}])
    found = hrdem.status(odd, output, http=store)
    assert [each.state for each in found] == ["unreachable", "unchanged"]


def test_an_item_sends_no_search_into_the_private_network(store: Store, output: Path) -> None:
    with misbehaving(lambda request: Reply(200, b"{}")) as server:
        text = output.with_suffix(".stac.json").read_text("utf-8")
        item = json.loads(text)
        item["properties"]["hrdem:request"]["stac_url"] = f"{server.url}/stac/"
        output.with_suffix(".stac.json").write_text(json.dumps(item), "utf-8")
        dates = [{"id": "9_2", "datetime": "", "updated": "2024-01-01"}]
        change_item(output, via="wcs", items=dates)
        (status,) = hrdem.status(output)
        assert (status.state, server.requests) == ("unreachable", [])
        hrdem.status(output, stac_url=f"{server.url}/stac/")
        assert server.requests


@pytest.mark.parametrize("content", [None, b"", b"no raster"])
def test_other_file_is_no_output(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.tif"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(hrdem.RequestError, match="hrdem extract wrote"):
        hrdem.status(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes", [{"size": "many"}, {"href": None}, {"items": 3, "via": "wcs"}, {"name": []}]
)
def test_item_that_is_damaged_is_not_used(
    store: Store, output: Path, changes: dict[str, Any]
) -> None:
    """The tags in the raster are."""
    change_item(output, **changes)
    assert states(store, output) == {"west": "unchanged", "east": "unchanged"}


@pytest.mark.slow
def test_exit_code_tells_republished_files_and_those_out_of_reach(
    demo: Addresses, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publisher, path = Publisher(demo), str(tmp_path / "a.tif")
    box = (TILE_LEFT, TILE_TOP - 64, TILE_LEFT + 64, TILE_TOP)
    with misbehaving(publisher) as server:
        stac_url = f"{server.url}/stac/api"
        hrdem.extract(
            bbox=box, bbox_crs="EPSG:3979", product="dtm", stac_url=stac_url, no_cache=True,
            output=path,
        )  # fmt: skip
        assert run(["status", path]) == ExitCode.NETWORK
        assert "--stac-url" in capsys.readouterr().out  # nothing is sent to this machine
        command = ["status", path, "--stac-url", stac_url]
        assert run(command) == ExitCode.COMPLETE
        assert capsys.readouterr().out.startswith("unchanged ")
        publisher.edition = 2
        assert run([*command, "--json"]) == ExitCode.SOURCE_CHANGED
        (found,) = json.loads(capsys.readouterr().out)["outputs"]
        assert found["state"] == "changed"
        assert 'was "1", now it is "2"' in found["sources"][0]["reason"]
    assert run(command) == ExitCode.NETWORK


@pytest.mark.slow
@pytest.mark.long
def test_file_that_a_vrt_refers_to_is_compared(demo: Addresses, tmp_path: Path) -> None:
    """The VRT itself stays the same."""
    publisher, path = Publisher(demo), tmp_path / "a.tif"
    box = (TILE_LEFT, TILE_TOP - 64, TILE_LEFT + 64, TILE_TOP)

    def serve(request: ServerRequest) -> Reply:
        reply = publisher(request)
        if request.path.endswith(".vrt"):
            reply.headers["etag"] = '"vrt"'
        return reply

    with misbehaving(serve) as server:
        params: dict[str, Any] = {
            "bbox": box, "bbox_crs": "EPSG:3979", "product": "dtm", "via": "vrt", "no_cache": True,
            "stac_url": f"{server.url}/stac/api", "output": path, "if_changed": True,
        }  # fmt: skip
        hrdem.extract(**params)
        assert hrdem.extract(**params).unchanged
        (status,) = hrdem.status(path, stac_url=params["stac_url"])
        assert status.state == "unchanged"
        publisher.edition = 2
        (status,) = hrdem.status(path, stac_url=params["stac_url"])
        assert status.state == "changed"
        assert not hrdem.extract(**params).unchanged
        path.with_suffix(".stac.json").unlink()  # the tags do not list the files
        (status,) = hrdem.status(path, stac_url=params["stac_url"])
        assert status.state == "unknown"


def test_version_is_recorded_as_it_was_read(store: Store, output: Path) -> None:
    west, east = (source.files for source in read_record(output).sources)
    url = f"{HOST}/east-hrdem-mosaic-1m-dtm.tif"
    etag = store.request("GET", url, headers={"Range": "bytes=0-1"}).headers["etag"]
    version = SourceVersion.of(url, etag, east[0].size)
    assert east == (RecordedFile(url, version.etag, version.size, ""),)
    assert len(west) == 1
