"""Sources of a CDED data set, for its metadata: the collections that were read, and the surveys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from hrdem.catalog.surveys.attributes import Project
from hrdem.legacy.cded.csdgm import ONLINE, RASTER, UNKNOWN, Citation, Element, make, make_time
from hrdem.legacy.cded.entries import Values, to_fgdc_date
from hrdem.planning.plan import Plan, Tier

_PUBLISHER = "Natural Resources Canada"
_GROUND = "ground condition"


@dataclass(frozen=True, slots=True)
class SourceDataSet:
    """A source data set (CDED 2.1, 8.2).

    Attributes:
        origin: Who made it.
        title: Source product name.
        abbreviation: Source citation abbreviation, another one for each source.
        contribution: Source contribution.
        first: First date of its validity.
        last: Last date of its validity.
        currentness: What these dates refer to.
        available: Day since which it is available.
        data_type: Source data type.
        media: Type of source media.
        spacing: First and second spacing or contour interval, metres; none if there is nothing to
            say about its pixels.
        scale: Denominator of its scale.
    """

    origin: str
    title: str
    abbreviation: str
    contribution: str
    first: str = UNKNOWN
    last: str = UNKNOWN
    currentness: str = UNKNOWN
    available: str = UNKNOWN
    data_type: str = UNKNOWN
    media: str = ONLINE
    spacing: Sequence[str] = ()
    scale: str = UNKNOWN

    def make(self) -> Element:
        """Return the element; its standard takes no scale but a number."""
        other = ""
        if self.spacing:
            first, second = self.spacing
            other = (
                f"First spacing or contour interval in metres: {first}. Second spacing or contour "
                f"interval in metres: {second}. Scale: {self.scale}."
            )
        citation = Citation(self.origin, self.available, self.title, self.data_type, other=other)
        return make(
            "srcinfo",
            make("srccite", citation.make()),
            *([] if self.scale == UNKNOWN else [make("srcscale", self.scale)]),
            make("typesrc", self.media),
            make("srctime", make_time(self.first, self.last), make("srccurr", self.currentness)),
            make("srccitea", self.abbreviation),
            make("srccontr", self.contribution),
        )


def list_sources(plan: Plan, entries: Values) -> list[SourceDataSet]:
    """Return the sources of a plan, the collection with the highest priority first.

    Args:
        plan: What was read, with the surveys if they were looked up.
        entries: Entries of the user, which are about the first source.
    """
    first, *others = [*map(_describe_tier, plan.tiers), *_list_surveys(plan)]
    surveys = others[len(plan.tiers) - 1 :]
    if begins := [each.first for each in surveys if each.first != UNKNOWN]:
        ends = [each.last for each in surveys if each.last != UNKNOWN]
        first = replace(first, first=min(begins), last=max(ends), currentness=_GROUND)
    first = _apply(first, entries)
    return [first, *(_tell_apart(each, first.abbreviation) for each in others)]


def _tell_apart(source: SourceDataSet, taken: str) -> SourceDataSet:
    """Return a source with another abbreviation, if its own is taken."""
    if source.abbreviation != taken:
        return source
    return replace(source, abbreviation=f"{taken} (2)")


def _apply(source: SourceDataSet, entries: Values) -> SourceDataSet:
    """Return a source with the entries of the user in place of what is known."""
    get = entries.get
    first, second = source.spacing
    return replace(
        source,
        title=get("source_product_name", source.title),
        abbreviation=get("source_citation_abbreviation", source.abbreviation),
        contribution=get("source_contribution", source.contribution),
        first=get("source_validity_beginning_date", source.first),
        last=get("source_validity_ending_date", source.last),
        currentness=get("source_currentness_reference", source.currentness),
        available=get("source_availability_date", source.available),
        data_type=get("source_data_type", source.data_type),
        media=get("type_of_source_media", source.media),
        spacing=(
            get("first_spacing_contour_interval", first),
            get("second_spacing_contour_interval", second),
        ),
        scale=get("scale", source.scale),
    )


def _describe_tier(tier: Tier) -> SourceDataSet:
    items = [item for mosaic in tier.mosaics for source in mosaic.sources for item in source.items]
    newest = _find_newest(item.datetime for item in items)
    spacing = f"{tier.collection.resolution:g}"
    return SourceDataSet(
        _PUBLISHER,
        tier.collection.title,
        tier.collection.id,
        "Heights of the ground",
        last=newest,
        currentness=UNKNOWN if newest == UNKNOWN else _GROUND,
        available=_find_newest(item.updated for item in items),
        data_type=RASTER,
        spacing=(spacing, spacing),
    )


def _list_surveys(plan: Plan) -> list[SourceDataSet]:
    """List the surveys, each once: one that spans several files is listed for each of them."""
    projects: dict[str, list[Project]] = {}
    for survey in plan.surveys.found if plan.surveys else ():
        projects.setdefault(survey.project.name or UNKNOWN, []).append(survey.project)
    sources = []
    for number, (name, parts) in enumerate(projects.items(), 1):
        begin = min(_keep_precise(part.first for part in parts), default=UNKNOWN)
        end = max(_keep_precise(part.last for part in parts), default=UNKNOWN)
        sources.append(
            SourceDataSet(
                UNKNOWN,
                name,
                f"survey-{number}",
                "Lidar survey in the area, a source of the elevation models",
                begin,
                end,
                UNKNOWN if begin == end == UNKNOWN else _GROUND,
            )
        )
    return sources


def _keep_precise(dates: Iterable[str | None]) -> list[str]:
    """Return the dates that are given to the day, or else to the month or year."""
    found = [date for text in dates if (date := to_fgdc_date(text or ""))]
    digits = max(map(len, found), default=0)
    return [date for date in found if len(date) == digits]


def _find_newest(times: Iterable[str]) -> str:
    return max((date for text in times if (date := to_fgdc_date(text))), default=UNKNOWN)
