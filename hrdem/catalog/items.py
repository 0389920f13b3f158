"""Items of the STAC catalogue and their assets, parsed from GeoJSON.

Items only select files; georeferencing comes from the headers of the rasters.
"""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

import numpy as np
import shapely

from hrdem.errors import CatalogError
from hrdem.request.products import PRODUCTS, AssetKind, Product
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.text import to_one_line

MAX_ASSETS = 100  # of an item; those of a mosaic have 9
MAX_TEXT_CHARACTERS = 250  # of an id, a key or a title
MAX_HREF_CHARACTERS = 8_000  # signed addresses have about 1,500; servers refuse longer ones
MAX_FOOTPRINT_VERTICES = 10_000  # those of a mosaic have 401
MAX_COORDINATE_METRES = 1e8  # in EPSG:3979
_HTTP = ("http://", "https://")
# what RFC 3986 has no place for, and % that begins no escape
_UNSAFE = re.compile(r"[^A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]|%(?![0-9A-Fa-f]{2})")
#: keys of assets that are read: files of products, and of surveys
READ_ASSETS = {"coverage", "extent"} | {
    product.asset_key(kind)
    for product in PRODUCTS.values()
    if product.cog_key
    for kind in AssetKind
}
DOI_RESOLVER = "https://doi.org/"
_DOI = re.compile(r"10\.\d{4,9}/[\x21-\x7e]{1,200}")  # DOI Handbook, 2.2
UNKNOWN_TIME = dt.datetime.min.replace(tzinfo=dt.UTC)  # before every other

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of an item.

    Attributes:
        key: Key of the asset in the item.
        href: Absolute address.
        media_type: Media type in the catalogue, or empty; never used to select an asset.
        title: Title for people, or empty.
        item: Id of the item; empty if unknown.
    """

    key: str
    href: str
    media_type: str
    title: str
    item: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """An item of the catalogue: a sub-tile of a mosaic, or a national raster.

    Attributes:
        id: Id, for example ``9_2-mosaic-1m``.
        collection: Id of its collection.
        updated: Time of its last publication according to the catalogue, or empty.
        datetime: Date of the newest survey in it, or empty; not the date of each pixel.
        footprint: Outline in EPSG:3979, which may be wrong; None if there is none in that CRS.
        assets: Its files, in the catalogue's order.
        created: Time of its first publication according to the catalogue, or empty.
        cite_as: Persistent address to cite it by, such as that of its DOI, or empty.
        geometry: Outline in degrees, by which a catalogue searches; None if it is unusable.
    """

    id: str
    collection: str
    updated: str
    datetime: str
    footprint: shapely.Geometry | None
    assets: tuple[Asset, ...]
    created: str = ""
    cite_as: str = ""
    geometry: shapely.Geometry | None = None

    @property
    def times(self) -> tuple[dt.datetime, dt.datetime, dt.datetime]:
        """Times of its newest survey, its last and its first publication; the order of items."""
        return _parse_time(self.datetime), _parse_time(self.updated), _parse_time(self.created)

    def get_asset(self, product: Product, kind: AssetKind) -> Asset | None:
        """Return the asset that holds a product; None if there is none."""
        key = product.asset_key(kind)
        return next((asset for asset in self.assets if asset.key == key), None)

    def edition_as_dict(self) -> dict[str, str]:
        """Return which edition of which item it is as JSON-ready values, with what to cite."""
        edition = {"id": self.id, "datetime": self.datetime, "updated": self.updated}
        return edition | ({"cite_as": self.cite_as} if self.cite_as else {})

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "id": self.id,
            "collection": self.collection,
            "updated": self.updated,
            "datetime": self.datetime,
            **({"cite_as": self.cite_as} if self.cite_as else {}),
            "assets": {
                asset.key: {"href": asset.href, "type": asset.media_type, "title": asset.title}
                for asset in self.assets
            },
        }


def parse_item(feature: Mapping[str, Any], address: str) -> Item:
    """Parse a GeoJSON feature as an item.

    Args:
        feature: The feature.
        address: Address that it came from. Relative hrefs refer to the item's own ``self`` link,
            or to that address if it has none at an http address.

    Raises:
        CatalogError: If it is not a STAC item.
    """
    try:
        if feature.get("type", "Feature") != "Feature":
            raise ValueError(f"its type is {feature['type']!r}")  # noqa: TRY301
        properties = feature["properties"]
        return Item(
            id=_check_name(feature["id"]),
            collection=_check_name(feature["collection"]),
            updated=_clean_text(properties.get("updated")),
            # STAC 1.0: an item without a single date has an interval
            datetime=_clean_text(properties.get("datetime") or properties.get("end_datetime")),
            footprint=_parse_footprint(properties),
            assets=tuple(_parse_assets(feature, _find_base(feature, address))),
            created=_clean_text(properties.get("created")),
            cite_as=_find_identifier(feature),
            geometry=_parse_outline(feature.get("geometry")),
        )
    except (
        AttributeError,
        LookupError,
        OverflowError,
        RecursionError,
        TypeError,
        ValueError,
        shapely.errors.ShapelyError,
    ) as exc:
        item_id = feature.get("id") if isinstance(feature, Mapping) else None
        label = to_one_line(str(item_id), MAX_TEXT_CHARACTERS)
        if isinstance(item_id, str):
            label = repr(label)
        message = to_one_line(redact_secrets(str(exc)), MAX_TEXT_CHARACTERS).rstrip(".")
        raise CatalogError(
            f"{redact_secrets(address)} lists an item {label} that is not a STAC item: "
            f"{type(exc).__name__}: {message}. Check `stac_url`."
        ) from exc


def _find_identifier(feature: Mapping[str, Any]) -> str:
    """Return the persistent address of an item: its DOI, or a link to cite it by; else empty.

    The scientific extension of STAC (1.0.0) has a DOI as ``sci:doi``, without address, and any
    identifier as a link of the type ``cite-as`` (RFC 8574).
    """
    doi = feature["properties"].get("sci:doi")
    if isinstance(doi, str) and _DOI.fullmatch(doi):
        return _encode_url(f"{DOI_RESOLVER}{doi}")
    links = feature.get("links")
    for link in links if isinstance(links, list) else ():
        href = link.get("href") if isinstance(link, Mapping) else None
        if isinstance(href, str) and link.get("rel") == "cite-as" and _is_identifier(href):
            return _encode_url(href)
    return ""


def _is_identifier(href: str) -> bool:
    is_short = href.isprintable() and len(href) <= MAX_TEXT_CHARACTERS
    return is_short and href.lower().startswith(_HTTP) and redact_secrets(href) == href


def _check_string(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{to_one_line(repr(value), MAX_TEXT_CHARACTERS)} is not a string")
    return value


def _clean_text(value: object) -> str:
    """Return text for people without control characters, shortened."""
    return to_one_line(_check_string(value or ""), MAX_TEXT_CHARACTERS)


def _parse_time(text: str) -> dt.datetime:
    """Parse a time (RFC 3339), in UTC unless it states another zone."""
    try:
        time = dt.datetime.fromisoformat(text.upper())
    except ValueError:
        return UNKNOWN_TIME
    return time if time.tzinfo else time.replace(tzinfo=dt.UTC)


def _check_name(value: object) -> str:
    """Return an id or a key, which is displayed, sent to servers, and written to outputs."""
    name = _check_string(value)
    if not name.isprintable() or not 0 < len(name) <= MAX_TEXT_CHARACTERS:
        raise ValueError(f"{to_one_line(repr(name), MAX_TEXT_CHARACTERS)} is not a name")
    return name


def _find_base(feature: Mapping[str, Any], address: str) -> str:
    """Return the address that relative hrefs of an item refer to (STAC 1.1, Relative links).

    A ``self`` link that is no http address, such as a path or an s3:// address of the machine that
    made the catalogue, leads nowhere from here.
    """
    links = feature.get("links")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, Mapping) and link.get("rel") == "self":
            try:
                base = _resolve_href(link.get("href"), address)
            except (TypeError, ValueError):
                continue
            if base.lower().startswith(_HTTP):
                return base
    return address


def _resolve_href(value: object, base: str) -> str:
    href = _check_string(value).strip()
    if not href.isprintable() or len(href) > MAX_HREF_CHARACTERS:
        raise ValueError(f"{to_one_line(repr(href), MAX_TEXT_CHARACTERS)} is not an address")
    return _encode_url(urljoin(base, href))


def _encode_url(url: str) -> str:
    """Percent-encode what no http address can contain, such as spaces; encode nothing twice."""
    if not url.lower().startswith(_HTTP) or not _UNSAFE.search(url):
        return url
    parts = urlsplit(url)
    host = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode("ascii")
    path, query, fragment = (
        _UNSAFE.sub(lambda found: quote(found[0], safe=""), part)
        for part in (parts.path, parts.query, parts.fragment)
    )
    return urlunsplit((parts.scheme, host, path, query, fragment))


def _parse_footprint(properties: Mapping[str, Any]) -> shapely.Geometry | None:
    """Return the geometry of the projection extension, if it is in EPSG:3979 and usable."""
    if properties.get("proj:epsg") != 3979 and properties.get("proj:code") != "EPSG:3979":
        return None
    return _parse_outline(properties.get("proj:geometry"))


def _parse_outline(geometry: Any) -> shapely.Geometry | None:
    """Return a geometry of GeoJSON.

    An invalid outline, or one with too many vertices, counts as missing.
    """
    if not geometry:
        return None
    with np.errstate(invalid="ignore"):  # coordinates that are not finite are checked below
        outline = shapely.geometry.shape(geometry)
    vertices = shapely.get_coordinates(outline)
    is_finite = (np.abs(vertices) < MAX_COORDINATE_METRES).all()  # False for NaN
    if len(vertices) > MAX_FOOTPRINT_VERTICES or not is_finite:
        return None
    # no repair: 200 edges that all cross one another would take a minute
    return outline if shapely.is_valid(outline) and outline.area > 0 else None


def _parse_assets(feature: Mapping[str, Any], base: str) -> Iterable[Asset]:
    """Parse the assets of an item; leave out invalid ones that are never read."""
    assets: Mapping[str, Mapping[str, Any]] = feature["assets"]
    if len(assets) > MAX_ASSETS:
        raise ValueError(f"it has {len(assets)} assets")
    for key, asset in assets.items():
        try:
            yield Asset(
                key=_check_name(key),
                href=_resolve_href(asset["href"], base),
                media_type=_clean_text(asset.get("type")),
                title=_clean_text(asset.get("title")),
                item=feature["id"],
            )
        except (AttributeError, KeyError, TypeError, ValueError) as exc:
            if key in READ_ASSETS:
                raise
            message = to_one_line(redact_secrets(f"{key}: {exc}"), MAX_TEXT_CHARACTERS)
            log.info("An asset is left out: %s", message)
