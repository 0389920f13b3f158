"""One DEM of the older products: a USGS DEM or an ESRI ASCII grid, alone or in a ZIP archive."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from hrdem.errors import RequestError
from hrdem.geo.crs import describe_crs
from hrdem.geo.datum import is_same_crs
from hrdem.geo.grid import Grid, Pixels
from hrdem.geo.nodata import VOID
from hrdem.legacy.archive import open_member, show_member
from hrdem.legacy.bc.names import FileName
from hrdem.legacy.bc.products import ELEVATION, SLOPE_PERCENT
from hrdem.request.aoi.ascii_crs import place_ascii_grid
from hrdem.usgsdem.ascii_grid import AsciiGrid, is_ascii_grid, read_ascii_header
from hrdem.usgsdem.ascii_pixels import read_ascii_pixels
from hrdem.usgsdem.elements import RECORD_BYTES
from hrdem.usgsdem.header import Header
from hrdem.usgsdem.read import read_dem, read_dem_header

CGVD28 = "CGVD28"
ASCII_SUFFIX = ".asc"
GIVE_CRS = (
    "Give its CRS as `crs`, for example `crs=EPSG:3005` (BC Albers) or `crs=EPSG:26910` (UTM zone "
    "10)."
)
_DATUMS = {None: CGVD28, 1: CGVD28, 2: "NGVD29", 3: "NAVD88"}  # element 26
_MIN_VOID_SPECIFICATION = "20"  # whose files have -32767: CDED 2.1, 2.8.3
_GEOGRAPHIC = 0  # element 5
_UNITS = {ELEVATION: "metre", SLOPE_PERCENT: "percent"}  # all others are degrees: BC 2.0, 2


class RasterFormat(StrEnum):
    """Format of a file."""

    DEM = "USGS DEM"
    ASCII = "ESRI ASCII grid"


@dataclass(frozen=True, slots=True)
class RasterFile:
    """Where the bytes of a raster are.

    Attributes:
        path: The file, or the archive that it is in.
        member: Its name in the archive; None if it is a file of its own.
    """

    path: Path
    member: str | None = None

    @property
    def name(self) -> str:
        """Name without folders, of a member too."""
        return self.path.name if self.member is None else show_member(self.member)

    @property
    def label(self) -> str:
        """Name for messages."""
        return self.name if self.member is None else f"{self.name} in {self.path.name}"

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open it at its beginning.

        Raises:
            RequestError: If it cannot be read.
        """
        if self.member is not None:
            with open_member(self.path, self.member) as file:
                yield file
            return
        try:
            opened = self.path.open("rb")
        except OSError as exc:
            raise RequestError(
                f"{self.label} cannot be read: {exc}. Check its permissions."
            ) from exc
        with opened:
            yield opened


