"""Write a tiled GeoTIFF tile by tile; it is published under its name when it is complete."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rasterio.crs import CRS

from hrdem.errors import OutputError, RequestError, SourceError
from hrdem.geo.grid import Grid, Pixels
from hrdem.output.colours import Colour
from hrdem.output.geotiff_metadata import Band, can_hold_crs, encode_metadata
from hrdem.output.pam import get_pam_path
from hrdem.output.paths import check_output
from hrdem.output.publish import PreparedFile, StagedFile, StoredFile
from hrdem.output.tile_level import TileLevel, list_entries
from hrdem.processing.halve import Halving
from hrdem.processing.statistics import Statistics
from hrdem.request.options import Format
from hrdem.runtime.atomic import staged_file, staging_dir, sync_to_disk
from hrdem.runtime.gdal_errors import GDAL_ERRORS, raise_if_out_of_memory
from hrdem.runtime.memory import trim_allocator
from hrdem.runtime.threads import thread_pool
from hrdem.tiff.write_ifd import (
    FILE_HEADER_BYTES,
    Entry,
    TileFormat,
    encode_directory,
    encode_file_header,
)

if TYPE_CHECKING:
    from hrdem.output.overviews import OverviewBuilder

MAX_CLASSIC_BYTES = 2**32 - 2**20  # without the directory; a classic TIFF has 32-bit offsets


class GeoTiffWriter:
    """Writes a raster tile by tile; a context manager.

    The file is written in a hidden folder beside the output: tiles as they arrive, then their index
    and the directory, and last the header that makes it a TIFF. `commit` publishes it under the
    output's name atomically; leaving the context without it removes everything.

    Args:
        output: Path of the output.
        grid: Pixel grid.
        crs: CRS, which may add a vertical datum to that of the grid.
        nodata: Nodata value; None for none.
        tile_format: Compression and layout of the tiles that are written.
        bands: Description of each band.
        halving: How tiles are halved for overviews; None for no overviews, which a cloud-optimized
            file has always.
        layout: A plain tiled GeoTIFF, or a cloud-optimized one.
        overwrite: Whether an existing output may be replaced.
        colours: Colours of the values from 0 on, of a single band of bytes; empty for none.

    Raises:
        OutputExistsError: If the output exists and ``overwrite`` is not set.
        OutputError: If it cannot be written; entering the context raises it too.
        RequestError: On entering the context, if a GeoTIFF cannot hold the grid's CRS.
    """

    def __init__(
        self,
        output: Path,
        grid: Grid,
        crs: CRS | str,
        nodata: float | None,
        tile_format: TileFormat,
        bands: Sequence[Band],
        halving: Halving | None = None,
        layout: Format = Format.GTIFF,
        overwrite: bool = False,
        colours: Sequence[Colour] = (),
    ) -> None:
        check_output(output, overwrite)
        self._output = output
        self._grid = grid
        self._crs = crs
        self._nodata = nodata
        self._tile_format = tile_format
        self._bands = tuple(bands)
        self._halving = halving
        self._layout = layout
        self._overwrite = overwrite
        self._colours = tuple(colours)
        self._end = FILE_HEADER_BYTES
        self._base = TileLevel(grid.width, grid.height, len(self._bands), tile_format.tile)
        self._halves: OverviewBuilder | None = None

    def __enter__(self) -> Self:
        with self._translate_errors(), contextlib.ExitStack() as stack:
            self._check_crs()
            room = stack.enter_context(staging_dir(self._output))
            self._partial, self._arranged = room / "plain.tif", room / "arranged.tif"
            self._file = self._partial.open("xb")
            self._file.write(bytes(FILE_HEADER_BYTES))
            if self._halving is not None:
                self._halves = self._open_halves(room, self._halving)
                stack.callback(self._halves.close)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):  # a full disk was reported before
            self._file.close()
        self._stack.close()

    @property
    def tile_format(self) -> TileFormat:
        """Compression and layout of tiles."""
        return self._tile_format

    @property
    def band_count(self) -> int:
        """Number of bands."""
        return len(self._bands)

    def write(
        self,
        column: int,
        row: int,
        tile: bytes | memoryview,
        band: int = 0,
        half: Pixels | None = None,
    ) -> None:
        """Write a tile; readers see a tile that is never written as nodata.

        Args:
            column: Column of the tile, counted in tiles.
            row: Row of the tile, counted in tiles.
            tile: The tile, compressed in the tile format.
            band: Index of its band, from 0.
            half: Its pixels in half the resolution, if there are overviews.

        Raises:
            OutputError: If it cannot be written.
        """
        with self._translate_errors():
            self._file.write(tile)
            if self._halves is not None:
                assert half is not None
                self._halves.add(half)
        self._base.add(band, row, column, self._end, len(tile))
        self._end += len(tile)

    def commit(
        self,
        statistics: Statistics | None,
        tags: Mapping[str, str],
        sidecar: tuple[Path, Callable[[StoredFile], str] | None],
    ) -> None:
        """Finish the file, and publish it and a text file that describes it.

        A killed run leaves them as `hrdem.output.publish.publish_described` says.

        Args:
            statistics: As for `prepare`, like all others.
            tags: Tags of the dataset.
            sidecar: Path of the text file, and what makes its content.

        Raises:
            OutputError: If the file cannot be finished, or another file took its name meanwhile.
        """
        self.prepare(statistics, tags, sidecar).publish()

    def prepare(
        self,
        statistics: Statistics | None,
        tags: Mapping[str, str],
        sidecar: tuple[Path, Callable[[StoredFile], str] | None],
        layers: Sequence[StagedFile] = (),
    ) -> PreparedFile:
        """Finish the file and a text file that describes it, without publishing them.

        Args:
            statistics: Statistics of the first band, so that no reader has to compute them; None
                if unknown.
            tags: Tags of the dataset.
            sidecar: Path of the text file, and what makes its content; None for no text file, so
                that one of a file that is replaced is only removed.
            layers: Files beside it that are published with it.

        Returns:
            All files, until the context ends.

        Raises:
            OutputError: If the file cannot be finished.
        """
        path, describe = sidecar
        with self._translate_errors():
            finished = self._finish(statistics, tags)
            with thread_pool(1, "flush") as pool:  # the checksum takes as long as the disk
                flushed = pool.submit(sync_to_disk, finished)
                stored = None if describe is None else StoredFile.of(finished)
                flushed.result()
            text = None
            if describe is not None and stored is not None:
                text = self._stack.enter_context(staged_file(path, describe(stored)))
                sync_to_disk(text)
            return PreparedFile(finished, self._output, path, text, self._overwrite, tuple(layers))

    def prepare_layer(
        self, tags: Mapping[str, str], pam: str
    ) -> tuple[StoredFile, tuple[StagedFile, ...]]:
        """Finish the file as a layer that is published with another one.

        Args:
            tags: Tags of the dataset.
            pam: Content of GDAL's metadata file beside it.

        Returns:
            Its size and checksum, and both files, until the context ends.

        Raises:
            OutputError: If they cannot be finished.
        """
        with self._translate_errors():
            finished = self._finish(None, tags)
            metadata = finished.with_name("metadata.xml")
            metadata.write_text(pam, "utf-8")
            sync_to_disk(finished)  # before anything is published: it may take long
            return StoredFile.of(finished), (
                StagedFile(finished, self._output),
                StagedFile(metadata, get_pam_path(self._output)),
            )

    def finish(self) -> Path:
        """Finish the file without publishing it.

        Returns:
            Its path, until the context ends.

        Raises:
            OutputError: If it cannot be finished.
        """
        with self._translate_errors():
            return self._finish(None, {})

    def _finish(self, statistics: Statistics | None, tags: Mapping[str, str]) -> Path:
        metadata = encode_metadata(
            self._grid,
            self._crs,
            self._nodata,
            self._tile_format,
            self._bands,
            tags,
            statistics,
            self._colours,
        )
        levels = [self._base] if self._halves is None else self._add_overviews(self._halves)
        if self._layout is Format.COG:
            self._arrange(levels, metadata)
            return self._arranged
        self._write_index(levels, metadata)
        return self._partial

    def _add_overviews(self, builder: OverviewBuilder) -> list[TileLevel]:
        """Add the tiles of overviews, and return all levels."""
        trim_allocator()  # of what merging took
        levels = builder.build(self._append)
        self._file.flush()
        return levels

    def _arrange(self, levels: Sequence[TileLevel], metadata: Sequence[Entry]) -> None:
        """Write the tiles of all levels as a cloud-optimized file."""
        from hrdem.output.cog import write_cog  # noqa: PLC0415 (plain files do without)

        self._file.close()
        write_cog(
            self._arranged, levels, self._partial, self._tile_format, metadata, MAX_CLASSIC_BYTES
        )

    def _open_halves(self, room: Path, halving: Halving) -> OverviewBuilder:
        from hrdem.output.overviews import OverviewBuilder  # noqa: PLC0415 (large files need it)

        assert self._nodata is not None
        return OverviewBuilder(
            room / "halves.bin", self._base, self._tile_format, self._nodata, halving
        )

    def _append(self, tile: bytes) -> int:
        """Append a tile to the file, and return its position."""
        at = self._end
        self._file.write(tile)
        self._end += len(tile)
        return at

    def _write_index(self, levels: Sequence[TileLevel], metadata: Sequence[Entry]) -> None:
        """Write indexes and directories of all levels after the tiles, and the header before."""
        order = self._tile_format.byte_order
        slots = sum(level.slots for level in levels)
        big = self._end + 8 * slots > MAX_CLASSIC_BYTES
        start = self._end + -self._end % 8
        self._file.write(bytes(start - self._end))
        at = start
        for number, level in enumerate(levels):
            entries = list_entries(level, level.sort(), self._tile_format, metadata, number, big)
            is_last = number == len(levels) - 1
            directory = encode_directory(entries, order, big, at, not is_last)
            if not is_last:
                directory += bytes(-len(directory) % 8)
            at += self._file.write(directory)
        self._file.seek(0)
        self._file.write(encode_file_header(order, big, start))
        self._file.close()

    def _check_crs(self) -> None:
        """Check that a GeoTIFF can hold the CRS.

        Raises:
            RequestError: If it cannot.
        """
        if not can_hold_crs(self._crs):
            raise RequestError(
                f"A GeoTIFF cannot hold the CRS requested for {self._output}, so its position "
                "would be wrong. Set `crs` to one with an EPSG code, such as EPSG:2961."
            )

    @contextlib.contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except OutputError:
            raise
        except (*GDAL_ERRORS, OSError, SourceError) as exc:
            raise_if_out_of_memory(exc)
            raise OutputError(
                f"{self._output} cannot be written: {exc}. Check the folder's permissions and the "
                "space on the disk."
            ) from exc
