"""Items that are single surveys, chosen by name or year; their ids have both.

The live collection names them ``BC-Lower_Mainland_2016-1m``: province, project, year, pixel size.
Some have no year in their id; the date of their item counts then.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from hrdem.catalog.items import Item
from hrdem.errors import NoDataError
from hrdem.request.aoi.aoi import Aoi
from hrdem.runtime.closest import find_closest
from hrdem.runtime.text import to_one_line

MAX_LISTED_CHARACTERS = 1_000  # of the surveys in a message
_PIXEL_SIZE = re.compile(r"-\d+m$")
_YEAR = re.compile(r"[_-]((?:19|20)\d\d)$")


def find_survey_year(item: Item) -> int | None:
    """Return the year of a survey: that of its id, else that of its item; None if unknown."""
    found = _YEAR.search(_shorten_id(item))
    year = found[1] if found else item.datetime[:4]
    return int(year) if year.isdecimal() else None


def list_survey_names(item: Item) -> set[str]:
    """Return the names of a survey, in lower case: with and without pixel size, province, year."""
    short = _shorten_id(item)
    names = {item.id, short, short.partition("-")[2] or short}
    return {name.lower() for each in names for name in (each, _YEAR.sub("", each))}


def select_surveys(
    items: Sequence[Item], project: str | None, year: int | None, aoi: Aoi
) -> list[Item]:
    """Return the items of a survey; all if neither name nor year is given.

    Args:
        items: Items near an area, each a single survey.
        project: Name of a survey, in upper or lower case, as `list_survey_names` has it; None for
            all.
        year: Year of surveys; None for all.
        aoi: Area of interest.

    Raises:
        NoDataError: If none is of that name and year; the message lists those in the area.
    """
    named = [
        item
        for item in items
        if project is None or project.strip().replace(" ", "_").lower() in list_survey_names(item)
    ]
    chosen = [item for item in named if year in (None, find_survey_year(item))]
    if chosen or not items:
        return chosen
    there = [item for item in items if _is_under(item, aoi)]
    if named and project is not None:
        years = _list_years(named)
        raise NoDataError(f"The survey {project!r} was not flown in {year}, but in {years}.")
    if project is None:
        raise NoDataError(
            f"No survey in the area {aoi.label} is of {year}. There are surveys of "
            f"{_list_years(there) or 'no known year'}. Give one of these as `year`."
        )
    names = [_shorten_id(item) for item in there]
    closest = find_closest(project, names)
    hint = f" Did you mean {closest}?" if closest else ""
    listed = to_one_line(", ".join(names) or "none", MAX_LISTED_CHARACTERS)
    raise NoDataError(
        f"There is no survey {project!r} in the area {aoi.label}.{hint} There are: {listed}."
    )


def _shorten_id(item: Item) -> str:
    return _PIXEL_SIZE.sub("", item.id)


def _list_years(items: Sequence[Item]) -> str:
    years = sorted({year for item in items if (year := find_survey_year(item)) is not None})
    return ", ".join(map(str, years))


def _is_under(item: Item, aoi: Aoi) -> bool:
    return item.footprint is None or item.footprint.intersection(aoi.geometry).area > 0
