"""Rasters read by GDAL: VRTs, and COGs with `engine=gdal`."""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from xml.etree.ElementTree import Element, SubElement, tostring

import numpy as np
import rasterio
from affine import Affine
from rasterio.dtypes import dtype_rev, typename_fwd
from rasterio.io import DatasetReader

from hrdem.errors import BlockedAddressError, SourceError
from hrdem.geo.band import Band, band_count_error, check_band
from hrdem.geo.grid import Grid, Pixels, Window
from hrdem.geo.nodata import round_nodata
from hrdem.geo.prepared import PreparedGeometry
from hrdem.http.gdal_options import gdal_http_options
from hrdem.http.protocol import Http
from hrdem.http.ranges import check_file_unchanged, read_first_bytes, read_version, read_whole_file
from hrdem.http.retry import Retries
from hrdem.http.source_version import SourceVersion
from hrdem.runtime.gdal_env import pinned_gdal
from hrdem.runtime.gdal_errors import GDAL_ERRORS, gdal_message, raise_if_out_of_memory
from hrdem.runtime.redaction import redact_secrets
from hrdem.runtime.threads import thread_pool
from hrdem.sources.dataset_pool import DatasetPool
from hrdem.sources.gdal_band import describe_band, read_band, split_crs
from hrdem.sources.protocol import Fetched, Needed, ReadContext
from hrdem.sources.vrt import VSICURL, check_vrt_complete, sanitize_vrt
from hrdem.tiff.read_ifd import has_tiff_signature

log = logging.getLogger(__name__)

T = TypeVar("T")

_VRT_BLOCK = (512, 512)  # of its files; its own blocks of 128 would split theirs
_MAX_BLOCK_PIXELS = 16 << 20  # GDAL decodes whole blocks, however little of them is read
_MAX_VRT_FILE_REQUESTS = 8  # at a time
# GDAL (3.10, at least) looks each tile up twice, to fetch it and to decode it. If a part of the
# index cannot be read, the first look fails unnoticed, and in a file without the layout of GDAL's
# COGs the second finds no tile, which is nodata. Read as a whole at first, it fails then.
_WHOLE_INDEX: dict[str, object] = {"GTIFF_USE_DEFER_STRILE_LOADING": "NO"}
_FOLLOWED_DOMAINS = ("OVERVIEWS", "ProxyOverviewRequest")  # metadata that names other files


@dataclass(frozen=True, slots=True)
class VrtFile:
    """A file that a VRT refers to.

    Attributes:
        url: Address.
        version: Version that was opened.
    """

    url: str
    version: SourceVersion


@dataclass(frozen=True, slots=True)
class GdalFile:
    """A raster that GDAL can open (see `hrdem.sources.protocol.RasterFile`).

    Attributes:
        url: Address.
        path: Text that GDAL opens: the address with a prefix, or a sanitized VRT.
        version: Version that was opened.
        vrt_files: Files that a VRT refers to; none for a COG.
        grid: Pixel grid.
        band: What it states about its numbers.
        block: Width and height of its blocks, pixels.
        is_cog: Whether it, or each file that a VRT refers to, has the layout of GDAL's COGs.
    """

    url: str
    path: str
    version: SourceVersion
    vrt_files: tuple[VrtFile, ...]
    grid: Grid
    band: Band
    block: tuple[int, int]
    is_cog: bool

    level: ClassVar[int] = 0
    priority: ClassVar[int] = 0
    max_fetchers: ClassVar[int] = 2  # each costs some 40 MB of GDAL's buffers and tile indexes
    decodes_on_fetch: ClassVar[bool] = True
    has_fallback: ClassVar[bool] = True
    is_resampled_remotely: ClassVar[bool] = False
    listed_coverages: ClassVar[tuple[str, ...]] = ()
    tiled: ClassVar[None] = None

    @property
    def display_url(self) -> str:
        """Address without credentials."""
        return self.version.url

    @property
    def members(self) -> tuple[SourceVersion, ...]:
        """Versions of the files that a VRT refers to."""
        return tuple(each.version for each in self.vrt_files)

    @property
    def dtype(self) -> str:
        """Type of its values, a numpy name."""
        return self.band.dtype

    @property
    def nodata(self) -> float | None:
        """Value of pixels without data."""
        return self.band.nodata

    def levels(self, max_pixel_size: float) -> Iterator[GdalFile]:
        """Yield itself: overviews are not read through GDAL."""
        yield self

    def level_on(self, lattice: Grid) -> GdalFile | None:
        """Return itself if its pixels coincide with those of a lattice, else None."""
        return None if lattice.locate(self.grid) is None else self

    def check_readable(self) -> None:
        """Check nothing: scale, offset and mask are read."""

    def describe(self) -> str:
        """Describe in a few words which pixels are read."""
        return "full resolution"

    def as_dict(self, asset: str) -> dict[str, Any]:
        """Return access path, address and version as JSON-ready values."""
        return {
            "via": "files",
            "asset": asset,
            "href": self.display_url,
            **self.version.as_dict(),
        }

    def needed(
        self,
        window: Window,
        region: PreparedGeometry | None,
        http: Http,
        cache: Path | None,
        within: Window | None = None,
    ) -> Needed:
        """Count the pixels that reading a window takes; GDAL does not report what it fetches."""
        size = window.pixels * np.dtype(self.dtype).itemsize
        return Needed(window.pixels, None, size, size)

    def sample(self, window: Window, max_edge: int, http: Http) -> Pixels:
        """Read a window from the overview that has at most so many pixels along its edges."""
        with contextlib.closing(DatasetPool(max_open=1)) as pool:
            return GdalSource(self, pool, http).read_reduced(window, max_edge)

    def check_unchanged(self, http: Http) -> None:
        """Compare the versions of the file and of those that it refers to.

        Raises:
            SourceChangedError: If one has another version now.
            NetworkError: If the server does not respond properly.
        """
        check_file_unchanged(self.url, self.version, http, ranged=not self.vrt_files)
        for vrt_file in self.vrt_files:
            check_file_unchanged(vrt_file.url, vrt_file.version, http)

    def lock_cached(self, cache: Path) -> None:
        """Lock nothing: what GDAL reads is not cached."""

    @contextmanager
    def open(self, within: Window, context: ReadContext) -> Iterator[GdalSource]:
        """Open it for reading."""
        yield GdalSource(self, context.pool, context.http)


