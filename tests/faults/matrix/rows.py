"""The rows: what goes wrong, and what then happens, ends, and is said.

In what is said, SERVER is the address of the service, FILES that of the folder of its files, OUTPUT
the output, OLD and NEW are versions, and … stands for what may be anything.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass

from hrdem.errors import ExitCode
from hrdem.http.protocol import Timeouts
from tests.faults.matrix import answers, commands
from tests.faults.matrix.commands import Way
from tests.faults.matrix.store import Answer, Place

_ALWAYS = 1_000_000  # requests: more than any run sends
_KILLED = 128 + signal.SIGKILL
_PATIENT = Timeouts(connect=5, read=30, total=60)
_HASTY = Timeouts(connect=5, read=0.5, total=60)  # for what never comes
_EVERYWHERE = (Place.CATALOGUE, Place.HEADER, Place.INDEX, Place.TILES)
_FILES = (Place.HEADER, Place.INDEX, Place.TILES)
_NO_WAY = "http://127.0.0.1:1"  # nobody listens there
_NOWHERE = "http://hrdem.invalid"
_HTML = b"<html><head><title>502 Bad Gateway</title></head></html>"

_TRIED_AGAIN = "ridden out: tried again"
_GOES_ON = "ridden out: goes on where it broke off"
_NO_HARM = "does no harm"
_ENDS = "ends the run"
_BY_WCS = "the WCS takes its place"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row.

    Attributes:
        wrong: What goes wrong.
        happens: What happens then.
        codes: Exit codes of the command.
        said: What is said on standard error, word for word but for what may be anything.
        answer: What the server does, if it is the server.
        at: Where; each place is tried by itself.
        first: The first request there that it does that to, counted from 1.
        times: To how many it does it.
        way: How the command is run.
        files_at: Scheme and host that the catalogue gives for files, if not the server's.
        options: Further options of the command.
        timeouts: How long the command waits.
        edition: Which edition the pixels are of, if there are any.
        leaves_hidden: Whether hidden files stay.
        not_yet: Why the row does not hold yet; empty if it does.
    """

    wrong: str
    happens: str = _ENDS
    codes: tuple[int, ...] = (ExitCode.NETWORK,)
    said: str = ""
    answer: Answer | None = None
    at: tuple[Place, ...] = ()
    first: int = 1
    times: int = _ALWAYS
    way: Way = commands.here
    files_at: str = ""
    options: tuple[str, ...] = ()
    timeouts: Timeouts = _PATIENT
    edition: int = 1
    leaves_hidden: bool = False
    not_yet: str = ""


def _once(
    wrong: str, said: str, answer: Answer, at: tuple[Place, ...] = _EVERYWHERE,
    happens: str = _TRIED_AGAIN, timeouts: Timeouts = _PATIENT,
) -> Row:  # fmt: skip
    """A row of what passes."""
    return Row(
        wrong=wrong, happens=happens, codes=(ExitCode.COMPLETE,), said=said, answer=answer, at=at,
        times=1, timeouts=timeouts,
    )  # fmt: skip


