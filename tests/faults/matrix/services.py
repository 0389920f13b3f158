"""Rows: republished files, bad catalogues, WCS instead of files."""

from __future__ import annotations

from hrdem.errors import ExitCode
from tests.faults.matrix import answers, commands
from tests.faults.matrix.row import ALWAYS, ENDS, FILES, RETRIED, Row
from tests.faults.matrix.store import Place

_NO_HARM = "no effect"

EDITIONS = (
    Row(
        fault="all files are republished between the catalogue and the headers",
        effect="reads the new version only",
        exit_codes=(ExitCode.COMPLETE,),
        answer=answers.published_again,
        at=(Place.HEADER,),
        edition=2,
    ),
    *(
        Row(
            fault=f"all files are republished {when}",
            exit_codes=(ExitCode.SOURCE_CHANGED,),
            message="FILES/…dtm.tif was published again while it was being read: it was … bytes, "
            "ETag OLD, now it is … bytes, ETag NEW. Nothing was written; run the same command "
            "again to read the new version. --on-change restart does so by itself, once.",
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
        fault="all files are republished between tiles, and --on-change restart",
        effect="restarts; reads the new version only",
        exit_codes=(ExitCode.COMPLETE,),
        message="was published again while it was being read: … ETag OLD, now it is … ETag NEW. "
        "Starting again with it.",
        answer=answers.published_again,
        at=(Place.TILES,),
        first=4,
        times=1,
        options=("--on-change=restart",),
        edition=2,
    ),
    Row(
        fault="the files are republished, and the server ignores If-Match",
        exit_codes=(ExitCode.SOURCE_CHANGED,),
        message="was published again while it was being read: it was … bytes, ETag OLD, now it is "
        "… bytes, ETag NEW.",
        answer=answers.without_conditions,
        at=(Place.INDEX, Place.TILES),
    ),
)

_SIGN_IN = b"<!DOCTYPE html><html>Sign in"
_NOT_JSON = "is not a STAC API: it answers '<!DOCTYPE html><html>Sign in' where JSON was expected."
CATALOGUES = tuple(
    Row(
        fault=f"the catalogue returns {what}",
        effect=effect,
        exit_codes=(ExitCode.NETWORK if effect == ENDS else ExitCode.COMPLETE,),
        message=message,
        answer=answer,
        at=(Place.CATALOGUE,),
        times=times,
    )
    for what, effect, message, answer, times in (
        (
            "HTML, such as a login page",
            ENDS,
            f"{_NOT_JSON} Check --stac-url. Tried 5 times.",
            answers.reply(200, _SIGN_IN),
            ALWAYS,
        ),
        (
            "HTML, such as a login page, once",
            RETRIED,
            f"{_NOT_JSON}… Trying again in",
            answers.reply(200, _SIGN_IN),
            1,
        ),
        (
            "half a JSON document",
            ENDS,
            "is not a STAC API: it answers '{… Tried 5 times.",
            answers.cut_in_half(announced=False),
            ALWAYS,
        ),
        (
            "half a JSON document, once",
            RETRIED,
            "is not a STAC API: it answers '{… Trying again in",
            answers.cut_in_half(announced=False),
            1,
        ),
        (
            "JSON that is not a search result",
            ENDS,
            "is not a STAC API: its response to an item search has no list of features.",
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
            "lists an item 5 that is not a STAC item: TypeError: 5 is not a string.",
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
            "assets without href",
            ENDS,
            "mosaic-1m' that is not a STAC item: KeyError: 'href'.",
            answers.without("assets", "dtm", "href"),
            ALWAYS,
        ),
        (
            "items without footprints and dates",
            _NO_HARM,
            "",
            answers.page(lambda item: {**item, "geometry": None, "properties": {}}),
            ALWAYS,
        ),
        (
            "more than 10,000 items",
            ENDS,
            "lists more than 10000 items. Request a smaller area.",
            answers.many_items(10_001),
            ALWAYS,
        ),
        (
            "endless next pages",
            ENDS,
            "lists more than 10000 items. Request a smaller area.",
            answers.endless(items=True),
            ALWAYS,
        ),
        (
            "next pages in a loop",
            ENDS,
            "returns pages in a loop: a next page repeats an earlier one.",
            answers.repeated,
            ALWAYS,
        ),
        (
            "endless empty pages",
            ENDS,
            "returns more than 1000 pages; next pages may form a loop.",
            answers.endless(items=False),
            ALWAYS,
        ),
        ("an empty page first", _NO_HARM, "", answers.empty_first, 1),
    )
)

_WITH_WCS = ("--wcs-url=SERVER/wrapper/ogc/elevation-hrdem-mosaic",)
_BY_WCS = ("--via=wcs", *_WITH_WCS)
_NOT_NOW = (
    b'<ExceptionReport xmlns="http://www.opengis.net/ows/1.1"><Exception '
    b'exceptionCode="NoApplicableCode"><ExceptionText>not now</ExceptionText></Exception>'
    b"</ExceptionReport>"
)
_FAILING = (
    (
        "504",
        "It answers 504: Time-out.",
        answers.reply(504, b"<title>Time-out</title>"),
        "in halves",
    ),
    ("null", "the response is null.", answers.reply(200, b"null"), "in halves"),
    ("an exception", "NoApplicableCode: not now.", answers.reply(200, _NOT_NOW), "again"),
    ("a reset", "did not complete its response (…).", answers.reply(dropped=True), "in halves"),
)
WCS = (
    Row(
        fault="the files answer 500, always; a WCS is configured",
        effect="reads from the WCS instead",
        exit_codes=(ExitCode.COMPLETE,),
        message="-mosaic-1m cannot be read from its COG, so it comes through the WCS: … answers "
        "500. Tried 5 times.",
        answer=answers.reply(500),
        at=FILES,
        options=_WITH_WCS,
    ),
    Row(
        fault="the WCS fails too",
        message="answers 500. Tried 5 times. Try again later.… The WCS cannot take its place "
        "either: SERVER/wrapper/ogc/elevation-hrdem-mosaic answers 500. Tried 5 times.",
        answer=answers.all_500,
        at=(Place.HEADER,),
        options=_WITH_WCS,
    ),
    Row(
        fault="the data are republished during a WCS read",
        exit_codes=(ExitCode.SOURCE_CHANGED,),
        message="-mosaic-1m was published again while it was being read through the WCS: it was of "
        "2026-03-24T18:03:29.704737Z, now it is of 2026-03-25T18:03:29.704737Z.",
        answer=answers.published_again,
        at=(Place.WCS,),
        options=_BY_WCS,
    ),
    *(
        Row(
            fault=f"the WCS answers with {what}, once",
            effect=RETRIED,
            exit_codes=(ExitCode.COMPLETE,),
            message=f"{message} It is requested {how}.",
            answer=answer,
            at=(Place.WCS,),
            times=1,
            options=_BY_WCS,
        )
        for what, message, answer, how in _FAILING[:2]
    ),
    *(
        Row(
            fault=f"the WCS answers everything with {what}, at once",
            message=f"does not return dtm in the box …: …{message} Nothing has arrived in … s. "
            "COGs hold the same data: --via cog.",
            answer=answer,
            at=(Place.WCS,),
            run=commands.with_short_deadline,
            options=_BY_WCS,
        )
        for what, message, answer, _ in _FAILING
    ),
)
