"""Items of a catalogue: identifiers by which they are cited."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import hrdem
from hrdem.catalog.items import parse_item
from tests.relief import LEFT, TIERS, TOP, make_relief
from tests.stores import Store

DOI = "10.5072/hrdem-9_2"  # 10.5072 is the prefix for tests


@pytest.mark.parametrize(
    ("properties", "links", "cite_as"),
    [
        ({"sci:doi": DOI}, [], f"https://doi.org/{DOI}"),
        ({"sci:doi": DOI}, [{"rel": "cite-as", "href": "https://ark.invalid/1"}],
         f"https://doi.org/{DOI}"),
        ({}, [{"rel": "cite-as", "href": "https://ark.invalid/1"}], "https://ark.invalid/1"),
        ({"sci:doi": f"https://doi.org/{DOI}"}, [], ""),  # which the extension forbids
        ({"sci:doi": 10.5}, [{"rel": "cite-as", "href": "file:///etc"}, {"rel": "cite-as"}], ""),
        ({}, [{"rel": "cite-as", "href": "https://u:p@ark.invalid/1"}, "x"], ""),
        ({}, None, ""),
    ],
)  # fmt: skip
def test_an_identifier_is_that_of_the_scientific_extension(
    properties: dict[str, Any], links: Any, cite_as: str
) -> None:
    feature = {"id": "9_2", "collection": "c", "properties": properties, "assets": {}}
    item = parse_item(feature | {"links": links}, "https://stac.invalid/")
    assert item.cite_as == cite_as
    assert item.as_dict().get("cite_as", "") == cite_as


def test_identifiers_are_in_citation_and_item(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(TIERS["1m"], make_relief("1m", 300, 300), LEFT, TOP)
    address = f"https://doi.org/{DOI}"

    def search(*args: Any) -> list[Any]:
        return [replace(item, cite_as=address) for item in store._search_items(*args)]

    monkeypatch.setattr("hrdem.planning.resolve.search_items", search)
    box = {"bbox": (LEFT + 60, TOP - 240, LEFT + 240, TOP - 60), "bbox_crs": "EPSG:3979"}
    hrdem.extract(**box, product="dtm", output=tmp_path / "a.tif", http=store, no_cache=True)
    item = json.loads((tmp_path / "a.stac.json").read_bytes())
    assert f"(2026). {address}. " in item["properties"]["sci:citation"]
    assert {"rel": "cite-as", "href": address} in item["links"]
    assert item["properties"]["hrdem:sources"][0]["items"][0]["cite_as"] == address