def probe_gdal_cog(url: str, http: Http) -> GdalFile:
    """Read the version of a COG, and its header through GDAL.

    Raises:
        SourceError: If GDAL cannot open it as a raster of one band.
        NetworkError: If it cannot be read.
    """
    return _probe(url, f"{VSICURL}{url}", read_version(url, http), ())


def probe_vrt(url: str, unit: str, http: Http) -> GdalFile:
    """Read the versions of a VRT and of the files that it refers to, and open it through GDAL.

    GDAL opens the sanitized VRT of `hrdem.sources.vrt`. It takes the numbers of the files as they
    are stored and does not know their units, so each file is checked on its own.

    Args:
        url: Address of the VRT.
        unit: Unit of the product, as `hrdem.geo.band.check_band` takes it.
        http: HTTP client.

    Raises:
        SourceError: If it is not a VRT of TIFFs at http addresses that GDAL opens as one band.
        NetworkError: If it, or a file that it refers to, cannot be read.
    """
    version, document = read_whole_file(url, http, check_vrt_complete)
    vrt = sanitize_vrt(document, url)
    vrt_files = probe_vrt_files(vrt.files, version.url, http)
    with thread_pool(_MAX_VRT_FILE_REQUESTS, "look") as pool:
        found = list(pool.map(lambda each: _check_vrt_file(each, unit), vrt_files))
    file = _probe(url, vrt.text, version, vrt_files)
    for vrt_file, (band, _) in zip(vrt_files, found, strict=True):
        _compare_bands(file, vrt.nodata, vrt_file, band)
    return replace(file, block=_VRT_BLOCK, is_cog=all(is_cog for _, is_cog in found))


def probe_vrt_files(files: Sequence[str], vrt: str, http: Http) -> tuple[VrtFile, ...]:
    """Read the versions of the files of a VRT, and check that each is a TIFF.

    GDAL would open a VRT among them as a VRT.

    Args:
        files: Addresses of the files.
        vrt: Name of the VRT, for messages.
        http: HTTP client.

    Raises:
        BlockedAddressError: If a file has an address that must not be requested.
        SourceError: If one is not a TIFF.
        NetworkError: If one cannot be read.
    """
    with thread_pool(_MAX_VRT_FILE_REQUESTS, "meet") as pool:
        return tuple(pool.map(lambda url: _probe_vrt_file(url, vrt, http), files))


def _probe_vrt_file(url: str, vrt: str, http: Http) -> VrtFile:
    try:
        version, beginning = read_first_bytes(url, 16, http)
    except BlockedAddressError as exc:
        raise BlockedAddressError(f"{vrt} refers to a file, but {exc}") from exc
    if not has_tiff_signature(beginning):
        raise SourceError(
            f"{vrt} refers to {version.url}, which is not a TIFF: it begins with "
            f"{beginning[:8]!r}. Try `via=cog`."
        )
    return VrtFile(url, version)


