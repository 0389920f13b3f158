"""The output file: a tiled GeoTIFF, streamed, that appears under its name only when it is whole."""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import rasterio
import rasterio.shutil
import rasterio.windows
from rasterio.io import DatasetWriter

from hrdem.errors import OutputError, OutputExistsError
from hrdem.gdal import GDAL_ERRORS
from hrdem.grid import Grid, Pixels, Window
from hrdem.products import Product
from hrdem.statistics import Statistics

BLOCK = 512
_PARTIAL = ".partial"
_COMPANIONS = (".ovr", ".aux.xml", ".msk")
# Closing an unfinished file, GDAL fills it with empty blocks, gigabytes of them for a large area.
# A large one that was given up is therefore kept open; its file has no name any more.
_QUICKLY_FILLED = 20_000
_ABANDONED: list[DatasetWriter] = []
_ENCODERS = min(4, os.cpu_count() or 1)  # each holds blocks
_CHECK_SPACE_EVERY = 16 << 20  # bytes of pixels
_LEAST_SPACE = 64 << 20  # bytes to leave free on the disk


class Format(StrEnum):
    """Layout of the output."""

    GTIFF = "gtiff"
    COG = "cog"


class GeoTiffWriter:
    """Write a raster block by block, to be used as a context manager.

    Everything goes into a hidden file beside the output. `commit` moves it to the output's name
    in one step; leaving the context without it leaves nothing behind.

    Args:
        output: Path of the output.
        grid: Its grid.
        product: What the pixels are.
        dtype: Type of the pixels.
        nodata: Value that says there is no data.
        layout: A plain tiled GeoTIFF, or one with overviews in cloud-optimised order.
        overwrite: Whether an existing output may be replaced.

    Raises:
        OutputExistsError: If the output exists and may not be replaced.
        OutputError: If it cannot be written there.
    """

    def __init__(
        self,
        output: Path,
        grid: Grid,
        product: Product,
        dtype: str,
        nodata: float,
        layout: Format = Format.GTIFF,
        overwrite: bool = False,
    ) -> None:
        check_output(output, overwrite)
        self._output = output
        self._layout = layout
        self._overwrite = overwrite
        self._partial = _hidden(output)
        self._arranged = _hidden(output)
        self._unchecked = _CHECK_SPACE_EVERY
        self._blocks = -(-grid.width // BLOCK) * -(-grid.height // BLOCK)
        try:
            with self._errors():
                self._dataset: DatasetWriter = rasterio.open(
                    self._partial, "w", **_profile(grid, dtype, nodata)
                )
                self._dataset.update_tags(AREA_OR_POINT="Area")
                self._dataset.set_band_description(1, product.name)
                self._dataset.units = (product.unit,)
        except BaseException:
            self._partial.unlink(missing_ok=True)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            for left in (self._partial, self._arranged):
                left.unlink(missing_ok=True)
        finally:
            if error is not None and self._blocks > _QUICKLY_FILLED:
                _ABANDONED.append(self._dataset)
            else:
                with contextlib.suppress(*GDAL_ERRORS):
                    self._dataset.close()

    def write(self, place: Window, pixels: Pixels) -> None:
        """Write a block that begins at a multiple of 512 columns and rows.

        Raises:
            OutputError: If it cannot be written, or the disk is about to be full: GDAL's writing
                threads do not tell when it is.
        """
        window = rasterio.windows.Window(place.column, place.row, place.width, place.height)
        with self._errors():
            self._unchecked += pixels.nbytes
            if self._unchecked > _CHECK_SPACE_EVERY:
                self._unchecked = 0
                self._check_space()
            self._dataset.write(pixels, 1, window=window)

    def _check_space(self) -> None:
        free = shutil.disk_usage(self._output.parent).free
        if free < _LEAST_SPACE:
            raise OutputError(
                f"{self._output} cannot be written: the disk has only {free // 1_000_000} MB left. "
                "Make room, or choose another -o."
            )

    def commit(
        self, statistics: Statistics, tags: Mapping[str, str], beside: tuple[Path, str]
    ) -> None:
        """Finish the file and give it its name, and a text file beside it.

        Args:
            statistics: Of all its pixels; written so that no reader has to compute them.
            tags: Metadata of the dataset.
            beside: Path and content of the text file.
        """
        path, text = beside
        with self._errors():
            self._dataset.update_tags(**tags)
            self._dataset.update_tags(1, **_statistics_tags(statistics))
            self._dataset.close()
            finished = self._partial
            _check_whole(finished)
            if self._layout is Format.COG:
                finished = self._arranged
                rasterio.shutil.copy(self._partial, finished, driver="COG", **_COG_OPTIONS)
                _check_whole(finished)
            with staged(path, text) as companion:
                publish(finished, self._output, self._overwrite)
                for stale in _COMPANIONS:  # GDAL would take them for the new file's
                    self._output.with_name(f"{self._output.name}{stale}").unlink(missing_ok=True)
                publish(companion, path, self._overwrite)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OutputError:
            raise
        except (*GDAL_ERRORS, OSError) as exc:
            raise OutputError(
                f"{self._output} cannot be written: {exc}. Check the folder's permissions and the "
                "space on the disk."
            ) from exc


def _check_whole(path: Path) -> None:
    """Make sure that every block of a written file is there.

    GDAL prints but does not raise when its writing threads meet a full disk. A block that was not
    written whole then has no length, lies beyond the end of the file, or shares bytes with the
    block that was written next.
    """
    size = path.stat().st_size
    with rasterio.open(path) as dataset:
        levels = [-1, *range(len(dataset.overviews(1)))]
    found = []
    for level in levels:
        options = {} if level < 0 else {"overview_level": level}
        with rasterio.open(path, **options) as dataset:
            height, width = dataset.block_shapes[0]
            blocks = itertools.product(
                range(-(-dataset.height // height)), range(-(-dataset.width // width))
            )
            places = (
                int(dataset.get_tag_item(f"BLOCK_{what}_{column}_{row}", "TIFF", 1) or 0)
                for row, column in blocks
                for what in ("OFFSET", "SIZE")
            )
            found.append(np.fromiter(places, np.int64).reshape(-1, 2))
    spans = np.concatenate(found)
    spans = spans[spans[:, 0].argsort()]
    ends = spans.sum(axis=1)
    if (spans <= 0).any() or (ends[:-1] > spans[1:, 0]).any() or ends[-1] > size:
        raise OSError("not every block came onto the disk, which may have been full")


def check_output(output: Path, overwrite: bool) -> None:
    """Make sure, before any work, that a file can be written.

    Raises:
        OutputExistsError: If it exists and may not be replaced.
        OutputError: If its folder is missing or not writable.
    """
    folder = output.parent
    try:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            output.lstat()
        if not folder.is_dir():
            missing = "is not a folder" if folder.exists() else "does not exist; create it"
            raise OutputError(f"The folder {folder} {missing}, or choose another -o.")
        if output.is_dir():
            raise OutputError(f"{output} is a folder; give a file name, like {output}/dtm.tif.")
        if output.exists() and not output.is_file():
            raise OutputError(f"{output} is a device or a pipe; give the name of a file.")
        if output.exists() and not overwrite:
            raise _exists(output)
    except (OSError, ValueError) as exc:
        if isinstance(exc, OutputError):
            raise
        raise OutputError(f"{output} cannot be the name of a file: {exc}.") from exc
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"The folder {folder} is not writable; choose another -o.")


def write_text(path: Path, text: str, overwrite: bool) -> None:
    """Write a small text file that appears under its name only when it is whole.

    Raises:
        OutputExistsError: If it exists and may not be replaced.
        OutputError: If it cannot be written.
    """
    try:
        with staged(path, text) as partial:
            publish(partial, path, overwrite)
    except OutputError:
        raise
    except OSError as exc:
        raise OutputError(f"{path} cannot be written: {exc}.") from exc


@contextlib.contextmanager
def staged(path: Path, text: str) -> Iterator[Path]:
    """Hold a text ready in a hidden file beside a path, and take it away at the end."""
    partial = _hidden(path)
    try:
        partial.write_text(text, "utf-8")
        yield partial
    finally:
        partial.unlink(missing_ok=True)


def publish(finished: Path, output: Path, overwrite: bool) -> None:
    """Bring a finished file onto the disk for good, then give it its name in one step.

    Raises:
        OutputExistsError: If the name was taken meanwhile and may not be replaced.
        OSError: If the file system refuses.
    """
    with finished.open("rb+") as file:
        os.fsync(file.fileno())
    if overwrite:
        finished.replace(output)
    else:
        try:
            os.link(finished, output)  # unlike a rename, never replaces
        except FileExistsError as exc:
            raise _exists(output) from exc
        except OSError:  # a file system without hard links
            if output.exists():
                raise _exists(output) from None
            finished.replace(output)
        else:
            finished.unlink()
    if os.name == "posix":
        folder = os.open(output.parent, os.O_RDONLY)
        try:
            with contextlib.suppress(OSError):  # some network file systems cannot
                os.fsync(folder)
        finally:
            os.close(folder)


def _hidden(output: Path) -> Path:
    """A name of its own beside an output, short enough wherever the output's is."""
    return output.with_name(f".hrdem-{secrets.token_hex(6)}{_PARTIAL}")


def _exists(output: Path) -> OutputExistsError:
    return OutputExistsError(f"{output} exists; give --overwrite to replace it, or another -o.")


# DEFLATE is read by every GDAL, QGIS and ArcGIS; ZSTD is not by all. Level 1 costs 1 % of size and
# saves a quarter of the time against level 6: benchmarks/compression.py. A COG is made to be kept
# and sent, and takes level 6.
_COG_OPTIONS = {
    "COMPRESS": "DEFLATE", "PREDICTOR": "YES", "LEVEL": 6, "BLOCKSIZE": BLOCK,
    "OVERVIEW_RESAMPLING": "AVERAGE", "BIGTIFF": "IF_SAFER", "NUM_THREADS": _ENCODERS,
}  # fmt: skip


def _profile(grid: Grid, dtype: str, nodata: float) -> dict[str, object]:
    return {
        "driver": "GTiff", "dtype": dtype, "count": 1, "nodata": nodata, "crs": grid.crs,
        "transform": grid.transform, "width": grid.width, "height": grid.height,
        "tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK,
        "compress": "deflate", "zlevel": 1, "predictor": 3 if dtype.startswith("float") else 2,
        "BIGTIFF": "IF_SAFER", "NUM_THREADS": _ENCODERS,
    }  # fmt: skip


def _statistics_tags(statistics: Statistics) -> dict[str, str]:
    return {
        "STATISTICS_MINIMUM": repr(statistics.minimum),
        "STATISTICS_MAXIMUM": repr(statistics.maximum),
        "STATISTICS_MEAN": repr(statistics.mean),
        "STATISTICS_STDDEV": repr(statistics.deviation),
        "STATISTICS_VALID_PERCENT": f"{statistics.valid_percent:.4g}",
    }
