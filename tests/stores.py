"""An in-memory service: rasters of a test, behind a catalogue that lists them."""

from __future__ import annotations

import hashlib
import tempfile
from functools import cached_property, lru_cache
from mmap import mmap
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

from hrdem.catalog.items import Asset, Item
from hrdem.errors import ServerError
from hrdem.http.metadata_cache import MetadataCache
from hrdem.http.protocol import Http, Response

NODATA = np.float32(-32767)
RESOLUTIONS = {"hrdem-mosaic-1m": 1, "hrdem-mosaic-2m": 2, "mrdem-30": 30}
HOST = "http://store.invalid"


@lru_cache(maxsize=16)
def encode_raster(
    content: bytes,
    dtype: str,
    shape: tuple[int, int],
    transform: Affine,
    nodata: float | None,
    overviews: tuple[int, ...],
    sparse: bool,
) -> bytes:
    """Return a GeoTIFF like those of the service. Many tests publish the same rasters."""
    height, width = shape
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "raster.tif"
        with rasterio.open(
            path, "w", "GTiff", width=width, height=height, count=1, dtype=dtype,
            crs="EPSG:3979", transform=transform, nodata=nodata,
            tiled=True, blockxsize=128, blockysize=128, compress="lzw", sparse_ok=sparse,
        ) as dataset:  # fmt: skip
            dataset.write(np.frombuffer(content, dtype).reshape(shape), 1)
        if overviews:
            with rasterio.open(path, "r+") as dataset:
                dataset.build_overviews(overviews, rasterio.enums.Resampling.average)
        return path.read_bytes()


class Store(Http):
    """Files, the items that list them, and an HTTP client for the files.

    Attributes:
        received: Bytes read from each file, by name.
        refused: Names of files that answer 404.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._files: dict[str, bytes] = {}
        self._items: dict[str, dict[str, dict[str, Asset]]] = {}
        self._dates: dict[str, tuple[str, str]] = {}
        self._outlines: dict[str, shapely.Geometry | None] = {}
        self.received: dict[str, int] = {}
        self.refused: set[str] = set()
        monkeypatch.setattr("hrdem.planning.resolve.search_items", self._search_items)

    def add(
        self,
        collection: str,
        pixels: np.ndarray,
        left: float,
        top: float,
        *,
        asset: str = "dtm",
        item: str = "tile",
        overviews: tuple[int, ...] = (),
        nodata: float | None = -32767,
        sparse: bool = False,
        datetime: str = "2024",
        updated: str = "2026",
        outline: shapely.Geometry | None = None,
    ) -> None:
        """Publish a raster of a collection; left, top and the outline are in EPSG:3979."""
        name = f"{item}-{collection}-{asset}.tif"
        size = RESOLUTIONS[collection]
        transform = Affine(size, 0, left, 0, -size, top)
        content = (pixels.tobytes(), pixels.dtype.name, pixels.shape)
        self._files[f"{HOST}/{name}"] = encode_raster(
            *content, transform, nodata, overviews, sparse
        )
        self.received[name] = 0
        assets = self._items.setdefault(collection, {}).setdefault(f"{item}-{collection}", {})
        assets[asset] = Asset(asset, f"{HOST}/{name}", "", "")
        self._dates[f"{item}-{collection}"] = updated, datetime
        self._outlines[f"{item}-{collection}"] = outline

    def add_item(self, collection: str, item: str) -> None:
        """List an item without files."""
        self._items.setdefault(collection, {})[f"{item}-{collection}"] = {}
        self._dates[f"{item}-{collection}"] = "2026", "2024"

    @cached_property
    def metadata(self) -> MetadataCache:
        return MetadataCache()

    def request(self, method, url, *, headers=None, **_) -> Response:
        if url not in self._files or url.rsplit("/", 1)[1] in self.refused:
            raise ServerError(f"{url} answers 404.", 404)
        start, stop = map(int, headers["Range"].removeprefix("bytes=").split("-"))
        content = self._files[url]
        body = content[start : stop + 1]
        content_range = f"bytes {start}-{start + len(body) - 1}/{len(content)}"
        etag = f'"{hashlib.sha256(content).hexdigest()}"'
        return Response(url, 206, {"etag": etag, "content-range": content_range}, body)

    def read_range(self, url, start, stop, version, headroom=0, on_bytes=None) -> mmap:
        self.received[url.rsplit("/", 1)[1]] += stop - start
        part = mmap(-1, headroom + stop - start)
        part[headroom:] = self._files[url][start:stop]
        return part

    def _search_items(self, aoi, collection, *_) -> list[Item]:
        return [
            Item(
                name,
                collection.id,
                *self._dates[name],
                self._outlines.get(name),
                tuple(assets.values()),
            )
            for name, assets in self._items.get(collection.id, {}).items()
        ]


class _RefusingHttp(Http):
    """A client that nothing may be asked of."""

    def request(self, method, url, **_):
        raise AssertionError(url)

    def read_range(self, url, *_, **__):
        raise AssertionError(url)


REFUSING = _RefusingHttp()