def _compare_bands(file: GdalFile, nodata: frozenset[float], vrt_file: VrtFile, band: Band) -> None:
    """Check that a VRT neither rounds the numbers of a file nor takes its nodata for heights.

    Args:
        file: The VRT.
        nodata: Nodata values that it states.
        vrt_file: The file.
        band: What the file states about its numbers.
    """
    dtype = band.stored_dtype
    if file.band.stored_dtype != dtype:
        raise SourceError(
            f"{file.display_url} has pixels of {file.band.stored_dtype}, and {vrt_file.version.url}"
            f", which it refers to, of {dtype}. Read the file itself: `via=cog`."
        )
    is_nan = band.stored_nodata is not None and math.isnan(band.stored_nodata)
    stated = {None, *(round_nodata(each, dtype) for each in nodata)}
    if not is_nan and band.stored_nodata not in stated:
        raise SourceError(
            f"{file.display_url} does not state the nodata value {band.stored_nodata:g} of "
            f"{vrt_file.version.url}, which it refers to. Read the file itself: `via=cog`."
        )


def _check_vrt_file(vrt_file: VrtFile, unit: str) -> tuple[Band, bool]:
    """Open a file of a VRT as a COG, and check it.

    Returns:
        What it states about its numbers, and whether it has the layout of GDAL's COGs.
    """
    url = vrt_file.version.url

    def read_description() -> tuple[Band, bool]:
        path, options = f"{VSICURL}{vrt_file.url}", _gdal_options(vrt_file.version, [vrt_file.url])
        with (
            contextlib.closing(DatasetPool(max_open=1)) as pool,
            _borrow_dataset(vrt_file.url, path, options, pool, "be opened") as dataset,
        ):
            _check_gdal_raster(dataset, url)
            return describe_band(dataset), _has_cog_layout(dataset)

    band, is_cog = _retry(read_description)
    check_band(band, unit, url)
    if not band.is_plain:
        raise SourceError(
            f"{url} has a scale, an offset or a mask, which a VRT ignores. Read the file itself: "
            "`via=cog`."
        )
    return band, is_cog


