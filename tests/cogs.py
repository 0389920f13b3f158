"""Files of every layout that our reader supports, and a client that serves them."""

from __future__ import annotations

import hashlib
from functools import cached_property
from mmap import mmap
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine

from hrdem.catalog.items import Asset, Item
from hrdem.http.metadata_cache import MetadataCache
from hrdem.http.protocol import Http, Response
from hrdem.planning.make_plan import make_plan
from hrdem.planning.plan import Plan
from hrdem.request.request import Request

URL = "http://store.invalid/file.tif"

WIDTH, HEIGHT = 700, 530
TRANSFORM = Affine(2, 0, 1_500_000, 0, -2, -160_000)


class Bytes(Http):
    """An HTTP client for one file in memory; records the requested ranges."""

    def __init__(self, content: bytes, etag: str | None = None) -> None:
        self.content = content
        self.etag = f'"{hashlib.sha256(content).hexdigest()}"' if etag is None else etag
        self.ranges: list[tuple[int, int]] = []

    @cached_property
    def metadata(self) -> MetadataCache:
        return MetadataCache()

    def request(self, method, url, *, headers=None, **_) -> Response:
        start, stop = map(int, headers["Range"].removeprefix("bytes=").split("-"))
        body = self.content[start : stop + 1]
        content_range = f"bytes {start}-{start + len(body) - 1}/{len(self.content)}"
        return Response(url, 206, {"etag": self.etag, "content-range": content_range}, body)

    def read_range(self, url, start, stop, version, headroom=0, on_bytes=None) -> mmap:
        self.ranges.append((start, stop))
        part = mmap(-1, headroom + stop - start)
        part[headroom:] = self.content[start:stop]
        return part


def terrain(dtype: str) -> np.ndarray:
    rows, columns = np.indices((HEIGHT, WIDTH))
    pixels = 400 + 90 * np.sin(columns / 37) * np.cos(rows / 23) + (columns * 7 + rows) % 5 / 8
    pixels = (pixels / 3).astype(dtype) if dtype == "uint8" else pixels.astype(dtype)
    pixels[100:180, 300:420] = 255 if dtype == "uint8" else -32767
    return pixels


def write_cog(path: Path, dtype: str = "float32", empty: bool = False, **options) -> np.ndarray:
    pixels = terrain(dtype)
    if empty:
        pixels[:256] = -32767
    driver = options.pop("driver", "GTiff")
    profile = {
        "driver": "GTiff", "dtype": dtype, "count": 1, "width": WIDTH, "height": HEIGHT,
        "crs": "EPSG:3979", "transform": TRANSFORM,
        "nodata": 255 if dtype == "uint8" else -32767,
    }  # fmt: skip
    if driver == "COG":
        plain = path.with_suffix(".plain.tif")
        with rasterio.open(plain, "w", **profile) as dataset:
            dataset.write(pixels, 1)
        rasterio.shutil.copy(plain, path, driver="COG", **options)
    else:
        blocks = {"tiled": True, "blockxsize": 128, "blockysize": 256}
        with rasterio.open(path, "w", **{**profile, **blocks, **options}) as dataset:
            dataset.write(pixels, 1)
    return pixels


KINDS = {
    "LZW": {"compress": "lzw"},
    "LZW 2": {"compress": "lzw", "predictor": 2, "dtype": "uint8"},
    "LZW 3": {"compress": "lzw", "predictor": 3},
    "DEFLATE": {"compress": "deflate"},
    "DEFLATE 3": {"compress": "deflate", "predictor": 3},
    "ZSTD 3": {"compress": "zstd", "predictor": 3},
    "LERC": {"compress": "lerc"},
    "LERC DEFLATE": {"compress": "lerc_deflate"},
    "LERC ZSTD": {"compress": "lerc_zstd"},
    "none": {},
    "float64": {"compress": "deflate", "dtype": "float64"},
    "int16": {"compress": "deflate", "dtype": "int16"},
    "BigTIFF": {"compress": "lzw", "BIGTIFF": "YES"},
    "big-endian": {"compress": "deflate", "predictor": 3, "ENDIANNESS": "BIG"},
    "big-endian BigTIFF": {"compress": "lzw", "ENDIANNESS": "BIG", "BIGTIFF": "YES"},
    "sparse": {"compress": "lzw", "SPARSE_OK": True, "empty": True},
    "COG": {"driver": "COG", "COMPRESS": "LZW", "BLOCKSIZE": 128},
    "COG BigTIFF": {"driver": "COG", "COMPRESS": "DEFLATE", "BLOCKSIZE": 128, "BIGTIFF": "YES"},
}


def plan_only_file(
    monkeypatch: pytest.MonkeyPatch, content: Bytes, *, shifted: int = 0, **request
) -> Plan:
    """Plan 200 x 120 pixels of a client's only file.

    Args:
        monkeypatch: Replaces the catalogue search.
        content: The client.
        shifted: Offset of the box east of the file's corner, in pixels.
        request: Further arguments of `Request.of`.
    """
    item = Item("9_2-mosaic-2m", "hrdem-mosaic-2m", "", "", None, (Asset("dtm", URL, "", ""),))
    monkeypatch.setattr("hrdem.planning.resolve.search_items", lambda *_: [item])
    left, top = TRANSFORM.c + 2 * shifted, TRANSFORM.f
    box = left, top - 240, left + 400, top
    params = {"bbox": box, "bbox_crs": "EPSG:3979", "product": "dtm", "collection": "2m"}
    return make_plan(Request.of(**params, **request), content)
