"""Rows: wrong responses."""

from __future__ import annotations

from hrdem.errors import ExitCode
from tests.faults.matrix import answers
from tests.faults.matrix.row import EVERYWHERE, FILES, INSIDE, OUTSIDE, RESUMED, Row, once
from tests.faults.matrix.store import Place

_LOGIN = answers.reply(
    200, b"<!DOCTYPE html><title>Sign in</title>" + bytes(1 << 20),
    headers={"Content-Type": "text/html"},
)  # fmt: skip
_PAGE = "answers 200 with a web page instead of data: <!DOCTYPE html><title>Sign in</title>"
_HTML = b"<html><head><title>502 Bad Gateway</title></head></html>"

REPLIES = (
    once(
        "a response is cut off, once",
        "did not complete its response (…). Trying again in",
        answers.cut_in_half(announced=True),
    ),
    Row(
        fault="responses are cut off, always",
        message="did not complete its response (…). Tried 5 times.",
        answer=answers.altered(cut=100),
        at=INSIDE,
    ),
    once(
        "a response is shorter than its range, once",
        "sends fewer bytes than it announces. Trying again in",
        answers.cut_in_half(announced=False),
        (Place.INDEX, Place.TILES),
        RESUMED,
    ),
    Row(
        fault="responses are shorter than their range, always",
        message="FILES/…dtm.tif sends 'bytes 0-12287/…' and 6144 bytes instead of the requested "
        "bytes 0-12287. A proxy may be in the way. Tried 5 times.",
        answer=answers.cut_in_half(announced=False),
        at=(Place.HEADER,),
    ),
    Row(
        fault="responses are shorter than their range, always",
        message="FILES/…dtm.tif sends fewer bytes than it announces. Tried 5 times.",
        answer=answers.cut_in_half(announced=False),
        at=(Place.INDEX, Place.TILES),
    ),
    once(
        "a response is half of its range, and says so, once",
        "instead of the requested …bytes … A proxy may be in the way… Trying again in",
        answers.half_a_range,
        (Place.HEADER,),
    ),
    once(
        "a response is half of its range, and says so, once",
        "instead of the requested 'bytes … A proxy may be in the way… Trying again in",
        answers.half_a_range,
        (Place.TILES,),
        RESUMED,
    ),
    Row(
        fault="responses are half of their range, and say so, always",
        message="FILES/…dtm.tif sends 'bytes …instead of the requested …bytes …A proxy may be in "
        "the way… Tried 5 times.",
        answer=answers.half_a_range,
        at=(Place.HEADER, Place.INDEX),
    ),
    once(
        "a login page or a proxy's page comes instead of a part (200), once",
        f"{_PAGE}…. A login page or a proxy may be in the way. Trying again in",
        _LOGIN,
        FILES,
    ),
    Row(
        fault="a login page or a proxy's page comes instead of a part (200), always",
        message=f"FILES/…dtm.tif {_PAGE}…. A login page or a proxy may be in the way. Tried 5 "
        "times.",
        answer=_LOGIN,
        at=(Place.HEADER, Place.TILES),
    ),
    once(
        "a response holds another range (Content-Range), once",
        "sends 'bytes 16-31/…instead of the requested …bytes …. Trying again in",
        answers.with_headers(content_range="bytes 16-31/1000000000000"),
        (Place.HEADER, Place.TILES),
    ),
    Row(
        fault="the response holds another range (Content-Range)",
        message="FILES/…dtm.tif sends 'bytes 16-31/…instead of the requested …bytes …A proxy may "
        "be in the way… Tried 5 times.",
        answer=answers.with_headers(content_range="bytes 16-31/1000000000000"),
        at=FILES,
    ),
    Row(
        fault="the response is of a file of another size",
        message="FILES/…dtm.tif sends 'bytes …/999' instead of the requested 'bytes … A proxy may "
        "be in the way, or the file is being published again: try again later. Tried 5 times.",
        answer=answers.other_total,
        at=(Place.INDEX, Place.TILES),
    ),
    Row(
        fault="the response claims a file of 999 bytes",
        message="FILES/…dtm.tif sends 'bytes …/999' and … bytes instead of the requested bytes … A "
        "proxy may be in the way. Tried 5 times.",
        answer=answers.other_total,
        at=(Place.HEADER,),
    ),
    once(
        "a response has no ETag, once",
        "sends a part without the ETag of its file, OLD. A proxy may be in the way. Trying again",
        answers.without_header("etag"),
        (Place.TILES,),
    ),
    Row(
        fault="responses have no ETag, but that of the header does",
        message="FILES/…dtm.tif sends a part without the ETag of its file, OLD. A proxy may be in "
        "the way. Tried 5 times.",
        answer=answers.without_header("etag"),
        at=(Place.TILES,),
    ),
    once(
        "a response has the ETag of another version, once",
        "has changed: it has another version now. The file is unchanged, so it is read once more.",
        answers.with_headers(etag='"other"'),
        (Place.TILES,),
        "recovers: read once more",
    ),
    Row(
        fault="responses have the ETag of another version, but that of the header does not",
        message="FILES/…dtm.tif has changed: it has another version now.",
        answer=answers.with_headers(etag='"other"'),
        at=(Place.TILES,),
    ),
    Row(
        fault="the server ignores ranges and sends the whole file (200)",
        message="FILES/…dtm.tif ignores the Range header and would send the whole file. The server "
        "or a proxy on the way cannot serve parts of files.",
        answer=answers.reply(200, bytes(1 << 20)),
        at=FILES,
    ),
    Row(
        fault="the catalogue is forbidden (403)",
        message="SERVER/stac/api/search answers 403: Forbidden",
        answer=answers.reply(403, b"Forbidden"),
        at=(Place.CATALOGUE,),
    ),
    Row(
        fault="the catalogue does not exist (404)",
        message="SERVER/stac/api/ is not a STAC API with item search: SERVER/stac/api/search "
        "answers 404: Not Found. Check --stac-url.",
        answer=answers.reply(404, b"Not Found"),
        at=(Place.CATALOGUE,),
    ),
    Row(
        fault="a file in the catalogue does not exist (404)",
        message="The catalogue lists dtm of item …-mosaic-1m, but FILES/…dtm.tif answers 404: "
        "NoSuchKey. The file may have been moved or withdrawn: try later, or another "
        "--collection. Or try --via vrt.",
        answer=answers.reply(404, b"NoSuchKey"),
        at=(Place.HEADER,),
    ),
    Row(
        fault="a file is forbidden (403)",
        message="FILES/…dtm.tif answers 403: AccessDenied",
        answer=answers.reply(403, b"AccessDenied"),
        at=FILES,
    ),
    Row(
        fault="a file disappears (404)",
        message="FILES/…dtm.tif answers 404: NoSuchKey",
        answer=answers.reply(404, b"NoSuchKey"),
        at=(Place.INDEX, Place.TILES),
    ),
    once(
        "408 Request Timeout, once",
        "answers 408. Trying again in",
        answers.reply(408),
    ),
    once(
        "304 Not Modified, unasked, once",
        "answers 304. Trying again in",
        answers.reply(304),
        (Place.TILES,),
    ),
    once(
        "416 Range Not Satisfiable, once",
        "answers 416. Trying again in",
        answers.reply(416),
        (Place.HEADER, Place.TILES),
    ),
    Row(
        fault="416 Range Not Satisfiable, always",
        message="FILES/…dtm.tif answers 416. Tried 5 times.",
        answer=answers.reply(416),
        at=FILES,
    ),
    once(
        "429 Too Many Requests, once",
        "answers 429: slow down. Trying again in",
        answers.reply(429, b"slow down"),
    ),
    once(
        "429 with Retry-After: 7, once",
        "answers 429. Trying again in 7.0 s.",
        answers.reply(429, headers={"Retry-After": "7"}),
    ),
    Row(
        fault="429 Too Many Requests, always",
        message="answers 429: slow down. Tried 5 times.",
        answer=answers.reply(429, b"slow down"),
        at=INSIDE,
    ),
    once(
        "503 Service Unavailable, once",
        "answers 503. Trying again in",
        answers.reply(503),
        EVERYWHERE,
    ),
    once(
        "503 with Retry-After: 30, once",
        "answers 503. Trying again in 30.0 s.",
        answers.reply(503, headers={"Retry-After": "30"}),
    ),
    Row(
        fault="503 with Retry-After: 3600",
        message="answers 503: maintenance. It requests a wait of 3600 s: try again after that.",
        answer=answers.reply(503, b"maintenance", headers={"Retry-After": "3600"}),
        at=OUTSIDE,
    ),
    once(
        "500 Internal Server Error, once",
        "answers 500. Trying again in",
        answers.reply(500),
    ),
    Row(
        fault="500 Internal Server Error, always",
        message="answers 500: InternalError. Tried 5 times.",
        answer=answers.reply(500, b"InternalError"),
        at=(Place.CATALOGUE, Place.INDEX, Place.TILES),
    ),
    Row(
        fault="500 Internal Server Error, always",
        message="The catalogue lists dtm of item …-mosaic-1m, but FILES/…dtm.tif answers 500: "
        "InternalError. Tried 5 times. Try again later.",
        answer=answers.reply(500, b"InternalError"),
        at=(Place.HEADER,),
    ),
    Row(
        fault="502 with an HTML page, always",
        message="answers 502: <html><head><title>502 Bad Gateway</title></head></html>. Tried 5 "
        "times.",
        answer=answers.reply(502, _HTML, headers={"Content-Type": "text/html"}),
        at=INSIDE,
    ),
    Row(
        fault="redirects form a loop",
        message="redirects more than 10 times.",
        answer=answers.in_a_circle,
        at=OUTSIDE,
    ),
    Row(
        fault="redirects lead to another host with the same files",
        effect="followed",
        exit_codes=(ExitCode.COMPLETE,),
        answer=answers.elsewhere,
        at=EVERYWHERE,
    ),
    Row(
        fault="the response is compressed (gzip) unasked",
        effect="decompressed",
        exit_codes=(ExitCode.COMPLETE,),
        answer=answers.zipped,
        at=(Place.CATALOGUE,),
    ),
    once(
        "a response is compressed (gzip) unasked, once",
        "sends parts of a file compressed, which cannot be used. A proxy may be in the way. Trying "
        "again in",
        answers.zipped,
        (Place.HEADER, Place.TILES),
    ),
    Row(
        fault="the response is compressed (gzip) unasked",
        message="FILES/…dtm.tif sends parts of a file compressed, which cannot be used. A proxy "
        "may be in the way. Tried 5 times.",
        answer=answers.zipped,
        at=(Place.HEADER, Place.INDEX, Place.TILES),
    ),
    once(
        "a bit flips in the tile index, once",
        "They are read once more.",
        answers.flipped(5, every=8),
        (Place.INDEX,),
        "recovers: read once more",
    ),
    once(
        "a bit flips before a tile, once",
        "is not where the file's index says. The file may be damaged, or may be being "
        "published again: try again later. They are read once more.",
        answers.flipped(0),
        (Place.TILES,),
        "recovers: read once more",
    ),
    Row(
        fault="a bit flips in the tile index, always",
        message="The tile index of FILES/…dtm.tif contradicts itself, or points beyond the file or "
        "to tiles that are too large. The file is damaged, or is being published again: try again "
        "later.",
        answer=answers.flipped(5, every=8),
        at=(Place.INDEX,),
    ),
    Row(
        fault="a bit flips before a tile, always",
        message="A tile of FILES/…dtm.tif is not where the file's index says. The file may "
        "be damaged, or may be being published again: try again later.",
        answer=answers.flipped(0),
        at=(Place.TILES,),
    ),
    Row(
        fault="a bit flips in a tile, which cannot be decoded",
        message="A tile of FILES/…dtm.tif cannot be decoded (…). The file may be damaged, or the "
        "tile may have been altered on the way: try again. --engine gdal reads it in "
        "another way.",
        answer=answers.flipped(400_000),
        at=(Place.TILES,),
    ),
)