@dataclass(frozen=True, slots=True)
class LegacyRaster:
    """A raster whose header was read, and whose pixels can be.

    Attributes:
        file: Where it is.
        grid: Its grid, with the CRS that the file or the user names; the nodes of a DEM are pixel
            centres.
        header: Header of a USGS DEM; None for an ESRI ASCII grid.
        ascii: Header of an ESRI ASCII grid; None for a USGS DEM.
    """

    file: RasterFile
    grid: Grid
    header: Header | None
    ascii: AsciiGrid | None

    @property
    def kind(self) -> RasterFormat:
        """Format of the file."""
        return RasterFormat.ASCII if self.header is None else RasterFormat.DEM

    @property
    def theme(self) -> str:
        """What its pixels are: ``elevation``, or another variant that a BC file's name gives."""
        name = FileName.parse(self.file.name)
        return ELEVATION if name is None or self.kind is RasterFormat.DEM else name.variant

    @property
    def unit(self) -> str:
        """Unit of its pixels; heights in feet are read as metres."""
        return _UNITS.get(self.theme, "degree")

    @property
    def vertical_datum(self) -> str:
        """Datum of its heights; empty if unknown, or if it has none.

        Element 26 of a USGS DEM; 1, local mean sea level, is CGVD28 in Canada, and files of the
        first editions have it blank. An ESRI ASCII grid has it if it is one of BC's.
        """
        if self.header is not None:
            return _DATUMS.get(self.header.vertical_datum, "")
        is_bc = FileName.parse(self.file.name) is not None
        return CGVD28 if is_bc and self.theme == ELEVATION else ""

    @property
    def may_have_void_zeros(self) -> bool:
        """Whether 0 may stand for no data if no pixel is -32767 (CDED 2.1, 2.8.3).

        That is so in CDED of the standard of 2000. Files name the specification in element 28
        since its edition 2.0; their dates do not tell.
        """
        header = self.header
        return (
            header is not None
            and header.system == _GEOGRAPHIC
            and header.edition[2:] < _MIN_VOID_SPECIFICATION
        )

    def as_dict(self) -> dict[str, Any]:
        """Return what the file says of itself, as JSON-ready values."""
        described: dict[str, Any] = {"file": self.file.path.name, "format": self.kind.value}
        if self.file.member is not None:
            described["member"] = self.file.name
        header = self.header
        if header is not None:
            said = {
                "name": header.file_name,
                "producer": header.producer,
                "process": header.process_code,
                "origin": header.origin,
                "edition": header.edition,
            }
            described |= {key: text for key, text in said.items() if text}
        return described

    def read(self) -> Pixels:
        """Read the pixels.

        Returns:
            int16 or float32 array of shape (rows, columns), north-up, with `VOID` for no data.

        Raises:
            RequestError: If the file is damaged.
        """
        with self.file.open() as opened:
            if self.ascii is not None:
                return read_ascii_pixels(opened, self.ascii, self.file.label)
            return read_dem(opened, self.file.label, self.grid.crs).heights


def open_raster(
    file: RasterFile, prj: tuple[bytes, str] | None = None, crs: str | None = None
) -> LegacyRaster:
    """Read the header of a USGS DEM or of an ESRI ASCII grid, whatever its name ends in.

    Args:
        file: Where it is.
        prj: Content and name of the .prj beside it; None if there is none.
        crs: What to take for its CRS if it has none, from `hrdem.geo.crs.normalize_crs`.

    Raises:
        RequestError: If it is neither, is damaged, or its CRS is unknown or not ``crs``.
    """
    ascii_header, header = None, None
    with file.open() as opened:
        head = opened.read(RECORD_BYTES)
        opened.seek(0)
        if is_ascii_grid(head) or Path(file.name).suffix.lower() == ASCII_SUFFIX:
            ascii_header = read_ascii_header(opened, file.label)
            grid = place_ascii_grid(ascii_header, file.name, prj, crs, GIVE_CRS)
        elif b"\0" in head:
            raise RequestError(
                f"{file.label} is not text, as older DEMs are. Give USGS DEMs (.dem), ESRI ASCII "
                "grids (.asc), ZIP archives of them, or folders."
            )
        else:
            header, grid = read_dem_header(opened, file.label, crs)
    if crs is not None and not is_same_crs(grid.crs, crs):
        source = "its header" if header else prj[1] if prj else "its name"
        raise RequestError(
            f"{file.label} is in {describe_crs(grid.crs)} by {source}, but `crs` is "
            f"{describe_crs(crs)}. Leave `crs` out."
        )
    return LegacyRaster(file, grid, header, ascii_header)


def find_void_zeros(raster: LegacyRaster, pixels: Pixels) -> NDArray[np.bool_] | None:
    """Find zeros that may stand for no data.

    Args:
        raster: The raster.
        pixels: Its pixels, as `LegacyRaster.read` returns them.

    Returns:
        Mask of the zeros; None if there is none, the raster is not one that
        `LegacyRaster.may_have_void_zeros`, or a pixel is `VOID`.
    """
    if not raster.may_have_void_zeros or (pixels == VOID).any():
        return None
    zeros: NDArray[np.bool_] = pixels == 0
    return zeros if zeros.any() else None
