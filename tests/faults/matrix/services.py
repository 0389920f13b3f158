"""Rows of files that are published again, of catalogues, and of the WCS in the place of files."""

from __future__ import annotations

from hrdem.errors import ExitCode
from tests.faults.matrix import answers
from tests.faults.matrix.row import ALWAYS, ENDS, FILES, Row
from tests.faults.matrix.store import Place

_NO_HARM = "does no harm"

EDITIONS = (
    Row(
        wrong="all files are published again between the catalogue and the headers",
        happens="the new edition is read, all of it",
        codes=(ExitCode.COMPLETE,),
        answer=answers.published_again,
        at=(Place.HEADER,),
        edition=2,
    ),
    *(
        Row(
            wrong=f"all files are published again {when}",
            codes=(ExitCode.SOURCE_CHANGED,),
            said="FILES/…dtm.tif was published again while it was being read: it was … bytes, "
            "ETag OLD, now it is … bytes, ETag NEW. Nothing was written; run the same command "
            "again to read the new version, or give --on-change restart.",
            answer=answers.published_again,
            at=(place,),
            first=first,
        )
        for when, place, first in (
            ("between two headers", Place.HEADER, 2),
            ("before the index is read", Place.INDEX, 1),
            ("while the index is read", Place.INDEX, 5),
            ("before the first tile", Place.TILES, 1),
            ("between tiles", Place.TILES, 4),
            ("before the last tile", Place.TILES, 8),
        )
    ),
    Row(
        wrong="all files are published again between tiles, and --on-change restart",
        happens="begins again; the new edition is read, all of it",
        codes=(ExitCode.COMPLETE,),
        said="was published again while it was being read: … ETag OLD, now it is … ETag NEW. "
        "Beginning again with it.",
        answer=answers.published_again,
        at=(Place.TILES,),
        first=4,
        times=1,
        options=("--on-change=restart",),
        edition=2,
    ),
    Row(
        wrong="the files are published again, and the server ignores If-Match",
        codes=(ExitCode.SOURCE_CHANGED,),
        said="was published again while it was being read: it was … bytes, ETag OLD, now it is … "
        "bytes, ETag NEW.",
        answer=answers.without_conditions,
        at=(Place.INDEX, Place.TILES),
    ),
)

CATALOGUES = tuple(
    Row(
        wrong=f"the catalogue gives {what}",
        happens=happens,
        codes=(ExitCode.COMPLETE if happens == _NO_HARM else ExitCode.NETWORK,),
        said=said,
        answer=answer,
        at=(Place.CATALOGUE,),
        times=times,
    )
    for what, happens, said, answer, times in (
        (
            "HTML, like a page to sign in",
            ENDS,
            "is no STAC API: it answers '<!DOCTYPE html><html>Sign in' where JSON was expected.",
            answers.said(200, b"<!DOCTYPE html><html>Sign in"),
            ALWAYS,
        ),
        (
            "half a JSON document",
            ENDS,
            "is no STAC API: it answers '{",
            answers.cut_in_half(announced=False),
            ALWAYS,
        ),
        (
            "another JSON document",
            ENDS,
            "is no STAC API: its answer to an item search has no list of features.",
            answers.document({"features": "none"}),
            ALWAYS,
        ),
        (
            "items of a wrong type",
            ENDS,
            "lists an item None that is not a STAC item",
            answers.document({"features": [1, 2]}),
            ALWAYS,
        ),
        (
            "items whose id is a number",
            ENDS,
            "lists an item 5 that is not a STAC item: TypeError: 5 is not a text.",
            answers.page(lambda item: {**item, "id": 5}),
            ALWAYS,
        ),
        (
            "items without properties",
            ENDS,
            "mosaic-1m' that is not a STAC item: KeyError: 'properties'.",
            answers.without("properties"),
            ALWAYS,
        ),
        (
            "items without assets",
            ENDS,
            "mosaic-1m' that is not a STAC item: KeyError: 'assets'.",
            answers.without("assets"),
            ALWAYS,
        ),
        (
            "assets without an address",
            ENDS,
            "mosaic-1m' that is not a STAC item: KeyError: 'href'.",
            answers.without("assets", "dtm", "href"),
            ALWAYS,
        ),
        (
            "items without outlines and dates",
            _NO_HARM,
            "",
            answers.page(lambda item: {**item, "geometry": None, "properties": {}}),
            ALWAYS,
        ),
        (
            "more than 10,000 items",
            ENDS,
            "lists more than 10000 items; is the area meant?",
            answers.many_items(10_001),
            ALWAYS,
        ),
        (
            "next pages without end",
            ENDS,
            "lists more than 10000 items; is the area meant?",
            answers.endless(items=True),
            ALWAYS,
        ),
        (
            "next pages that lead in a circle",
            ENDS,
            "leads in a circle: a next page repeats an earlier one.",
            answers.repeated,
            ALWAYS,
        ),
        (
            "empty pages without end",
            ENDS,
            "gives more than 1000 pages; a next page may lead in a circle.",
            answers.endless(items=False),
            ALWAYS,
        ),
        ("an empty page first", _NO_HARM, "", answers.empty_first, 1),
    )
)

_WITH_WCS = ("--wcs-url=SERVER/wrapper/ogc/elevation-hrdem-mosaic",)
WCS = (
    Row(
        wrong="the files answer 500, always, and there is a WCS",
        happens="the WCS takes its place",
        codes=(ExitCode.COMPLETE,),
        said="-mosaic-1m cannot be read from its COG, so it comes through the WCS: … answers 500. "
        "Tried 5 times.",
        answer=answers.said(500),
        at=FILES,
        options=_WITH_WCS,
    ),
    Row(
        wrong="the WCS fails too",
        said="answers 500. Tried 5 times. Try again later. The WCS cannot take its place either: "
        "SERVER/wrapper/ogc/elevation-hrdem-mosaic answers 500. Tried 5 times.",
        answer=answers.all_500,
        at=(Place.HEADER,),
        options=_WITH_WCS,
    ),
    Row(
        wrong="the data are published again while they come through the WCS",
        codes=(ExitCode.SOURCE_CHANGED,),
        said="-mosaic-1m was published again while it was being read through the WCS: it was of "
        "2026-03-24T18:03:29.704737Z, now it is of 2026-03-25T18:03:29.704737Z.",
        answer=answers.published_again,
        at=(Place.WCS,),
        options=("--via=wcs", *_WITH_WCS),
    ),
)
