"""`hrdem assets`: files of an item or an area, saved where they are of use."""

from __future__ import annotations

import json
from pathlib import Path

import pyogrio
import pytest

import hrdem
from hrdem.cli.main import run
from hrdem.demo import Addresses
from hrdem.errors import RequestError

BORDER = ["--bbox", "1499700,-171000,1500300,-170500", "--bbox-crs", "EPSG:3979"]  # of two tiles


def test_files_of_an_area_are_those_of_its_items(
    demo: Addresses, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["assets", *BORDER, "--kind", "extent", "--stac-url", demo.stac, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["item"] is None
    assert list(document["assets"]) == ["8_2-mosaic-1m/extent", "9_2-mosaic-1m/extent"]


@pytest.mark.slow
def test_layers_of_surveys_are_saved_into_a_folder(
    demo: Addresses, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["assets", *BORDER, "--kind", "coverage", "--stac-url", demo.stac]
    words += ["-o", str(tmp_path / "a" / "b")]
    assert run(words) == 0
    saved = [Path(line) for line in capsys.readouterr().out.split()]
    assert [path.name for path in saved] == [f"{n}_2-mosaic-1m-coverage.gpkg" for n in (8, 9)]
    for path in saved:
        assert len(pyogrio.list_layers(path))
    assert run(words) == 7
    assert "exists" in capsys.readouterr().err
    assert run([*words, "--overwrite"]) == 0


def test_an_item_or_an_area_but_not_both(demo: Addresses) -> None:
    with pytest.raises(RequestError, match="Give one of the two"):
        hrdem.assets("9_2-mosaic-1m", bbox=(-75.7, 45.4, -75.6, 45.5), stac_url=demo.stac)
    with pytest.raises(RequestError, match="Leave `product` out"):
        hrdem.assets("9_2-mosaic-1m", product="dtm", kind="coverage", stac_url=demo.stac)
