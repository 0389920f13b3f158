"""Metadata of a CDED data set: XML of the FGDC standard (CDED 2.1, 8.1 and 8.2)."""

from __future__ import annotations

from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hrdem.legacy.check.checked_file import CheckedFile
from hrdem.legacy.check.finding import Findings
from hrdem.request.options import Edition

MAX_BYTES = 4 << 20
#: entries by their numbers in 8.1 and 8.2, and where the FGDC standard has them
ENTRIES = {
    "8.1 (1), horizontal accuracy report": "horizpar",
    "8.1 (2), vertical accuracy report": "vertaccr",
    "8.1 (3), type of source media": "typesrc",
    "8.1 (4), source citation abbreviation": "srccitea",
    "8.1 (5), source contribution": "srccontr",
    "8.1 (6), source currentness": "srccurr",
    "8.1 (7), process description": "procdesc",
    "8.2 (1), identifier": "citation/citeinfo/title",
    "8.2 (2-3), edition and version": "citation/citeinfo/edition",
    "8.2 (4), organization": "citation/citeinfo/origin",
    "8.2 (5), source data type": "srccite/citeinfo/geoform",
    "8.2 (6), source product name": "srccite/citeinfo/title",
    "8.2 (9), source availability date": "srccite/citeinfo/pubdate",
    "8.2 (10), process date": "procdate",
    "8.2 (11), planimetric accuracy": "horizpav",
    "8.2 (12), planimetric explanation code": "horizpae",
    "8.2 (13), altimetric accuracy": "vertaccv",
    "8.2 (14), altimetric explanation code": "vertacce",
    "8.2 (17), scale": "srcscale",
    "8.2 (18-21), NTS sheets": "placekey",
}


def check_metadata(checked: CheckedFile, edition: Edition) -> Findings:
    """Judge that metadata are XML, and have the entries of the document.

    The document names the entries, not where they stand: one that is missing is a note.

    Raises:
        RequestError: If the file cannot be read.
    """
    findings = Findings(checked.label, edition)
    content = checked.read(MAX_BYTES + 1)
    root, problem = None, ""
    if len(content) > MAX_BYTES:
        problem = f"more than {MAX_BYTES:,} bytes"
    else:
        root, problem = _parse(content)
    findings.judge(
        "10.2.2 (5)", "XML", root is not None and root.tag == "metadata",
        expected="a well-formed document, its root metadata",
        found=problem or (f"root {root.tag}" if root is not None else ""),
    )  # fmt: skip
    if root is None:
        return findings
    missing = []
    for entry_name, path in ENTRIES.items():
        clause, _, what = entry_name.partition(", ")
        found = root.find(f".//{path}")
        text = (found.text or "").strip() if found is not None else ""
        if text:
            findings.judge(clause, what, True, expected="a value", found=text)
        else:
            missing.append(what)
    if missing:
        findings.note(
            "8.1, 8.2", "entries", expected="a value for each",
            found=f"none for {', '.join(missing)}",
        )  # fmt: skip
    return findings


def _parse(content: bytes) -> tuple[Element | None, str]:
    """Return the root of a document, or why there is none."""
    try:
        return fromstring(content), ""
    except ParseError as exc:
        return None, f"no XML: {exc}"
    except (DefusedXmlException, LookupError, ValueError) as exc:
        return None, f"no XML that is read: {type(exc).__name__}"
