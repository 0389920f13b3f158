"""Metadata of CDED: valid by the FGDC's standard, and every entry of CDED 2.1, 8.1 and 8.2."""

from __future__ import annotations

import datetime as dt
import xml.etree.ElementTree as ET
from types import SimpleNamespace

import pytest
import shapely

import hrdem
from hrdem.catalog.items import Item
from hrdem.catalog.surveys.attributes import Project
from hrdem.catalog.surveys.lookup import Survey, Surveys
from hrdem.demo import Addresses
from hrdem.geo.resampling import FixedSampling, Resampling
from hrdem.http.client import HttpClient
from hrdem.legacy.cded.metadata import DataSet, make_metadata
from hrdem.legacy.cded.names import DataEdition
from hrdem.legacy.heights import make_height_request
from hrdem.planning.make_plan import make_plan
from hrdem.request.aoi.nts import parse_sheet
from hrdem.request.products import COLLECTIONS
from tests.legacy import csdgm

SAMPLING = FixedSampling(8, 23.2)
SOURCE = "dataqual/lineage/srcinfo/"
TIME = "srctime/timeinfo/rngdates/"
PROCESS = (
    "Heights of the ground in CGVD2013 from: HRDEM Mosaic, 1 m, from lidar; MRDEM, 30 m, all "
    "of Canada; each where those before have none. Sampled at the nodes from pixels of at "
    "most 8 m, whose weights fall linearly to zero at 23.2 m. Changed to CGVD28 with the grid "
    "HT2.tif. Rounded to whole metres, halves up. One lake is level. "
    f"Software: hrdem {hrdem.__version__}."
)
# where the FGDC's standard has the entries, and what they are by default
PLACES = {
    "source_horizontal_positional_accuracy_report": (
        "dataqual/posacc/horizpa/horizpar",
        "Unknown. Planimetric accuracy in metres: Unknown. Planimetric explanation code: Unknown.",
    ),
    "source_vertical_positional_accuracy_report": (
        "dataqual/posacc/vertacc/vertaccr",
        "Unknown. Altimetric accuracy in metres: Unknown. Altimetric explanation code: Unknown.",
    ),
    "type_of_source_media": (f"{SOURCE}typesrc", "online"),
    "source_citation_abbreviation": (f"{SOURCE}srccitea", "hrdem-mosaic-1m"),
    "source_contribution": (f"{SOURCE}srccontr", "Heights of the ground"),
    "source_currentness_reference": (f"{SOURCE}srctime/srccurr", "ground condition"),
    "cded_process_description": (
        "dataqual/lineage/procstep/procdesc",
        PROCESS,
    ),
    "identifier": ("idinfo/citation/citeinfo/title", "CDED1-031K01"),
    "organization": ("idinfo/citation/citeinfo/origin", "A centre"),
    "source_data_type": (f"{SOURCE}srccite/citeinfo/geoform", "raster digital data"),
    "source_product_name": (f"{SOURCE}srccite/citeinfo/title", "HRDEM Mosaic, 1 m, from lidar"),
    "source_validity_beginning_date": (f"{SOURCE}{TIME}begdate", "20150601"),
    "source_validity_ending_date": (f"{SOURCE}{TIME}enddate", "20191031"),
    "source_availability_date": (f"{SOURCE}srccite/citeinfo/pubdate", "20250102"),
    "cded_process_date": ("dataqual/lineage/procstep/procdate", "20261129"),
    "planimetric_accuracy": ("dataqual/posacc/horizpa/qhorizpa/horizpav", None),
    "planimetric_explanation_code": ("dataqual/posacc/horizpa/qhorizpa/horizpae", None),
    "altimetric_accuracy": ("dataqual/posacc/vertacc/qvertpa/vertaccv", None),
    "altimetric_explanation_code": ("dataqual/posacc/vertacc/qvertpa/vertacce", None),
    "scale": (f"{SOURCE}srcscale", None),
    "nts_50k_1": ("idinfo/keywords/place[placekt='NTS_50k_1']/placekey", "031K01"),
    "nts_50k_2": ("idinfo/keywords/place[placekt='NTS_50k_2']/placekey", "Not applicable"),
    "nts_50k_3": ("idinfo/keywords/place[placekt='NTS_50k_3']/placekey", "Not applicable"),
    "nts_50k_4": ("idinfo/keywords/place[placekt='NTS_50k_4']/placekey", "Not applicable"),
    "purpose": ("idinfo/descript/purpose", "Unknown"),
    "access_constraints": ("idinfo/accconst", "None"),
    "contact_organization": ("metainfo/metc/cntinfo/cntorgp/cntorg", "A centre"),
    "contact_address": ("metainfo/metc/cntinfo/cntaddr/address", "Unknown"),
    "contact_city": ("metainfo/metc/cntinfo/cntaddr/city", "Unknown"),
    "contact_province": ("metainfo/metc/cntinfo/cntaddr/state", "Unknown"),
    "contact_postal_code": ("metainfo/metc/cntinfo/cntaddr/postal", "Unknown"),
    "contact_telephone": ("metainfo/metc/cntinfo/cntvoice", "Unknown"),
}