CONNECTIONS = (
    Row(
        wrong="the catalogue's host refuses connections",
        said=f"{_NO_WAY}/search cannot be reached (…). Check the network, the proxy and the "
        "address. Tried 5 times.",
        way=commands.asking(_NO_WAY),
    ),
    Row(
        wrong="the files' host refuses connections",
        said=f"{_NO_WAY}/…dtm.tif cannot be reached (…). Check the network, the proxy and the "
        "address. Tried 5 times.",
        files_at=_NO_WAY,
    ),
    Row(
        wrong="the catalogue's host has no address (DNS)",
        said=f"{_NOWHERE}/search cannot be reached (…). Check the network, the proxy and the "
        "address. Tried 5 times.",
        way=commands.asking(_NOWHERE),
    ),
    Row(
        wrong="the files' host has no address (DNS)",
        said=f"{_NOWHERE}/…dtm.tif cannot be reached (…). Check the network",
        files_at=_NOWHERE,
    ),
    Row(
        wrong="the catalogue's certificate is not trusted (TLS)",
        said="https://SERVER/stac/api/search has a certificate that is not trusted here (…). "
        "Behind a proxy that inspects traffic, set SSL_CERT_FILE to its certificate bundle.",
        way=commands.untrusted_catalogue,
    ),
    Row(
        wrong="the files' certificate is not trusted (TLS)",
        said="https://FILES/…dtm.tif has a certificate that is not trusted here (…)",
        way=commands.untrusted_files,
    ),
    _once(
        "a connection is reset before the answer, once",
        "broke off its answer (…). Trying again in",
        answers.said(dropped=True),
    ),
    Row(
        wrong="connections are reset before the answer, always",
        said="broke off its answer (…). Tried 5 times.",
        answer=answers.said(dropped=True),
        at=_EVERYWHERE,
    ),
    _once(
        "a connection is reset in mid-answer, once",
        "broke off its answer (…). Trying again in",
        answers.right_but(cut=500, reset=True),
        (Place.CATALOGUE, Place.HEADER),
    ),
    _once(
        "a connection is reset in mid-answer, once",
        "broke off its answer (…). Trying again in",
        answers.right_but(cut=500, reset=True),
        (Place.INDEX, Place.TILES),
        _GOES_ON,
    ),
    Row(
        wrong="connections are reset in mid-answer, always",
        said="broke off its answer (…). Tried 5 times.",
        answer=answers.right_but(cut=100, reset=True),
        at=_EVERYWHERE,
    ),
    _once(
        "a server accepts and says nothing, once",
        "stopped answering (timed out). Trying again in",
        answers.said(silent=True),
        timeouts=_HASTY,
    ),
    Row(
        wrong="a server accepts and says nothing, always",
        said="stopped answering (timed out). Tried 5 times.",
        answer=answers.said(silent=True),
        at=_EVERYWHERE,
        timeouts=_HASTY,
    ),
    _once(
        "an answer stalls half way, once",
        "stopped answering (timed out). Trying again in",
        answers.right_but(cut=1000, stalls=True),
        timeouts=_HASTY,
    ),
    Row(
        wrong="an answer trickles, and takes longer than may be",
        said="stopped answering (no whole answer within …). Tried 5 times.",
        answer=answers.right_but(pause=0.05, piece=5_000),
        at=(Place.TILES,),
        timeouts=Timeouts(connect=5, read=30, total=0.3),
    ),
    Row(
        wrong="answers trickle at 1 kB/s",
        said="slow…Tried 5 times.",
        answer=answers.right_but(pause=0.05, piece=50),
        at=(Place.CATALOGUE, Place.TILES),
        timeouts=Timeouts(connect=5, read=0.5, total=0.5),
        not_yet="there is no least speed",
    ),
)

