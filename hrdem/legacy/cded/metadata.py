"""Metadata of a CDED data set: the entries of CDED 2.1, 8.1 and 8.2, in the FGDC's standard.

The standard takes a number, and not "Unknown", for accuracies and a scale. Where none is known, the
entry is in the text beside it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from hrdem._version import __version__
from hrdem.legacy.cded.cells import NODES, get_spacing
from hrdem.legacy.cded.csdgm import (
    RASTER,
    STANDARD,
    STANDARD_VERSION,
    UNKNOWN,
    Citation,
    Element,
    make,
    make_time,
    serialize,
)
from hrdem.legacy.cded.entries import Values
from hrdem.legacy.cded.lineage import SourceDataSet, list_sources
from hrdem.legacy.cded.names import DataEdition
from hrdem.output.provenance import ATTRIBUTION, LICENCE_URL
from hrdem.planning.plan import Plan
from hrdem.request.aoi.nts import Sheet

#: begins the identifier of a data set, by scale
PREFIXES = {50_000: "CDED1", 250_000: "CDED3"}
NOT_APPLICABLE = "Not applicable"
_NTS_ENTRIES = 4


@dataclass(frozen=True, slots=True)
class DataSet:
    """What is known of a data set.

    Attributes:
        sheet: The sheet.
        edition: Edition of the data.
        organization: Who made it.
        plan: What was read, with the surveys if they were looked up.
        shift_grid: Name of the grid of differences between CGVD2013 and CGVD28.
        steps: What was done to the heights after that, a sentence each.
        process_date: Day on which it was made.
    """

    sheet: Sheet
    edition: DataEdition
    organization: str
    plan: Plan
    shift_grid: str
    steps: Sequence[str]
    process_date: dt.date

    @property
    def date(self) -> str:
        """The day on which it was made, as the standard has it."""
        return f"{self.process_date:%Y%m%d}"


def make_metadata(data_set: DataSet, entries: Values) -> bytes:
    """Return the metadata of a data set as XML, valid by FGDC-STD-001-1998.

    Args:
        data_set: What is known of it.
        entries: Entries of the user for its sheet, which come before what is known.
    """
    sources = list_sources(data_set.plan, entries)
    return serialize(
        make(
            "metadata",
            _identify(data_set, sources[0], entries),
            _describe_quality(data_set, sources, entries),
            _describe_raster(),
            _describe_reference(data_set.sheet),
            _describe_metadata(data_set, entries),
        )
    )


def _identify(data_set: DataSet, source: SourceDataSet, entries: Values) -> Element:
    """Return section 1: 8.2, entries 1 to 4 and 18 to 21."""
    sheet, edition = data_set.sheet, data_set.edition
    citation = Citation(
        entries.get("organization", data_set.organization),
        data_set.date,
        entries.get("identifier", f"{PREFIXES[sheet.scale]}-{sheet.name}"),
        RASTER,
        f"{edition.edition}.{edition.version:02}",
        ("Canadian Digital Elevation Data", f"1:{sheet.scale:,}"),
    )
    west, south, east, north = (f"{degrees:.10g}" for degrees in sheet.bounds)
    return make(
        "idinfo",
        make("citation", citation.make()),
        make(
            "descript",
            make(
                "abstract",
                f"Ground elevations of NTS sheet {sheet.name} at the nodes of a regular grid, in a "
                "western and an eastern cell, by the Canadian Digital Elevation Data Product "
                "Specifications, edition 2.1.",
            ),
            make("purpose", entries.get("purpose", UNKNOWN)),
        ),
        make("timeperd", make_time(source.first, source.last), make("current", source.currentness)),
        make("status", make("progress", "Complete"), make("update", "None planned")),
        make(
            "spdom",
            make(
                "bounding",
                make("westbc", west),
                make("eastbc", east),
                make("northbc", north),
                make("southbc", south),
            ),
        ),
        _make_keywords(sheet, entries),
        make("accconst", entries.get("access_constraints", "None")),
        make("useconst", entries.get("use_constraints", f"{ATTRIBUTION} {LICENCE_URL}")),
    )


def _make_keywords(sheet: Sheet, entries: Values) -> Element:
    known = [NOT_APPLICABLE] * _NTS_ENTRIES
    if sheet.scale == 50_000:
        known[0] = sheet.name
    places = [("National Topographic System", sheet.name)]
    for number, name in enumerate(known, 1):
        places.append((f"NTS_50k_{number}", entries.get(f"nts_50k_{number}", name)))
    return make(
        "keywords",
        make("theme", make("themekt", "None"), make("themekey", "digital elevation model")),
        *(make("place", make("placekt", of), make("placekey", name)) for of, name in places),
    )


def _describe_quality(
    data_set: DataSet, sources: Sequence[SourceDataSet], entries: Values
) -> Element:
    """Return section 2: 8.1, and 8.2, entries 5 to 17."""
    return make(
        "dataqual",
        make("logic", f"Each cell has {NODES} profiles of {NODES} nodes, in whole metres."),
        make("complete", "Nodes without data have the height -32767."),
        make(
            "posacc",
            _make_accuracy(
                entries, "horizontal", "planimetric", ("horizpa", "horizpar"),
                ("qhorizpa", "horizpav", "horizpae"),
            ),
            _make_accuracy(
                entries, "vertical", "altimetric", ("vertacc", "vertaccr"),
                ("qvertpa", "vertaccv", "vertacce"),
            ),
        ),
        make(
            "lineage",
            *(source.make() for source in sources),
            make(
                "procstep",
                make("procdesc", entries.get("cded_process_description", _describe(data_set))),
                *(make("srcused", source.abbreviation) for source in sources),
                make("procdate", entries.get("cded_process_date", data_set.date)),
            ),
        ),
    )  # fmt: skip


def _make_accuracy(
    entries: Values, direction: str, kind: str, report: tuple[str, str], value: tuple[str, str, str]
) -> Element:
    """Return a report on accuracy, with the value if it is known."""
    text = entries.get(f"source_{direction}_positional_accuracy_report", UNKNOWN)
    metres = entries.get(f"{kind}_accuracy", UNKNOWN)
    code = entries.get(f"{kind}_explanation_code", UNKNOWN)
    if metres == UNKNOWN:
        text = f"{text.rstrip('.')}. {kind.capitalize()} accuracy in metres: {UNKNOWN}. "
        text += f"{kind.capitalize()} explanation code: {code}."
        return make(report[0], make(report[1], text))
    name, measured, explained = value
    values = make(name, make(measured, metres), make(explained, code))
    return make(report[0], make(report[1], text), values)


def _describe(data_set: DataSet) -> str:
    """Describe the process, in sentences."""
    titles = "; ".join(tier.collection.title for tier in data_set.plan.tiers)
    sampling = data_set.plan.request.sampling
    assert sampling is not None
    found = (
        f"Heights of the ground in CGVD2013 from: {titles}; each where those before have none. "
        f"Sampled at the nodes from pixels of at most {sampling.max_source_pixel:g} m, whose "
        f"weights fall linearly to zero at {sampling.kernel_radius:g} m. Changed to CGVD28 with "
        f"the grid {data_set.shift_grid}. Rounded to whole metres, halves up."
    )
    return " ".join((found, *data_set.steps, f"Software: hrdem {__version__}."))


def _describe_raster() -> Element:
    """Return section 3."""
    nodes = str(NODES)
    size = make("rowcount", nodes), make("colcount", nodes), make("vrtcount", "1")
    return make(
        "spdoinfo", make("direct", "Raster"), make("rastinfo", make("rasttype", "Point"), *size)
    )


def _describe_reference(sheet: Sheet) -> Element:
    """Return section 4."""
    across, along = get_spacing(sheet)
    return make(
        "spref",
        make(
            "horizsys",
            make(
                "geograph",
                make("latres", f"{along:g}"),
                make("longres", f"{across:g}"),
                make("geogunit", "Decimal seconds"),
            ),
            make(
                "geodetic",
                make("horizdn", "North American Datum of 1983"),
                make("ellips", "Geodetic Reference System 80"),
                make("semiaxis", "6378137.0"),
                make("denflat", "298.257222101"),
            ),
        ),
        make(
            "vertdef",
            make(
                "altsys",
                make("altdatum", "Canadian Geodetic Vertical Datum of 1928"),
                make("altres", "1"),
                make("altunits", "metres"),
                make("altenc", "Attribute values"),
            ),
        ),
    )


def _describe_metadata(data_set: DataSet, entries: Values) -> Element:
    """Return section 7."""
    person = entries.get("contact_person")
    return make(
        "metainfo",
        make("metd", data_set.date),
        make(
            "metc",
            make(
                "cntinfo",
                make(
                    "cntorgp",
                    make("cntorg", entries.get("contact_organization", data_set.organization)),
                    *([make("cntper", person)] if person else []),
                ),
                make(
                    "cntaddr",
                    make("addrtype", "mailing address"),
                    make("address", entries.get("contact_address", UNKNOWN)),
                    make("city", entries.get("contact_city", UNKNOWN)),
                    make("state", entries.get("contact_province", UNKNOWN)),
                    make("postal", entries.get("contact_postal_code", UNKNOWN)),
                ),
                make("cntvoice", entries.get("contact_telephone", UNKNOWN)),
            ),
        ),
        make("metstdn", STANDARD),
        make("metstdv", STANDARD_VERSION),
    )
