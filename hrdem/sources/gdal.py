"""Rasters read by GDAL: VRTs, and COGs until a faster reader takes them."""

from __future__ import annotations

import collections
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import rasterio
import rasterio.windows
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from hrdem.errors import SourceError
from hrdem.grid import Grid, Window
from hrdem.http.client import USER_AGENT, Retries, certificate_bundle, without_credentials
from hrdem.http.ranges import SourceVersion
from hrdem.sources import Pixels

log = logging.getLogger(__name__)

GDAL_ERRORS = (RasterioError, CPLE_BaseError)  # rasterio lets some of GDAL's own through
CACHE_MB = 16  # of GDAL's block cache; pieces are aligned to blocks, so nothing is read twice
_OPTIONS = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # listing the bucket never ends
    "GDAL_HTTP_USERAGENT": USER_AGENT,
    "GDAL_HTTP_CONNECTTIMEOUT": 10,
    "GDAL_HTTP_TIMEOUT": 300,
    "GDAL_HTTP_LOW_SPEED_TIME": 30,
    "GDAL_HTTP_LOW_SPEED_LIMIT": 1000,
    "GDAL_HTTP_MAX_RETRY": 5,
    "GDAL_HTTP_RETRY_DELAY": 0.5,
    "GDAL_HTTP_RETRY_CODES": "408,425,429,500,502,503,504",
    "GDAL_CACHEMAX": CACHE_MB,
}


class Handles:
    """Open datasets that threads borrow, each lent to one at a time.

    GDAL keeps up to 15 MB of tile index for an open mosaic file, so how many stay open decides
    over memory; those that were idle longest are closed first.

    Args:
        most: Most datasets to keep open.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._idle: collections.deque[tuple[str, DatasetReader]] = collections.deque()
        self._lent = 0
        self._lock = threading.Lock()

    @contextmanager
    def borrowed(self, path: str) -> Iterator[DatasetReader]:
        """Lend a dataset, opened if none is idle; one that failed is not lent again."""
        dataset = self._take(path)
        try:
            if dataset is None:
                dataset = rasterio.open(path)
            yield dataset
        except BaseException:
            with self._lock:
                self._lent -= 1
            if dataset is not None:
                dataset.close()
            raise
        with self._lock:
            self._lent -= 1
            self._idle.append((path, dataset))

    def close(self) -> None:
        """Close every idle dataset."""
        while self._idle:
            self._idle.popleft()[1].close()

    def _take(self, path: str) -> DatasetReader | None:
        with self._lock:
            self._lent += 1
            for entry in self._idle:
                if entry[0] == path:
                    self._idle.remove(entry)
                    return entry[1]
            while self._idle and self._lent + len(self._idle) > self._most:
                self._idle.popleft()[1].close()
        return None


class GdalSource:
    """One raster behind an http address, read through GDAL's /vsicurl/.

    Requests carry the version's condition, so that a file that was published again is refused by
    its server instead of being mixed.

    Args:
        url: Address of a COG or a VRT.
        version: The version to read; None for a VRT, whose condition must not go to the files
            that it refers to.
        handles: Where open datasets are borrowed.
        explain: Called after a failed read; may raise a better error than GDAL's.

    Raises:
        SourceError: If it cannot be opened as a raster of one band.
    """

    def __init__(
        self,
        url: str,
        version: SourceVersion | None,
        handles: Handles,
        explain: Callable[[], None] = lambda: None,
    ) -> None:
        self._url = url
        self._handles = handles
        self._explain = explain
        self._options = _options(url, version)
        with self._dataset("be opened") as dataset:
            if dataset.count != 1:
                raise SourceError(f"{self._shown} has {dataset.count} bands instead of one.")
            if dataset.crs is None or not dataset.transform.is_rectilinear:
                raise SourceError(f"{self._shown} has no georeferencing, or a rotated one.")
            epsg = dataset.crs.to_epsg()
            crs = f"EPSG:{epsg}" if epsg else dataset.crs.to_wkt()
            self.grid = Grid(crs, dataset.transform, dataset.width, dataset.height)
            self.dtype: str = dataset.dtypes[0]
            self.nodata: float | None = dataset.nodata
            height, width = dataset.block_shapes[0]
            self.block = (width, height)

    def read(self, window: Window) -> Pixels:
        """Read a window, trying again with a new handle when a transfer fails."""
        where = rasterio.windows.Window(window.column, window.row, window.width, window.height)
        waits = Retries(attempts=3).waits()
        while True:
            try:
                with self._dataset("be read") as dataset:
                    pixels: Pixels = dataset.read(1, window=where)
                    return pixels
            except SourceError as exc:
                wait = next(waits, None)
                if wait is None:
                    raise
                log.warning("%s Reading again in %.1f s.", exc, wait)
                time.sleep(wait)

    def thinned(self, window: Window, most: int) -> Pixels:
        """Read a window from the overview that has at most that many pixels along an edge."""
        scale = min(1.0, most / max(window.width, window.height))
        shape = (max(1, round(window.height * scale)), max(1, round(window.width * scale)))
        where = rasterio.windows.Window(window.column, window.row, window.width, window.height)
        with self._dataset("be read") as dataset:
            pixels: Pixels = dataset.read(1, window=where, out_shape=shape)
        return pixels

    def stored_bytes(self, column: int, row: int) -> int | None:
        """Bytes that a block takes in the file, 0 if it is absent; None if GDAL cannot tell."""
        with self._dataset("be read") as dataset:
            if dataset.driver != "GTiff":
                return None
            return int(dataset.get_tag_item(f"BLOCK_SIZE_{column}_{row}", "TIFF", bidx=1) or 0)

    @property
    def _shown(self) -> str:
        return without_credentials(self._url)

    @contextmanager
    def _dataset(self, what: str) -> Iterator[DatasetReader]:
        """Borrow the dataset, with GDAL's settings, and turn GDAL's errors into ours."""
        try:
            with (
                rasterio.Env(**self._options),
                self._handles.borrowed(f"/vsicurl/{self._url}") as dataset,
            ):
                yield dataset
        except GDAL_ERRORS as exc:
            self._explain()
            raise SourceError(
                f"{self._shown} cannot {what}: {_cause(exc)} Try again; if it stays so, the file "
                "may be damaged."
            ) from exc


def _options(url: str, version: SourceVersion | None) -> dict[str, object]:
    options: dict[str, object] = {**_OPTIONS, "CPL_VSIL_CURL_NON_CACHED": f"/vsicurl/{url}"}
    if bundle := certificate_bundle():
        options["GDAL_CURL_CA_BUNDLE"] = bundle
    if version is not None and version.condition:
        ((name, value),) = version.condition.items()
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        options["GDAL_HTTP_HEADERS"] = f'"{name}: {escaped}"'
    return options


def _cause(exc: BaseException) -> str:
    """The innermost words of GDAL, as a sentence."""
    while exc.__cause__ is not None:
        exc = exc.__cause__
    return str(exc).rstrip(".") + "."