def item(name: str, surveyed: str, updated: str) -> Item:
    return Item(name, "", updated, surveyed, None, ())


def tier(collection: str, *items: Item) -> SimpleNamespace:
    source = SimpleNamespace(items=items)
    mosaic = SimpleNamespace(sources=[source])
    return SimpleNamespace(collection=COLLECTIONS[collection], mosaics=[mosaic])


def survey(name: str | None, first: str | None, last: str | None) -> Survey:
    return Survey("a", "coverage", Project(name, first, last, 0.5, {}, shapely.Polygon()))


def describe(
    sheet: str = "031K01",
    surveys: tuple[Survey, ...] | None = (
        survey("Lac", "2016", "2016"),
        survey("Lac", "2016-05-02", "2016-05-31"),  # the same one in another file
        survey("Fork", "2015-06-01", "2019-10-31"),
        survey(None, None, None),
    ),
) -> DataSet:
    plan = SimpleNamespace(
        tiers=[
            tier(
                "1m",
                item("a", "2019-10-31T00:00:00Z", "2024-05-06T07:08:09Z"),
                item("b", "2016-05-31T00:00:00Z", "2025-01-02T03:04:05Z"),
            ),
            tier("30m", item("c", "", "")),
        ],
        surveys=None if surveys is None else Surveys(surveys, (), ()),
        request=SimpleNamespace(sampling=SAMPLING, resampling=Resampling.BILINEAR),
    )
    return DataSet(
        parse_sheet(sheet),
        DataEdition(1, 0),
        "A centre",
        plan,
        "HT2.tif",
        ["One lake is level."],
        dt.date(2026, 11, 29),
    )


def find_text(root: ET.Element, place: str) -> str | None:
    return root.findtext(f"./{place}")


def test_every_entry_is_known_or_unknown() -> None:
    root = csdgm.check(make_metadata(describe(), {}))
    assert {name: (place, find_text(root, place)) for name, (place, _) in PLACES.items()} == PLACES
    assert find_text(root, "idinfo/citation/citeinfo/edition") == "1.00"  # edition and version
    assert find_text(root, "idinfo/timeperd/timeinfo/rngdates/begdate") == "20150601"
    assert find_text(root, f"{SOURCE}srccite/citeinfo/othercit") == (
        "First spacing or contour interval in metres: 1. Second spacing or contour interval in "
        "metres: 1. Scale: Unknown."
    )


def test_the_entries_of_the_user_come_first() -> None:
    entries = {name: f"My {name}" for name in PLACES}
    for name in PLACES:
        if name.endswith("date"):
            entries[name] = f"20{10 + len(name)}"
    entries |= {"planimetric_accuracy": "5.5", "altimetric_accuracy": "0.25", "scale": "20000"}
    entries |= {"source_currentness_reference": "publication date"}
    root = csdgm.check(make_metadata(describe(), {**entries, "contact_person": "Someone"}))
    assert {name: find_text(root, place) for name, (place, _) in PLACES.items()} == entries
    spacing = {"first_spacing_contour_interval": "10", "second_spacing_contour_interval": "20"}
    root = csdgm.check(make_metadata(describe(), spacing))
    assert find_text(root, f"{SOURCE}srccite/citeinfo/othercit") == (
        "First spacing or contour interval in metres: 10. Second spacing or contour interval in "
        "metres: 20. Scale: Unknown."
    )


