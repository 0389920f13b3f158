"""What a job has written, as the page lists it."""

from __future__ import annotations

from pathlib import Path

from hrdem.app.run_job import list_files


def test_files_beside_the_heights_are_listed_with_their_product(tmp_path: Path) -> None:
    names = (
        *("dtm.tif", "dtm.source.tif", "dtm.source.tif.aux.xml", "dtm.year.tif", "dtm.stac.json"),
        *("dtm-slope.tif", "dtm-slope.stac.json", "area.geojson", ".dtm.tif.partial"),
    )
    for name in names:
        (tmp_path / name).write_bytes(b"12")
    outputs = [
        {"output": f"{product}.tif", "request": {"product": product}}
        for product in ("dtm", "dtm-slope")
    ]
    found = list_files(tmp_path, {"outputs": outputs})
    assert [(each["name"], each["role"], each["product"]) for each in found] == [
        ("dtm-slope.tif", "raster", "dtm-slope"),
        ("dtm.tif", "raster", "dtm"),
        ("dtm.source.tif", "layer", "dtm"),
        ("dtm.source.tif.aux.xml", "layer", "dtm"),
        ("dtm.year.tif", "layer", "dtm"),
        ("dtm-slope.stac.json", "item", "dtm-slope"),
        ("dtm.stac.json", "item", "dtm"),
    ]
    assert {each["bytes"] for each in found} == {2}