def _has_cog_layout(dataset: DatasetReader) -> bool:
    return bool(dataset.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") == "COG")


def _check_gdal_raster(dataset: DatasetReader, display_url: str) -> None:
    """Check that a raster has one band and blocks that fit in memory, and names no other file.

    Raises:
        SourceError: If not.
    """
    if dataset.count != 1:
        raise band_count_error(dataset.count, display_url)
    if any(dataset.tags(ns=domain) for domain in _FOLLOWED_DOMAINS):
        raise SourceError(
            f"{display_url} names another file for its overviews, which is not supported."
        )
    height, width = dataset.block_shapes[0]
    if height * width > _MAX_BLOCK_PIXELS:
        raise SourceError(
            f"{display_url} has blocks of {width} x {height} pixels, which do not fit in memory."
        )


def _probe(url: str, path: str, version: SourceVersion, vrt_files: tuple[VrtFile, ...]) -> GdalFile:
    display_url = redact_secrets(url)

    def read_header() -> GdalFile:
        options = _file_options(url, version, vrt_files)
        with (
            contextlib.closing(DatasetPool(max_open=1)) as pool,
            _borrow_dataset(url, path, options, pool, "be opened") as dataset,
        ):
            _check_gdal_raster(dataset, display_url)
            transform = dataset.transform
            if dataset.crs is None or not _is_north_up(transform):
                raise SourceError(f"{display_url} has no georeferencing, or is not north-up.")
            crs, _ = split_crs(dataset.crs)
            height, width = dataset.block_shapes[0]
            return GdalFile(
                url=url,
                path=path,
                version=version,
                vrt_files=vrt_files,
                grid=Grid(crs, transform, dataset.width, dataset.height),
                band=describe_band(dataset),
                block=(width, height),
                is_cog=_has_cog_layout(dataset),
            )

    return _retry(read_header)


def _is_north_up(transform: Affine) -> bool:
    return transform.a > 0 > transform.e and transform.b == transform.d == 0


def _retry(read: Callable[[], T]) -> T:
    """Retry with another dataset after a failed transfer: GDAL itself retries statuses only."""
    waits = Retries(attempts=3).waits()
    while True:
        try:
            return read()
        except SourceError as exc:
            wait = next(waits, None)
            if wait is None:
                raise
            log.warning("%s Trying again in %.1f s.", exc, wait)
            time.sleep(wait)


class GdalSource:
    """Pixels of a raster behind an http address, read through GDAL's /vsicurl/.

    Requests carry the version's condition, so that the server refuses another version of the file
    and versions are never mixed.

    Args:
        file: The file.
        pool: Open datasets.
        http: HTTP client, to compare versions after a failed read.
    """

    def __init__(self, file: GdalFile, pool: DatasetPool, http: Http) -> None:
        self._file = file
        self._pool = pool
        self._http = http
        self._options = _file_options(file.url, file.version, file.vrt_files)
        self._path = file.path
        if not file.is_cog:
            self._options |= _WHOLE_INDEX
            self._path = _format_vrt(file)
        self.grid = file.grid
        self.dtype = file.dtype
        self.nodata = file.nodata
        self.block = file.block

    def fetch(self, window: Window) -> Fetched:
        """Read a window; GDAL fetches and decodes in one step."""
        pixels = self._read_window(window)
        return Fetched(None, lambda: pixels)

    def read_reduced(self, window: Window, max_edge: int) -> Pixels:
        """Read a window from the overview that has at most so many pixels along its edges."""
        scale = min(1.0, max_edge / max(window.width, window.height))
        return self._read_window(
            window, (max(1, round(window.height * scale)), max(1, round(window.width * scale)))
        )

    def _read_window(self, window: Window, shape: tuple[int, int] | None = None) -> Pixels:
        def read() -> Pixels:
            with self._borrow() as dataset:
                return read_band(dataset, self._file.band, window, shape)

        return _retry(read)

    @contextmanager
    def _borrow(self) -> Iterator[DatasetReader]:
        """Borrow the dataset; after a failure, check whether the file has changed."""
        try:
            url, path = self._file.url, self._path
            with _borrow_dataset(url, path, self._options, self._pool, "be read") as dataset:
                yield dataset
        except SourceError:
            self._file.check_unchanged(self._http)
            raise


def _format_vrt(file: GdalFile) -> str:
    """Format a VRT of all pixels of a file; what is a VRT or has a mask is returned as it is.

    The files of a VRT are opened when it is read, without Python's lock. The index of a file that
    is opened as such may arrive with the lock acquired (see `DatasetPool`).
    """
    if file.vrt_files or file.band.is_masked:
        return file.path
    width, height = str(file.grid.width), str(file.grid.height)
    root = Element("VRTDataset", rasterXSize=width, rasterYSize=height)
    corner = SubElement(root, "GeoTransform")  # without it, a warning
    corner.text = ",".join(repr(number) for number in file.grid.transform.to_gdal())
    kind = str(typename_fwd[dtype_rev[file.band.stored_dtype]])
    band = SubElement(root, "VRTRasterBand", dataType=kind, band="1")
    if file.band.stored_nodata is not None:
        SubElement(band, "NoDataValue").text = repr(file.band.stored_nodata)
    source = SubElement(band, "SimpleSource")
    SubElement(source, "SourceFilename", relativeToVRT="0").text = file.path
    SubElement(source, "SourceBand").text = "1"
    for rectangle in ("SrcRect", "DstRect"):
        SubElement(source, rectangle, xOff="0", yOff="0", xSize=width, ySize=height)
    return tostring(root, "unicode")


@contextmanager
def _borrow_dataset(
    url: str, path: str, options: dict[str, object], pool: DatasetPool, what: str
) -> Iterator[DatasetReader]:
    """Borrow a dataset with GDAL's settings, and translate GDAL's errors."""
    try:
        with pinned_gdal(), rasterio.Env(**options), pool.borrow(path) as dataset:
            yield dataset
    except GDAL_ERRORS as exc:
        raise_if_out_of_memory(exc)
        raise SourceError(
            f"{redact_secrets(url)} cannot {what}: {gdal_message(exc)} Try again; if it fails "
            "again, the file may be damaged."
        ) from exc


def _file_options(
    url: str, version: SourceVersion, vrt_files: Sequence[VrtFile]
) -> dict[str, object]:
    if vrt_files:
        return _gdal_options(None, [each.url for each in vrt_files])
    return _gdal_options(version, [url])


def _gdal_options(version: SourceVersion | None, urls: Iterable[str]) -> dict[str, object]:
    return {**gdal_http_options(version, urls), "CPL_VSIL_CURL_NON_CACHED": VSICURL}