ANSWERS = (
    _once(
        "an answer is cut off, once",
        "broke off its answer (…). Trying again in",
        answers.cut_in_half(announced=True),
    ),
    Row(
        wrong="answers are cut off, always",
        said="broke off its answer (…). Tried 5 times.",
        answer=answers.right_but(cut=100),
        at=_EVERYWHERE,
    ),
    _once(
        "an answer is shorter than its range, once",
        "sends fewer bytes than it says. Trying again in",
        answers.cut_in_half(announced=False),
        (Place.INDEX, Place.TILES),
        _GOES_ON,
    ),
    Row(
        wrong="answers are shorter than their range, always",
        said="FILES/…dtm.tif was asked for bytes 0-12287 and answers with 'bytes 0-12287/…' and "
        "6144 bytes. A proxy may be in the way.",
        answer=answers.cut_in_half(announced=False),
        at=(Place.HEADER,),
    ),
    Row(
        wrong="answers are shorter than their range, always",
        said="FILES/…dtm.tif sends fewer bytes than it says. Tried 5 times.",
        answer=answers.cut_in_half(announced=False),
        at=(Place.INDEX, Place.TILES),
    ),
    Row(
        wrong="the answer is another range (Content-Range)",
        said="FILES/…dtm.tif was asked for …bytes … and answers with 'bytes 16-31/…A proxy may be "
        "in the way",
        answer=answers.with_headers(content_range="bytes 16-31/1000000000000"),
        at=_FILES,
    ),
    Row(
        wrong="the answer is of a file of another size",
        said="FILES/…dtm.tif was asked for 'bytes … and answers with 'bytes …/999'. A proxy may "
        "be in the way, or the file may be being published again: try again later.",
        answer=answers.other_total,
        at=(Place.INDEX, Place.TILES),
    ),
    Row(
        wrong="the answer says that the file has 999 bytes",
        said="FILES/…dtm.tif cannot be read as a tiled GeoTIFF: it points to byte …, beyond its "
        "999 bytes. The file may be damaged, or be of a kind that only GDAL reads: try --engine "
        "gdal.",
        answer=answers.other_total,
        at=(Place.HEADER,),
    ),
    Row(
        wrong="the server ignores ranges, and would send the whole file (200)",
        said="FILES/…dtm.tif ignores the Range header and would send the whole file. The server "
        "or a proxy on the way cannot serve parts of files.",
        answer=answers.said(200, bytes(1 << 20)),
        at=_FILES,
    ),
    Row(
        wrong="the catalogue is forbidden (403)",
        said="SERVER/stac/api/search answers 403: Forbidden",
        answer=answers.said(403, b"Forbidden"),
        at=(Place.CATALOGUE,),
    ),
    Row(
        wrong="there is no catalogue (404)",
        said="SERVER/stac/api/ is no STAC API with item search: SERVER/stac/api/search answers "
        "404: Not Found Check the address given as --stac-url.",
        answer=answers.said(404, b"Not Found"),
        at=(Place.CATALOGUE,),
    ),
    Row(
        wrong="a file of the catalogue is missing (404)",
        said="The catalogue lists dtm of item …-mosaic-1m, but FILES/…dtm.tif answers 404: "
        "NoSuchKey The file may have been moved or withdrawn: try later, another --collection, or "
        "--via vrt.",
        answer=answers.said(404, b"NoSuchKey"),
        at=(Place.HEADER,),
    ),
    Row(
        wrong="a file is forbidden (403)",
        said="FILES/…dtm.tif answers 403: AccessDenied",
        answer=answers.said(403, b"AccessDenied"),
        at=_FILES,
    ),
    Row(
        wrong="a file goes missing (404)",
        said="FILES/…dtm.tif answers 404: NoSuchKey",
        answer=answers.said(404, b"NoSuchKey"),
        at=(Place.INDEX, Place.TILES),
    ),
    _once(
        "408 Request Timeout, once",
        "answers 408. Trying again in",
        answers.said(408),
    ),
    Row(
        wrong="416 Range Not Satisfiable",
        said="FILES/…dtm.tif answers 416.",
        answer=answers.said(416),
        at=_FILES,
    ),
    _once(
        "429 Too Many Requests, once",
        "answers 429: slow down Trying again in",
        answers.said(429, b"slow down"),
    ),
    _once(
        "429 with Retry-After: 7, once",
        "answers 429. Trying again in 7.0 s.",
        answers.said(429, headers={"Retry-After": "7"}),
    ),
    Row(
        wrong="429 Too Many Requests, always",
        said="answers 429: slow down Tried 5 times.",
        answer=answers.said(429, b"slow down"),
        at=_EVERYWHERE,
    ),
    _once(
        "503 Service Unavailable, once",
        "answers 503. Trying again in",
        answers.said(503),
    ),
    _once(
        "503 with Retry-After: 30, once",
        "answers 503. Trying again in 30.0 s.",
        answers.said(503, headers={"Retry-After": "30"}),
    ),
    Row(
        wrong="503 with Retry-After: 3600",
        said="answers 503: maintenance It asks to wait 3600 s: try again after that.",
        answer=answers.said(503, b"maintenance", headers={"Retry-After": "3600"}),
        at=_EVERYWHERE,
    ),
    _once(
        "500 Internal Server Error, once",
        "answers 500. Trying again in",
        answers.said(500),
    ),
    Row(
        wrong="500 Internal Server Error, always",
        said="answers 500: InternalError Tried 5 times.",
        answer=answers.said(500, b"InternalError"),
        at=(Place.CATALOGUE, Place.INDEX, Place.TILES),
    ),
    Row(
        wrong="500 Internal Server Error, always",
        said="The catalogue lists dtm of item …-mosaic-1m, but FILES/…dtm.tif answers 500: "
        "InternalError Tried 5 times. Try again later.",
        answer=answers.said(500, b"InternalError"),
        at=(Place.HEADER,),
    ),
    Row(
        wrong="502 and a page of HTML, always",
        said="answers 502: <html><head><title>502 Bad Gateway</title></head></html> Tried 5 times.",
        answer=answers.said(502, _HTML, headers={"Content-Type": "text/html"}),
        at=_EVERYWHERE,
    ),
    Row(
        wrong="redirects lead in a circle",
        said="redirects in a circle.",
        answer=answers.in_a_circle,
        at=_EVERYWHERE,
    ),
    Row(
        wrong="redirects lead to another host that has the same",
        happens="followed",
        codes=(ExitCode.COMPLETE,),
        answer=answers.elsewhere,
        at=_EVERYWHERE,
    ),
    Row(
        wrong="the answer comes compressed (gzip), unasked",
        happens="unpacked",
        codes=(ExitCode.COMPLETE,),
        answer=answers.zipped,
        at=(Place.CATALOGUE, Place.HEADER),
    ),
    Row(
        wrong="the answer comes compressed (gzip), unasked",
        said="FILES/…dtm.tif sends parts of a file compressed, which cannot be used.",
        answer=answers.zipped,
        at=(Place.INDEX, Place.TILES),
    ),
    Row(
        wrong="a bit is flipped in the tile index",
        said="The tile index of FILES/…dtm.tif contradicts itself, or points beyond the file or "
        "to tiles that are too large. The file is damaged, or is being published again: try again "
        "later.",
        answer=answers.flipped(5, every=8),
        at=(Place.INDEX,),
    ),
    Row(
        wrong="a bit is flipped before a tile",
        said="A tile of FILES/…dtm.tif does not lie where the file's index says. The file may be "
        "damaged, or may be being published again: try again later.",
        answer=answers.flipped(0),
        at=(Place.TILES,),
    ),
    Row(
        wrong="a bit is flipped in a tile, so that it cannot be unpacked",
        said="A tile of FILES/…dtm.tif cannot be decoded (…). The file may be damaged, or the "
        "tile may have been altered on the way: try again, or with --engine gdal.",
        answer=answers.flipped(400_000),
        at=(Place.TILES,),
    ),
)

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
            "again to read the new version.",
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
            _ENDS,
            "is no STAC API: it answers '<!DOCTYPE html><html>Sign in' where JSON was expected.",
            answers.said(200, b"<!DOCTYPE html><html>Sign in"),
            _ALWAYS,
        ),
        (
            "half a JSON document",
            _ENDS,
            "is no STAC API: it answers '{",
            answers.cut_in_half(announced=False),
            _ALWAYS,
        ),
        (
            "another JSON document",
            _ENDS,
            "is no STAC API: its answer to an item search has no list of features.",
            answers.document({"features": "none"}),
            _ALWAYS,
        ),
        (
            "items of a wrong type",
            _ENDS,
            "lists an item None that is not a STAC item",
            answers.document({"features": [1, 2]}),
            _ALWAYS,
        ),
        (
            "items whose id is a number",
            _ENDS,
            "lists an item 5 that is not a STAC item: TypeError: 5 is not a text.",
            answers.page(lambda item: {**item, "id": 5}),
            _ALWAYS,
        ),
        (
            "items without properties",
            _ENDS,
            "mosaic-1m' that is not a STAC item: KeyError: 'properties'.",
            answers.without("properties"),
            _ALWAYS,
        ),
        (
            "items without assets",
            _ENDS,
            "mosaic-1m' that is not a STAC item: KeyError: 'assets'.",
            answers.without("assets"),
            _ALWAYS,
        ),
        (
            "assets without an address",
            _ENDS,
            "mosaic-1m' that is not a STAC item: KeyError: 'href'.",
            answers.without("assets", "dtm", "href"),
            _ALWAYS,
        ),
        (
            "items without outlines and dates",
            _NO_HARM,
            "",
            answers.page(lambda item: {**item, "geometry": None, "properties": {}}),
            _ALWAYS,
        ),
        (
            "more than 10,000 items",
            _ENDS,
            "lists more than 10000 items; is the area meant?",
            answers.many_items(10_001),
            _ALWAYS,
        ),
        (
            "next pages without end",
            _ENDS,
            "lists more than 10000 items; is the area meant?",
            answers.endless(items=True),
            _ALWAYS,
        ),
        (
            "next pages that lead in a circle",
            _ENDS,
            "leads in a circle: a next page repeats an earlier one.",
            answers.repeated,
            _ALWAYS,
        ),
        (
            "empty pages without end",
            _ENDS,
            "gives more than 1000 pages; a next page may lead in a circle.",
            answers.endless(items=False),
            _ALWAYS,
        ),
        ("an empty page first", _NO_HARM, "", answers.empty_first, 1),
    )
)