def test_collections_and_surveys_are_sources() -> None:
    root = csdgm.check(make_metadata(describe(), {}))
    found = [
        (
            source.findtext("srccite/citeinfo/title"),
            source.findtext("srccite/citeinfo/origin"),
            source.findtext(f"{TIME}begdate"),
            source.findtext(f"{TIME}enddate"),
            source.findtext("srctime/srccurr"),
        )
        for source in root.iter("srcinfo")
    ]
    assert found == [
        ("HRDEM Mosaic, 1 m, from lidar", "Natural Resources Canada", "20150601", "20191031",
         "ground condition"),
        ("MRDEM, 30 m, all of Canada", "Natural Resources Canada", "Unknown", "Unknown", "Unknown"),
        ("Lac", "Unknown", "20160502", "20160531", "ground condition"),
        ("Fork", "Unknown", "20150601", "20191031", "ground condition"),
        ("Unknown", "Unknown", "Unknown", "Unknown", "Unknown"),
    ]  # fmt: skip


def test_without_surveys_the_newest_one_is_known_by_the_catalogue() -> None:
    root = csdgm.check(make_metadata(describe(surveys=None), {}))
    assert find_text(root, f"{SOURCE}{TIME}begdate") == "Unknown"
    assert find_text(root, f"{SOURCE}{TIME}enddate") == "20191031"


def test_a_sheet_at_1_to_250_000() -> None:
    root = csdgm.check(make_metadata(describe("340D"), {}))
    assert find_text(root, "idinfo/citation/citeinfo/title") == "CDED3-340D"
    assert find_text(root, PLACES["nts_50k_1"][0]) == "Not applicable"
    bounding = root.find("./idinfo/spdom/bounding")
    assert [each.text for each in bounding] == ["-80", "-72", "82", "81"]
    resolution = [
        find_text(root, f"spref/horizsys/geograph/{each}") for each in ("latres", "longres")
    ]
    assert resolution == ["3", "12"]


def test_abbreviations_of_sources_differ_whatever_the_user_calls_the_first() -> None:
    root = csdgm.check(make_metadata(describe(), {"source_citation_abbreviation": "mrdem-30"}))
    assert [each.text for each in root.iter("srccitea")][:2] == ["mrdem-30", "mrdem-30 (2)"]


def test_text_is_latin_1_and_what_xml_forbids_is_left_out() -> None:
    document = make_metadata(describe(), {"purpose": "Près de\x00 l’eau\n\ud800 <&>"})
    assert document.startswith(b"<?xml version='1.0' encoding='ISO-8859-1'?>")
    assert b"Pr\xe8s de l&#8217;eau &lt;&amp;&gt;" in document
    assert find_text(csdgm.check(document), "idinfo/descript/purpose") == "Près de l’eau <&>"


@pytest.mark.slow
def test_a_real_plan(demo: Addresses, http: HttpClient) -> None:
    sheet = parse_sheet("031K01")
    request = make_height_request(shapely.box(*sheet.bounds), SAMPLING, stac_url=demo.stac)
    plan = make_plan(request, http)
    made = DataSet(sheet, DataEdition(2, 3), "A", plan, "G", [], dt.date(2026, 1, 2))
    root = csdgm.check(make_metadata(made, {}))
    assert [each.text for each in root.iter("srccitea")] == [
        "hrdem-mosaic-1m", "hrdem-mosaic-2m", "mrdem-30",
    ]  # fmt: skip
    assert find_text(root, f"{SOURCE}srccite/citeinfo/pubdate") != "Unknown"
    assert find_text(root, "idinfo/citation/citeinfo/edition") == "2.03"
