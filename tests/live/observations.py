"""Compare assumptions about the live service with its current state."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

import httpx

RANGE = {"Range": "bytes=0-16383"}
ASSET_KEYS = [
    "dsm",
    "dtm",
    "extent",
    "dsm-vrt",
    "dtm-vrt",
    "coverage",
    "thumbnail",
    "hillshade-dsm",
    "hillshade-dtm",
]
OTTAWA = [-75.85, 45.30, -75.60, 45.45]


@dataclass(frozen=True)
class Point:
    """One assumption; None means unknown."""

    name: str
    assumed: Any
    found: Any

    @property
    def differs(self) -> bool:
        return self.assumed is not None and self.assumed != self.found

    def __str__(self) -> str:
        if self.assumed is None:
            return f"NEW      {self.name}: {self.found}"
        if self.differs:
            return f"DIFFERS  {self.name}: {self.found} (assumed: {self.assumed})"
        return f"same     {self.name}: {self.found}"


def observe(stac_url: str, wcs_url: str) -> Iterator[Point]:
    """Query the service and compare, with a few small requests and no pixels."""
    with httpx.Client(timeout=60, follow_redirects=False) as client:
        for section, url in ((catalogue, stac_url), (items, stac_url), (wcs, wcs_url)):
            try:
                yield from section(client, url)
            except (httpx.HTTPError, ET.ParseError, LookupError, TypeError, ValueError) as exc:
                yield Point(f"{section.__name__}: the rest could not be asked", "", repr(exc))


def catalogue(client: httpx.Client, stac_url: str) -> Iterator[Point]:
    landing = client.get(stac_url)
    document = landing.json()
    yield Point("landing page: status", 200, landing.status_code)
    yield Point("landing page: title", None, document.get("title"))
    yield Point("landing page: conformance", None, document.get("conformsTo"))
    links = {link["rel"]: link for link in document["links"]}
    yield Point(
        "landing page: links lie under /pgstac/api", True, "/pgstac/api" in links["self"]["href"]
    )
    methods = sorted(k.get("method", "GET") for k in document["links"] if k["rel"] == "search")
    yield Point("landing page: search methods", ["GET", "POST"], methods)
    for name in ("hrdem-mosaic-1m", "hrdem-mosaic-2m", "mrdem-30"):
        answer = client.get(f"{stac_url}collections/{name}")
        yield Point(f"collection {name}: status", 200, answer.status_code)
        yield Point(f"collection {name}: licence", "OGL-Canada-2.0", answer.json().get("license"))
        yield Point(f"collection {name}: extent", None, json.dumps(answer.json().get("extent")))


def items(client: httpx.Client, stac_url: str) -> Iterator[Point]:
    query = {"collections": ["hrdem-mosaic-1m", "hrdem-mosaic-2m"], "bbox": OTTAWA, "limit": 50}
    answer = client.post(f"{stac_url}search", json=query)
    page = answer.json()
    yield Point("search: media type", "application/geo+json", media_type(answer))
    yield Point("search: numberMatched is sent", True, "numberMatched" in page)
    found = {item["id"]: item for item in page["features"]}
    yield Point(
        "search: items of the Ottawa box",
        ["8_2-mosaic-1m", "8_2-mosaic-2m", "9_2-mosaic-1m", "9_2-mosaic-2m"],
        sorted(found),
    )
    every = client.post(
        f"{stac_url}search", json={"collections": ["hrdem-mosaic-1m"], "limit": 100}
    ).json()
    yield Point("search: items of the 1 m mosaic", 66, len(every["features"]))
    yield Point(
        "search: irregular tiles",
        [],
        sorted(item["id"] for item in every["features"] if not regular(item)),
    )
    paged = client.post(f"{stac_url}search", json={**query, "limit": 1}).json()
    follow = next((link for link in paged["links"] if link["rel"] == "next"), {})
    yield Point("paging: method of the next link", "POST", follow.get("method"))
    yield Point("paging: the next link lies under /pgstac/api", True, "/pgstac" in str(follow))
    for name in ("9_2-mosaic-1m", "9_2-mosaic-2m"):
        if name in found:
            yield from item(client, found[name])


def item(client: httpx.Client, found: dict[str, Any]) -> Iterator[Point]:
    name, properties = found["id"], found["properties"]
    yield Point(f"{name}: asset keys, in order", ASSET_KEYS, list(found["assets"]))
    yield Point(f"{name}: proj:epsg", 3979, properties.get("proj:epsg"))
    yield Point(f"{name}: proj:code", None, properties.get("proj:code"))
    first = (properties.get("proj:transform") or [0])[0]
    yield Point(f"{name}: proj:transform is in GDAL order", True, abs(first) >= 10_000)
    ring = found["geometry"]["coordinates"][0]
    yield Point(f"{name}: vertices of the footprint", 401, len(ring))
    for key in ("dtm", "dsm"):
        href = found["assets"][key]["href"]
        yield Point(f"{name} {key}: host", None, httpx.URL(href).host)
        yield from file(f"{name} {key}", client.get(href, headers=RANGE))
    href = found["assets"]["dtm-vrt"]["href"]
    text = client.get(href)
    sources = [element.text for element in ET.fromstring(text.content).iter("SourceFilename")]
    yield Point(f"{name} dtm-vrt: media type", None, media_type(text))
    yield Point(f"{name} dtm-vrt: sources", None, sources[:3])


def file(name: str, answer: httpx.Response) -> Iterator[Point]:
    """Compare the first 16 KiB of a COG and the response headers."""
    headers = answer.headers
    yield Point(f"{name}: status of a range", 206, answer.status_code)
    yield Point(f"{name}: HTTP version", "HTTP/1.1", answer.http_version)
    yield Point(f"{name}: accepts ranges", "bytes", headers.get("accept-ranges"))
    etag = headers.get("etag", "")
    yield Point(f"{name}: strong ETag of several parts", True, etag[:1] == '"' and "-" in etag)
    yield Point(f"{name}: Last-Modified", None, headers.get("last-modified"))
    yield Point(f"{name}: size", None, headers.get("content-range", "").rpartition("/")[2])
    head = answer.content
    yield Point(f"{name}: BigTIFF, little-endian", b"II+\0", head[:4])
    yield Point(f"{name}: ghost area", True, head[16:].startswith(b"GDAL_STRUCTURAL_METADATA_SIZE"))
    yield Point(f"{name}: leaders and trailers", True, b"BLOCK_TRAILER" in head[:400])
    directories = list(bigtiff_directories(head))
    yield Point(f"{name}: first directory at", 200, struct.unpack("<Q", head[8:16])[0])
    one_metre = "1m" in name
    yield Point(f"{name}: directories", 11 if one_metre else 10, len(directories))
    tags = directories[0]
    edge = 500_000 if one_metre else 250_000
    yield Point(f"{name}: width and height", (edge, edge), (tags[256], tags[257]))
    yield Point(f"{name}: tile", (512, 512), (tags[322], tags[323]))
    known = one_metre or None  # codec and blocks of the 2 m files are not known
    yield Point(f"{name}: compression (5 = LZW)", known and 5, tags[259])
    yield Point(f"{name}: predictor", known and 1, tags.get(317, 1))
    yield Point(f"{name}: has a DATETIME tag", None, 306 in tags)
    yield Point(f"{name}: tags", None, sorted(tags))


def wcs(client: httpx.Client, wcs_url: str) -> Iterator[Point]:
    query = "?service=WCS&version=1.1.1&request=GetCapabilities"
    first = client.get(wcs_url + query)
    yield Point("WCS: the documented address redirects with", 308, first.status_code)
    target = first.headers.get("location", wcs_url + query)
    yield Point("WCS: to the wrapper", True, "/wrapper/ogc/elevation-hrdem-mosaic" in target)
    answer = client.get(target, follow_redirects=True)
    yield Point("WCS: capabilities", 200, answer.status_code)
    if answer.is_success:
        names = {
            element.text
            for element in ET.fromstring(answer.content).iter()
            if element.tag.endswith("}Identifier") or element.tag == "Identifier"
        }
        yield Point("WCS: coverages", ["dsm", "dtm"], sorted(filter(None, names)))


def media_type(answer: httpx.Response) -> str:
    return answer.headers.get("content-type", "").partition(";")[0]


def regular(found: dict[str, Any]) -> bool:
    """Return whether a mosaic item's outline is the 500 km square of its name."""
    column, row = map(int, found["id"].partition("-")[0].split("_"))
    left, bottom = (column - 6) * 500_000, (row - 3) * 500_000
    outline = found["properties"]["proj:geometry"]["coordinates"][0]
    xs, ys = [point[0] for point in outline], [point[1] for point in outline]
    return (min(xs), min(ys), max(xs), max(ys)) == (left, bottom, left + 500_000, bottom + 500_000)


def bigtiff_directories(head: bytes) -> Iterator[dict[int, int]]:
    """Yield the directory tags in the first bytes of a BigTIFF; arrays by their offset."""
    at = struct.unpack("<Q", head[8:16])[0]
    formats = {3: "<H", 4: "<I", 16: "<Q"}
    while at and at + 8 <= len(head):
        count = struct.unpack("<Q", head[at : at + 8])[0]
        tags = {}
        for index in range(count):
            entry = head[at + 8 + 20 * index : at + 28 + 20 * index]
            tag, kind, values = struct.unpack("<HHQ", entry[:12])
            form = formats.get(kind, "<Q") if values == 1 else "<Q"
            tags[tag] = struct.unpack_from(form, entry, 12)[0]
        yield tags
        at = struct.unpack("<Q", head[at + 8 + 20 * count : at + 16 + 20 * count])[0]
