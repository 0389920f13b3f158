"""Which encodings the programs of this field read right: the table of docs/encodings.md.

python -m tests.readers.encodings
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import numpy as np
from affine import Affine

from hrdem.geo.grid import Grid, Pixels
from hrdem.output.colours import get_source_colour
from hrdem.output.geotiff import GeoTiffWriter
from hrdem.output.geotiff_metadata import Band
from hrdem.processing.halve import Halving, halve
from hrdem.request.options import Format
from hrdem.tiff.encode import DEFLATE, LZW, NO_COMPRESSION, ZSTD, choose_tile_format, encode
from tests.readers.programs import PROGRAMS, Program, Reading

NODATA = -32767
TRANSFORM = Affine(2, 0, 1_500_000, 0, -2, -170_000)
_COMPRESSIONS = {"none": NO_COMPRESSION, "lzw": LZW, "deflate": DEFLATE, "zstd": ZSTD}


@dataclass(frozen=True, slots=True)
class Encoding:
    """A way to write a raster.

    Attributes:
        name: Its name in the table.
        compress: Compression.
        predictor: TIFF predictor number.
        tile: Edge of a tile, pixels.
        is_sparse: Whether tiles without data are absent.
        is_big: Whether the file is a BigTIFF.
        layout: A plain GeoTIFF, or a COG.
        dtype: Pixel type; integers that are no heights have 0 as nodata.
        has_overviews: Whether there are overviews.
        has_colours: Whether values have colours.
    """

    name: str
    compress: str = "deflate"
    predictor: int | None = 1
    tile: int = 512
    is_sparse: bool = False
    is_big: bool = False
    layout: Format = Format.GTIFF
    dtype: str = "float32"
    has_overviews: bool = False
    has_colours: bool = False

    @property
    def nodata(self) -> int:
        """Nodata value."""
        return 0 if self.dtype.startswith("u") else NODATA

    def write(self, path: Path) -> None:
        """Write the raster with hrdem's encoder."""
        pixels, nodata = make_pixels(self), self.nodata
        grid = Grid("EPSG:3979", TRANSFORM, pixels.shape[1], pixels.shape[0])
        tile_format = choose_tile_format(self.dtype, _COMPRESSIONS[self.compress], self.predictor)
        tile_format = replace(tile_format, tile=(self.tile, self.tile))
        limit = 0 if self.is_big else 2**32
        halving = Halving.NEAREST if self.dtype.startswith("u") else Halving.AVERAGE
        colours = [get_source_colour(number) for number in range(256)] if self.has_colours else ()
        with (
            mock.patch("hrdem.output.geotiff.MAX_CLASSIC_BYTES", limit),
            GeoTiffWriter(
                path, grid, grid.crs, nodata, tile_format, [Band("dtm", "metre")],
                halving if self.has_overviews else None, self.layout, colours=colours,
            ) as writer,
        ):  # fmt: skip
            for window in grid.window.split(self.tile, self.tile):
                column, row = window.column // self.tile, window.row // self.tile
                block = pixels[window.slices]
                if not self.is_sparse or (block != nodata).any():
                    half = halve(block, nodata, halving) if self.has_overviews else None
                    writer.write(column, row, encode(block, tile_format, nodata), 0, half)
            writer.commit(None, {}, (path.with_suffix(".stac.json"), lambda _: "{}"))


ENCODINGS = (
    *(
        Encoding(f"{compress}, predictor {predictor}", compress, predictor)
        for compress in _COMPRESSIONS
        for predictor in (1, 2, 3)
        if compress != "none" or predictor == 1
    ),
    Encoding("sparse, deflate", is_sparse=True),
    Encoding("sparse, none", "none", is_sparse=True),
    Encoding("tiles of 256 pixels", tile=256),
    Encoding("BigTIFF", is_big=True),
    Encoding("overviews", has_overviews=True),
    Encoding("16-bit, predictor 2", predictor=2, dtype="int16"),
    Encoding("8-bit, predictor 2", predictor=2, dtype="uint8"),
    Encoding("8-bit, predictor 1", dtype="uint8"),
    Encoding("source file", dtype="uint8", has_colours=True),
    Encoding("source file, overviews", dtype="uint8", has_colours=True, has_overviews=True),
    Encoding("year file", dtype="uint16"),
    Encoding("COG", layout=Format.COG, has_overviews=True),
    Encoding("sparse COG", is_sparse=True, layout=Format.COG, has_overviews=True),
    Encoding(
        "COG of a source file",
        layout=Format.COG,
        dtype="uint8",
        has_colours=True,
        has_overviews=True,
    ),
)


def make_pixels(encoding: Encoding) -> Pixels:
    """Return terrain with holes, and two tiles without any data: shape (rows, columns)."""
    random = np.random.default_rng(5)
    terrain = 300 + np.cumsum(random.normal(0, 0.3, (1300, 1100)), axis=1)
    if encoding.dtype == "uint8":
        terrain = 1 + terrain % 255
    pixels = terrain.astype(encoding.dtype)
    pixels[100:160, 200:300] = encoding.nodata
    pixels[512:1024, 512:1024] = encoding.nodata
    pixels[1024:, :512] = encoding.nodata
    return pixels


def judge(reading: Reading, expected: Pixels, nodata: float) -> str:
    """Judge in a word what a program has read."""
    if reading.pixels is None:
        return "error"
    found, described = reading.pixels, reading.described
    if found.shape[1:] != expected.shape:
        return "wrong size"
    place = described["left"], described["top"], described["dx"], described["dy"]
    want = TRANSFORM.c, TRANSFORM.f, TRANSFORM.a, -TRANSFORM.e
    if not np.allclose(place, want, atol=1e-6):
        return "wrong place"
    if "3979" not in str(described.get("crs", "3979")):
        return "no CRS"
    expected = expected.astype(np.float32)
    theirs = described["nodata"]
    empty = np.isnan(found) if theirs is None else np.isnan(found) | (found == np.float32(theirs))
    right = np.where(expected == np.float32(nodata), empty, ~empty & (found == expected))
    return "yes" if right.all() else "wrong"


def measure(programs: Sequence[Program], folder: Path) -> dict[str, dict[str, str]]:
    """Return the judgement on each program and encoding, by their names."""
    paths = {}
    for number, encoding in enumerate(ENCODINGS):
        paths[encoding] = folder / f"e{number}.tif"
        encoding.write(paths[encoding])
    table: dict[str, dict[str, str]] = {}
    for number, program in enumerate(programs):
        if not program.needs.exists():
            continue
        readings = program.read(list(paths.values()), folder / str(number))
        table[program.name] = {
            encoding.name: judge(readings[path], make_pixels(encoding), encoding.nodata)
            for encoding, path in paths.items()
        }
    return table


def format_table(table: dict[str, dict[str, str]]) -> str:
    """Format the table: an encoding a row, a column for all programs that read the same."""
    names = [encoding.name for encoding in ENCODINGS]
    columns: dict[tuple[str, ...], list[str]] = {}
    for program, row in table.items():
        columns.setdefault(tuple(row[name] for name in names), []).append(program)
    lines = [["encoding", *map(", ".join, columns.values())], ["---"] * (1 + len(columns))]
    lines += [[name, *cells] for name, *cells in zip(names, *columns, strict=True)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        print(format_table(measure(PROGRAMS, Path(folder))))  # noqa: T201


if __name__ == "__main__":
    main()
