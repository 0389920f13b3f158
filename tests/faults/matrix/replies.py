"""Rows of servers that answer, but not as they should."""

from __future__ import annotations

from hrdem.errors import ExitCode
from tests.faults.matrix import answers
from tests.faults.matrix.row import EVERYWHERE, FILES, GOES_ON, INSIDE, OUTSIDE, Row, once
from tests.faults.matrix.store import Place

_HTML = b"<html><head><title>502 Bad Gateway</title></head></html>"

REPLIES = (
    once(
        "an answer is cut off, once",
        "broke off its answer (…). Trying again in",
        answers.cut_in_half(announced=True),
    ),
    Row(
        wrong="answers are cut off, always",
        said="broke off its answer (…). Tried 5 times.",
        answer=answers.right_but(cut=100),
        at=INSIDE,
    ),
    once(
        "an answer is shorter than its range, once",
        "sends fewer bytes than it says. Trying again in",
        answers.cut_in_half(announced=False),
        (Place.INDEX, Place.TILES),
        GOES_ON,
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
        at=FILES,
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
        at=FILES,
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
        "404: Not Found. Check the address given as --stac-url.",
        answer=answers.said(404, b"Not Found"),
        at=(Place.CATALOGUE,),
    ),
    Row(
        wrong="a file of the catalogue is missing (404)",
        said="The catalogue lists dtm of item …-mosaic-1m, but FILES/…dtm.tif answers 404: "
        "NoSuchKey. The file may have been moved or withdrawn: try later, another --collection, or "
        "--via vrt.",
        answer=answers.said(404, b"NoSuchKey"),
        at=(Place.HEADER,),
    ),
    Row(
        wrong="a file is forbidden (403)",
        said="FILES/…dtm.tif answers 403: AccessDenied",
        answer=answers.said(403, b"AccessDenied"),
        at=FILES,
    ),
    Row(
        wrong="a file goes missing (404)",
        said="FILES/…dtm.tif answers 404: NoSuchKey",
        answer=answers.said(404, b"NoSuchKey"),
        at=(Place.INDEX, Place.TILES),
    ),
    once(
        "408 Request Timeout, once",
        "answers 408. Trying again in",
        answers.said(408),
    ),
    Row(
        wrong="416 Range Not Satisfiable",
        said="FILES/…dtm.tif answers 416.",
        answer=answers.said(416),
        at=FILES,
    ),
    once(
        "429 Too Many Requests, once",
        "answers 429: slow down. Trying again in",
        answers.said(429, b"slow down"),
    ),
    once(
        "429 with Retry-After: 7, once",
        "answers 429. Trying again in 7.0 s.",
        answers.said(429, headers={"Retry-After": "7"}),
    ),
    Row(
        wrong="429 Too Many Requests, always",
        said="answers 429: slow down. Tried 5 times.",
        answer=answers.said(429, b"slow down"),
        at=INSIDE,
    ),
    once(
        "503 Service Unavailable, once",
        "answers 503. Trying again in",
        answers.said(503),
        EVERYWHERE,
    ),
    once(
        "503 with Retry-After: 30, once",
        "answers 503. Trying again in 30.0 s.",
        answers.said(503, headers={"Retry-After": "30"}),
    ),
    Row(
        wrong="503 with Retry-After: 3600",
        said="answers 503: maintenance. It asks to wait 3600 s: try again after that.",
        answer=answers.said(503, b"maintenance", headers={"Retry-After": "3600"}),
        at=OUTSIDE,
    ),
    once(
        "500 Internal Server Error, once",
        "answers 500. Trying again in",
        answers.said(500),
    ),
    Row(
        wrong="500 Internal Server Error, always",
        said="answers 500: InternalError. Tried 5 times.",
        answer=answers.said(500, b"InternalError"),
        at=(Place.CATALOGUE, Place.INDEX, Place.TILES),
    ),
    Row(
        wrong="500 Internal Server Error, always",
        said="The catalogue lists dtm of item …-mosaic-1m, but FILES/…dtm.tif answers 500: "
        "InternalError. Tried 5 times. Try again later.",
        answer=answers.said(500, b"InternalError"),
        at=(Place.HEADER,),
    ),
    Row(
        wrong="502 and a page of HTML, always",
        said="answers 502: <html><head><title>502 Bad Gateway</title></head></html>. Tried 5 "
        "times.",
        answer=answers.said(502, _HTML, headers={"Content-Type": "text/html"}),
        at=INSIDE,
    ),
    Row(
        wrong="redirects lead in a circle",
        said="redirects in a circle.",
        answer=answers.in_a_circle,
        at=OUTSIDE,
    ),
    Row(
        wrong="redirects lead to another host that has the same",
        happens="followed",
        codes=(ExitCode.COMPLETE,),
        answer=answers.elsewhere,
        at=EVERYWHERE,
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
    once(
        "a bit is flipped in the tile index, once",
        "They are read once more.",
        answers.flipped(5, every=8),
        (Place.INDEX,),
        "ridden out: read once more",
    ),
    once(
        "a bit is flipped before a tile, once",
        "does not lie where the file's index says. The file may be damaged, or may be being "
        "published again: try again later. They are read once more.",
        answers.flipped(0),
        (Place.TILES,),
        "ridden out: read once more",
    ),
    Row(
        wrong="a bit is flipped in the tile index, always",
        said="The tile index of FILES/…dtm.tif contradicts itself, or points beyond the file or "
        "to tiles that are too large. The file is damaged, or is being published again: try again "
        "later.",
        answer=answers.flipped(5, every=8),
        at=(Place.INDEX,),
    ),
    Row(
        wrong="a bit is flipped before a tile, always",
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