THIS_MACHINE = (
    *(
        Row(
            wrong=f"the disk is full ({what})",
            codes=(ExitCode.OUTPUT,),
            said="OUTPUT cannot be written: …. Check the folder's permissions and the space on "
            "the disk.",
            way=commands.on_a_full_disk,
            options=options,
        )
        for what, options in (
            ("a GeoTIFF", ()),
            ("a COG", ("--format=cog",)),
            ("another grid", ("--crs=EPSG:2959",)),
        )
    ),
    Row(
        wrong="the folder of the output is removed meanwhile",
        codes=(ExitCode.OUTPUT,),
        said="OUTPUT cannot be written: …No such file or directory…. Check the folder's "
        "permissions and the space on the disk.",
        answer=answers.without_folder,
        at=(Place.TILES,),
        times=1,
    ),
    Row(
        wrong="the folder of the output is read-only",
        codes=(ExitCode.OUTPUT,),
        said="The folder … is not writable; choose another -o.",
        way=commands.in_a_read_only_folder,
    ),
    Row(
        wrong="two runs write one output at once",
        happens="one gives the whole file, one ends",
        codes=(ExitCode.COMPLETE, ExitCode.OUTPUT),
        said="OUTPUT exists; give --overwrite to replace it, or another -o.",
        answer=answers.when_two_have_come,
        at=(Place.TILES,),
        way=commands.twice_at_once,
    ),
    Row(
        wrong="two runs write one output at once with --overwrite",
        happens="each gives the whole file",
        codes=(ExitCode.COMPLETE, ExitCode.COMPLETE),
        answer=answers.when_two_have_come,
        at=(Place.TILES,),
        way=commands.twice_at_once,
        options=("--overwrite",),
    ),
    *(
        Row(
            wrong=what,
            codes=(ExitCode.INTERRUPTED,),
            said="hrdem: interrupted; no unfinished output is left.",
            answer=answers.said(silent=True),
            at=(Place.TILES,),
            way=commands.signalled(number),
        )
        for what, number in (
            ("Ctrl-C (SIGINT)", signal.SIGINT),
            ("the end of a session (SIGTERM)", signal.SIGTERM),
        )
    ),
    Row(
        wrong="kill -9, and the same command again",
        happens="nothing has the output's name, hidden files stay; the second run works",
        codes=(_KILLED, ExitCode.COMPLETE),
        answer=answers.said(silent=True),
        at=(Place.TILES,),
        way=commands.killed_and_run_again,
        leaves_hidden=True,
    ),
)

KEPT: tuple[Row, ...] = ()  # kept ranges

_WITH_WCS = ("--wcs-url=SERVER/wrapper/ogc/elevation-hrdem-mosaic",)
WCS = (
    Row(
        wrong="the files answer 500, always, and there is a WCS",
        happens=_BY_WCS,
        codes=(ExitCode.COMPLETE,),
        said="-mosaic-1m cannot be read from its COG, so it comes through the WCS: … answers 500. "
        "Tried 5 times.",
        answer=answers.said(500),
        at=_FILES,
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

GROUPS = (
    ("Connections", CONNECTIONS),
    ("Answers", ANSWERS),
    ("Files that are published again", EDITIONS),
    ("Catalogues", CATALOGUES),
    ("In the place of files", WCS),
    ("This machine", THIS_MACHINE),
    ("Kept ranges", KEPT),
)
