"""Invalid input ends with the fix in one line, the right exit code, and no file."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hrdem.cli.main import run
from hrdem.demo import Addresses
from tests.demo_tiles import TILES, find_empty_block
from tests.misbehaving import Reply, misbehaving
from tests.systems import IS_WINDOWS

BBOX = "-75.72,45.40,-75.71,45.41"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run in an empty folder, without waiting between retries."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("hrdem.http.retry.Retries.wait_after", lambda self, failures: 0.0)


def extract(
    *arguments: str, bbox: str = BBOX, product: str = "dtm", output: str = "out.tif"
) -> int:
    return run(["extract", f"--bbox={bbox}", "--product", product, "-o", output, *arguments])


def read_error(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    assert not list(Path().iterdir())
    return captured.err


@pytest.mark.parametrize(
    ("bbox", "crs", "hint"),
    [
        ("-75.60,45.30,-75.85,45.45", "EPSG:4326", "did you mean --bbox -75.85,45.3,-75.6,45.45?"),
        ("-75.85,45.45,-75.60,45.30", "EPSG:4326", "did you mean --bbox -75.85,45.3,-75.6,45.45?"),
        ("-75.85,45.30,-75.60,95", "EPSG:4326", "latitude within -90 and 90"),
        ("-75.72,-75.66,45.40,45.44", "EPSG:4326", "QGIS's order, it is in Canada: did you mean"),
        ("1509508,1509990,-172668,-172226 [EPSG:3979]", "EPSG:4326", "--bbox-crs EPSG:3979?"),
        ("-180,-90,180,90", "EPSG:4326", "Canada is --bbox -141.1,41.6,-52.6,83.2."),
        ("nan,45.30,-75.60,45.45", "EPSG:4326", "not a finite number"),
        ("-75.85,45.30,-75.60", "EPSG:4326", "Give four numbers"),
        ("-75.85,45.30,-75.60,north", "EPSG:4326", "Give numbers with commas between"),
        ("", "EPSG:4326", "Give four numbers"),
        ("-75.85,45.30,-75.60,45.45", "EPSG:3979", "Give --bbox-crs EPSG:4326"),
        ("1774874,-89162,1818832,-52305", "EPSG:4326", "--bbox-crs EPSG:3979"),
        ("-75.85,45.30,-75.85,45.45", "EPSG:4326", "Give two opposite corners"),
        (BBOX, "EPSG:123456", "Give it as EPSG:n"),
        (BBOX, "WGS84 UTM", "Give it as EPSG:n"),
    ],
)
def test_invalid_bbox(capsys, bbox: str, crs: str, hint: str) -> None:
    assert extract("--bbox-crs", crs, bbox=bbox) == 2
    assert hint in read_error(capsys)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--collection", "1"], "Did you mean 1m?"),
        (["--via", "ftp"], "--via cannot be 'ftp'. Choose one of: auto, cog, vrt, wcs"),
        (["--format", "png"], "Choose one of: gtiff, cog"),
        (["--engine", "fast"], "Choose one of: auto, gdal"),
        (["--stac-url", "https://me:secret@x.example/"], "Give the address without them"),
        (["--stac-url", "datacube.example"], "not an http or https address"),
        (["--stac-url", "https://x.example/", "--demo"], "not both"),
        (["--no-such-option"], "No such option"),
    ],
)
def test_invalid_option_value(capsys, arguments: list[str], hint: str) -> None:
    assert extract(*arguments) == 2
    assert hint in read_error(capsys)


def test_value_of_a_required_option_may_start_with_a_minus(capsys) -> None:
    assert run(["legacy", "cded", "--nts=-75.5,45.2", "-o", "cells"]) == 2
    assert "'-75.5,45.2' is a point" in read_error(capsys)


def test_argument_is_named_as_the_usage_names_it(capsys) -> None:
    assert run(["legacy", "convert", "missing.dem", "-o", "all.tif"]) == 2
    assert "Check the path that was given as INPUTS." in read_error(capsys)


@pytest.mark.parametrize("sheets", [["031K01,031K02"], ["31K1 31K2"], ["031K01", "031K02"]])
def test_several_sheets_lead_to_the_command_that_takes_them(sheets: list[str], capsys) -> None:
    assert run(["extract", "--nts", *sheets, "--product", "dtm", "-o", "a.tif"]) == 2
    assert "hrdem tile" in read_error(capsys)


def test_sheets_with_blanks_between_get_the_right_advice(capsys) -> None:
    assert run(["legacy", "cded", "--nts", "031K01", "031K02", "-o", "cells"]) == 2
    message = read_error(capsys)
    assert "Give several sheets with commas between: --nts 031K01,031K02." in message
    assert "--bbox" not in message


def test_boxes_are_suggested_where_a_command_takes_them(capsys) -> None:
    assert run(["extract", "--product", "dtm", "--bbox", "1", "2", "3", "4", "-o", "a.tif"]) == 2
    assert "--bbox W,S,E,N" in read_error(capsys)
    assert run(["legacy", "cded", "--nts", "031K01", "46", "-o", "a"]) == 2
    assert "--bbox" not in read_error(capsys)


def test_misspelt_product(capsys) -> None:
    assert extract(product="dmt") == 2
    assert "Did you mean dtm?" in read_error(capsys)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--product", "dtm-hilshade"], "Did you mean dtm-hillshade?"),
        (["--size", "15"], "Give a --size from 16 to 4096"),
        (["--size", "4097"], "Give a --size from 16 to 4096"),
        (["--output", "view.jpg"], "does not end in .png. Give -o view.png"),
        (["--wms-url", "datacube.example"], "Give the address of a WMS"),
        (["--wms-url", "https://me:secret@x.example/"], "Give the address without them"),
        (["--wms-url", "https://x.example/", "--demo"], "not both"),
    ],
)
def test_invalid_preview_option(capsys, arguments, hint: str) -> None:
    given = {"--bbox": BBOX, "--product": "dtm", "--output": "view.png"}
    if arguments[0] in given:
        given.pop(arguments[0])
    assert run(["preview", *(part for pair in given.items() for part in pair), *arguments]) == 2
    assert hint in read_error(capsys)


def test_missing_required_option(capsys) -> None:
    assert run(["extract", "--bbox", BBOX, "--product", "dtm"]) == 2
    assert "'-o'" in read_error(capsys)
    assert run(["extract", "--bbox", BBOX, "-o", "a.tif"]) == 2
    assert "--product" in read_error(capsys)
    assert run(["extrakt"]) == 2
    assert "extrakt" in read_error(capsys)


@pytest.mark.parametrize("bbox", ["2.0,48.0,2.1,48.1", "151.1,-33.9,151.2,-33.8"])
def test_bbox_outside_canada_has_no_data(capsys, bbox: str) -> None:
    assert extract("--stac-url", "http://hrdem.invalid", bbox=bbox) == 4
    assert "Canada" in read_error(capsys)


@pytest.mark.parametrize("command", [["search"], ["plan", "--product", "dtm"]])
def test_a_valid_box_without_items_is_not_told_to_check_its_order(
    demo: Addresses, capsys, command: list[str]
) -> None:
    assert run([*command, "--bbox=-74,40.5,-73.9,40.6", "--stac-url", demo.stac]) == 4
    message = read_error(capsys)
    assert "no item" in message
    assert "order" not in message


def test_bbox_without_valid_pixels_has_no_data(demo: Addresses, capsys) -> None:
    x, y = find_empty_block(TILES["9_2", "1m"])
    bbox = f"{x + 10},{y - 400},{x + 400},{y - 10}"
    assert extract("--bbox-crs", "EPSG:3979", "--stac-url", demo.stac, bbox=bbox) == 4
    message = read_error(capsys)
    assert "no valid pixel" in message
    assert "9_2-mosaic-1m" in message
    assert "--fill 2m,30m fills from coarser collections" in message


def test_area_of_a_variable_beside_one_of_an_option(monkeypatch, capsys) -> None:
    """The message named an option that nobody had given."""
    monkeypatch.setenv("HRDEM_NTS", "031G05")
    assert extract() == 2
    assert "--bbox and HRDEM_NTS each define an area" in read_error(capsys)


def test_missing_output_folder_is_found_before_any_request(capsys) -> None:
    assert extract("--stac-url", "http://hrdem.invalid", output="no/such/folder/out.tif") == 7
    assert "does not exist" in read_error(capsys)


def test_output_that_is_a_folder(capsys, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("folder")
    assert extract("--stac-url", "http://hrdem.invalid", output=str(folder)) == 7
    assert "is a folder" in read_error(capsys)


@pytest.mark.skipif(IS_WINDOWS, reason="needs a folder that not even root may write to")
def test_unwritable_output_folder_is_found_before_any_request(capsys) -> None:
    assert extract("--stac-url", "http://hrdem.invalid", output="/proc/out.tif") == 7
    assert "The folder /proc is not writable (no such file" in read_error(capsys)


@pytest.mark.parametrize("name", ["out.tif", "out.stac.json"])
def test_existing_output_is_not_replaced(capsys, name: str) -> None:
    Path(name).write_text("mine", encoding="utf-8")
    assert extract("--stac-url", "http://hrdem.invalid") == 7
    assert f"{name} exists; give --overwrite" in capsys.readouterr().err
    assert [path.read_text() for path in Path().iterdir()] == ["mine"]


@pytest.mark.slow
def test_overwrite_replaces_an_existing_output(demo: Addresses) -> None:
    Path("out.tif").write_text("mine", encoding="utf-8")
    assert extract("--overwrite", "--stac-url", demo.stac) == 0
    assert Path("out.tif").read_bytes()[:2] == b"II"


@pytest.mark.parametrize(
    ("reply", "hint"),
    [
        pytest.param(
            Reply(body=b"<html>portal</html>"),
            "not a STAC API: it answers '<html>portal</html>'",
            marks=pytest.mark.slow,
        ),
        (Reply(404, b"Not Found"), "not a STAC API"),
        (Reply.json({"title": "Welcome"}), "no list of features"),
    ],
    ids=["HTML", "404", "other JSON"],
)
def test_endpoint_that_is_no_stac_api(capsys, reply, hint: str) -> None:
    with misbehaving(lambda _: reply) as server:
        assert extract("--stac-url", server.url) == 5
    message = read_error(capsys)
    assert hint in message
    assert "--stac-url" in message


@pytest.mark.slow
def test_unreachable_endpoint(capsys) -> None:
    assert extract("--stac-url", "http://127.0.0.1:9/", "-q") == 5
    assert "cannot be reached" in read_error(capsys)


@pytest.mark.parametrize(("product", "files"), [("chm", "dsm"), ("dtm-slope", "dtm")])
def test_computed_products_have_no_files(
    capsys: pytest.CaptureFixture[str], product: str, files: str
) -> None:
    assert run(["assets", "9_2-mosaic-1m", "--product", product]) == 2
    assert read_error(capsys).endswith(f"there are no files of it. Give --product {files}.\n")


def test_asset_that_answers_404(demo: Addresses, capsys) -> None:
    from tests.misbehaving import forward

    def script(request):
        return (
            Reply(404) if request.path.endswith(".tif") else forward(request, demo.url, server.url)
        )

    with misbehaving(script) as server:
        assert extract("--stac-url", f"{server.url}/stac/api/") == 5
    assert "dtm of item 9_2-mosaic-1m" in read_error(capsys)


def test_unknown_item_has_no_data(demo: Addresses, capsys) -> None:
    assert run(["assets", "99_99-mosaic-1m", "--stac-url", demo.stac]) == 4
    assert "no item '99_99-mosaic-1m'" in read_error(capsys)


def test_product_missing_from_an_item(demo: Addresses, capsys) -> None:
    arguments = ["assets", "4_8-mosaic-2m", "--product", "dtm", "--stac-url", demo.stac]
    assert run(arguments) == 4
    assert "lists its files" in read_error(capsys)


def test_download_of_a_whole_cog_is_refused(capsys) -> None:
    assert run(["assets", "9_2-mosaic-1m", "--kind", "cog", "--download"]) == 2
    assert "use hrdem extract" in read_error(capsys)


def test_port_in_use(demo: Addresses, capsys) -> None:
    port = demo.url.rsplit(":", 1)[1]
    assert run(["demo", "serve", "--port", port]) == 2
    assert "Give another --port" in read_error(capsys)


def test_defect_asks_for_a_report(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    def broken(**_):
        raise ZeroDivisionError

    monkeypatch.setattr("hrdem.api.search", broken)
    assert run(["search", "--bbox", BBOX]) == 1
    assert "defect of hrdem" in capsys.readouterr().err


def _start_a_thread_that_does_not_fit(**_) -> None:
    default = threading.stack_size(1 << 46)  # bytes, more than there are addresses
    try:
        threading.Thread(target=print).start()
    finally:
        threading.stack_size(default)


def _allocate_what_does_not_fit(**_) -> None:
    np.empty(1 << 60, np.uint8)


@pytest.mark.parametrize("act", [_start_a_thread_that_does_not_fit, _allocate_what_does_not_fit])
def test_limits_of_memory_and_threads_are_no_defect(
    monkeypatch: pytest.MonkeyPatch, capsys, act: Callable[..., None]
) -> None:
    monkeypatch.setattr("hrdem.api.search", act)
    assert run(["search", "--bbox", BBOX]) == 1
    assert "refuses memory or a thread" in (message := read_error(capsys))
    assert "ulimit" in message


@pytest.mark.parametrize(
    ("limit", "hint"),
    [
        ("100MB", "need at least 240 MB"),
        ("much", "Give it like 500MB, 2GB or 1GiB"),
        ("-5", "Give it like 500MB"),
        ("", "Give it like 500MB"),
    ],
)
def test_invalid_memory_limit(capsys, limit: str, hint: str) -> None:
    assert extract("--max-memory", limit) == 2
    assert hint in " ".join(read_error(capsys).split())


@pytest.mark.parametrize("other", [("--format", "cog"), ("--engine", "gdal"), ("--via", "vrt")])
def test_invalid_alignment(capsys, other: tuple[str, str]) -> None:
    assert extract("--align", "blocks", *other) == 2
    assert "--align blocks" in read_error(capsys)
    assert extract("--align", "tiles") == 2
    assert "pixels, blocks" in read_error(capsys)


@pytest.mark.parametrize(
    "numbers",
    [
        ["--bbox", "-75.72", "45.40", "-75.66", "45.44"],
        ["--bbox", "-75.72,", "45.40,", "75.66", "45.44"],
        ["--point", "-75.7", "45.4"],
    ],
)
def test_numbers_with_blanks_name_the_right_form(capsys, numbers: list[str]) -> None:
    assert run(["plan", *numbers, "--product", "dtm"]) == 2
    assert "commas between" in read_error(capsys)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("--compress", "none", "--predictor", "3"), "Leave out one of the two."),
        (("--predictor", "4"), "Give 1, 2 or 3."),
        (("--align", "blocks", "--compress", "lzw"), "encode them anew"),
        (("--compress", "lerc"), "Choose one of: deflate, zstd, lzw, none."),
    ],
)
def test_encoding_that_does_not_fit(capsys, arguments: tuple[str, ...], hint: str) -> None:
    """What cannot be written is refused before anything is requested."""
    assert extract(*arguments) == 2
    assert hint in read_error(capsys)
