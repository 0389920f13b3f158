"""Production rules of FGDC-STD-001-1998, written by hand: what an element of metadata has inside.

Of a compound element, its parts in their order, with ?, * and + as in regular expressions, and |
between alternatives; of another one, a pattern of its text.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

DATE = r"\d{4}(\d\d(\d\d)?)?"
REAL = r"-?\d+(\.\d+)?(e[-+]\d+)?"
COMPOUND = {
    "metadata": "idinfo dataqual? spdoinfo? spref? eainfo? distinfo* metainfo",
    "idinfo": "citation descript timeperd status spdom keywords accconst useconst ptcontac? "
    "browse* datacred? secinfo? native? crossref*",
    "citation": "citeinfo",
    "citeinfo": "origin+ pubdate pubtime? title edition? geoform? serinfo? pubinfo? othercit? "
    "onlink* lworkcit?",
    "serinfo": "sername issue",
    "descript": "abstract purpose supplinf?",
    "timeperd": "timeinfo current",
    "timeinfo": "sngdate|mdattim|rngdates",
    "rngdates": "begdate begtime? enddate endtime?",
    "status": "progress update",
    "spdom": "bounding dsgpoly*",
    "bounding": "westbc eastbc northbc southbc",
    "keywords": "theme+ place* stratum* temporal*",
    "theme": "themekt themekey+",
    "place": "placekt placekey+",
    "dataqual": "attracc? logic complete posacc? lineage cloud?",
    "posacc": "horizpa? vertacc?",
    "horizpa": "horizpar qhorizpa*",
    "qhorizpa": "horizpav horizpae",
    "vertacc": "vertaccr qvertpa*",
    "qvertpa": "vertaccv vertacce",
    "lineage": "srcinfo* procstep+",
    "srcinfo": "srccite srcscale? typesrc srctime srccitea srccontr",
    "srccite": "citeinfo",
    "srctime": "timeinfo srccurr",
    "procstep": "procdesc srcused* procdate proctime? srcprod* proccont?",
    "spdoinfo": "indspref? direct rastinfo?",
    "rastinfo": "rasttype rowcount colcount vrtcount?",
    "spref": "horizsys? vertdef?",
    "horizsys": "geograph geodetic?",
    "geograph": "latres longres geogunit",
    "geodetic": "horizdn? ellips semiaxis denflat",
    "vertdef": "altsys? depthsys?",
    "altsys": "altdatum altres+ altunits altenc",
    "metainfo": "metd metrd? metfrd? metc metstdn metstdv mettc? metac? metuc? metsi? metextns*",
    "metc": "cntinfo",
    "cntinfo": "cntorgp cntpos? cntaddr+ cntvoice+",
    "cntorgp": "cntorg cntper?",
    "cntaddr": "addrtype address* city state postal country?",
}
TEXT = {
    "pubdate": f"{DATE}|Unknown|Unpublished material",
    "begdate": f"{DATE}|Unknown",
    "enddate": f"{DATE}|Unknown|Present",
    "procdate": f"{DATE}|Unknown|Not complete",
    "metd": DATE,
    "progress": "Complete|In work|Planned",
    **dict.fromkeys(("westbc", "eastbc", "northbc", "southbc"), REAL),
    **dict.fromkeys(("horizpav", "vertaccv", "latres", "longres", "altres"), REAL),
    **dict.fromkeys(("semiaxis", "denflat"), REAL),
    **dict.fromkeys(("rowcount", "colcount", "vrtcount", "srcscale"), r"[1-9]\d*"),
    "direct": "Point|Vector|Raster",
    "rasttype": "Point|Pixel|Grid Cell|Voxel",
    "geogunit": "Decimal degrees|Decimal minutes|Decimal seconds|Radians|Grads",
    "altenc": "Explicit elevation coordinate included with horizontal coordinates|"
    "Implicit coordinate|Attribute values",
    **dict.fromkeys(
        (
            *("abstract", "accconst", "address", "addrtype", "altdatum", "altunits", "city"),
            *("cntorg", "cntper", "cntvoice", "complete", "current", "edition", "ellips"),
            *("geoform", "horizdn", "horizpae", "horizpar", "issue", "logic", "metstdn"),
            *("metstdv", "origin", "othercit", "placekey", "placekt", "postal", "procdesc"),
            *("purpose", "sername", "srccitea", "srccontr", "srccurr", "srcused", "state"),
            *("themekey", "themekt", "title", "typesrc", "update", "useconst", "vertacce"),
            "vertaccr",
        ),
        r".*\S.*",
    ),
}


def check(document: bytes) -> ET.Element:
    """Return the root of metadata that follow the rules."""
    root = ET.fromstring(document)
    assert root.tag == "metadata"
    for element in root.iter():
        if element.tag in TEXT:
            assert re.fullmatch(TEXT[element.tag], element.text or ""), ET.tostring(element)
            assert not len(element)
        else:
            rule = re.sub(r"(\w+)([?*+]?) ?", r"(?:\1 )\2", COMPOUND[element.tag])
            parts = "".join(f"{part.tag} " for part in element)
            assert re.fullmatch(rule, parts), f"{element.tag}: {parts}"
    names = [each.text for each in root.iter("srccitea")]
    assert len(set(names)) == len(names)
    assert {each.text for each in root.iter("srcused")} <= set(names)
    return root
