"""Items of the STAC catalogue and their assets, parsed from GeoJSON.

Items only select files; georeferencing comes from the raster headers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import numpy as np
import shapely

from hrdem.errors import CatalogError
from hrdem.request.products import AssetKind, Product
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.text import to_one_line

_MOST_ASSETS = 100  # of an item; those of a mosaic have 9
MAX_TEXT_CHARACTERS = 250  # characters of an id, a key, a title
_LONGEST_HREF = 8_000  # characters; signed addresses have some 1,500
_MOST_CORNERS = 10_000  # of an outline; those of a mosaic have 401
_FARTHEST = 1e8  # metres of EPSG:3979


@dataclass(frozen=True, slots=True)
class Asset:
    """A file of an item.

    Attributes:
        key: Key under which the item lists it.
        href: Absolute address.
        media_type: As the catalogue says, or empty; never used to choose.
        title: In words, or empty.
    """

    key: str
    href: str
    media_type: str
    title: str


@dataclass(frozen=True, slots=True)
class Item:
    """A sub-tile of a mosaic, or a national raster, as catalogued.

    Attributes:
        id: Its id, for example ``9_2-mosaic-1m``.
        collection: Id of its collection.
        updated: When it was last published, as the catalogue says, or empty.
        datetime: Date of the newest survey in it, or empty; not the date of a pixel.
        footprint: Outline in EPSG:3979 where the catalogue gives one, else None.
        assets: Its files, in the order served.
    """

    id: str
    collection: str
    updated: str
    datetime: str
    footprint: shapely.Geometry | None
    assets: tuple[Asset, ...]

    def get_asset(self, product: Product, kind: AssetKind) -> Asset | None:
        """Return the file that holds a product; None if the item has none."""
        wanted = product.asset_key(kind)
        return next((asset for asset in self.assets if asset.key == wanted), None)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "id": self.id,
            "collection": self.collection,
            "updated": self.updated,
            "datetime": self.datetime,
            "assets": {
                asset.key: {"href": asset.href, "type": asset.media_type, "title": asset.title}
                for asset in self.assets
            },
        }


def parse_item(feature: Mapping[str, Any], address: str) -> Item:
    """Make an item of a GeoJSON feature found at an address.

    Raises:
        CatalogError: If it is not a STAC item.
    """
    try:
        properties = feature["properties"]
        return Item(
            id=_name(feature["id"]),
            collection=_name(feature["collection"]),
            updated=_words(properties.get("updated")),
            datetime=_words(properties.get("datetime")),
            footprint=_outline(properties),
            assets=tuple(_assets(feature["assets"], address)),
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
        name = feature.get("id") if isinstance(feature, Mapping) else None
        shown = (
            repr(to_one_line(name, MAX_TEXT_CHARACTERS))
            if isinstance(name, str)
            else to_one_line(str(name), MAX_TEXT_CHARACTERS)
        )
        message = to_one_line(redact_secrets(str(exc)), MAX_TEXT_CHARACTERS).rstrip(".")
        raise CatalogError(
            f"{address} lists an item {shown} that is not a STAC item: "
            f"{type(exc).__name__}: {message}. Check the address given as --stac-url."
        ) from exc


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{to_one_line(repr(value), MAX_TEXT_CHARACTERS)} is not a text")
    return value


def _words(value: object) -> str:
    """What is said in words; nothing of it can be an order to a terminal."""
    return to_one_line(_text(value or ""), MAX_TEXT_CHARACTERS)


def _name(value: object) -> str:
    """What something is called; it is shown, sent back, and written into outputs."""
    name = _text(value)
    if not name.isprintable() or not 0 < len(name) <= MAX_TEXT_CHARACTERS:
        raise ValueError(f"{to_one_line(repr(name), MAX_TEXT_CHARACTERS)} is not a name")
    return name


def _href(value: object, address: str) -> str:
    href = _text(value)
    if not href.isprintable() or len(href) > _LONGEST_HREF:
        raise ValueError(f"{to_one_line(repr(href), MAX_TEXT_CHARACTERS)} is not an address")
    return urljoin(address, href)


def _outline(properties: Mapping[str, Any]) -> shapely.Geometry | None:
    """The outline in EPSG:3979, if that is what the projection extension describes.

    One that crosses itself, or has more corners than anyone would draw, is as good as none.
    """
    if properties.get("proj:epsg") != 3979 and properties.get("proj:code") != "EPSG:3979":
        return None
    geometry = properties.get("proj:geometry")
    if not geometry:
        return None
    with np.errstate(invalid="ignore"):  # of corners that are no numbers
        outline = shapely.geometry.shape(geometry)
    corners = shapely.get_coordinates(outline)
    if len(corners) > _MOST_CORNERS or not (np.abs(corners) < _FARTHEST).all():  # nor NaN
        return None
    # to mend 200 edges that all cross one another takes a minute
    return outline if shapely.is_valid(outline) and outline.area > 0 else None


def _assets(assets: Mapping[str, Mapping[str, Any]], address: str) -> Iterable[Asset]:
    if len(assets) > _MOST_ASSETS:
        raise ValueError(f"it has {len(assets)} assets")
    for key, asset in assets.items():
        yield Asset(
            key=_name(key),
            href=_href(asset["href"], address),
            media_type=_words(asset.get("type")),
            title=_words(asset.get("title")),
        )
