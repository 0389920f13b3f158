"""The task of a reader: one window of one file."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field

BLOCK = 512
# What GDAL's documentation and its users advise for COGs over HTTP; all of GDAL's readers but the
# guide's script get it.
TUNED = {
    "GDAL_NUM_THREADS": "ALL_CPUS",
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_MAX_RETRY": "5",
    "GDAL_HTTP_RETRY_DELAY": "0.5",
    "GDAL_HTTP_RETRY_CODES": "ALL",
    "GDAL_HTTP_CONNECTTIMEOUT": "10",
    "GDAL_HTTP_TIMEOUT": "120",
    "GDAL_HTTP_LOW_SPEED_TIME": "30",
    "GDAL_HTTP_LOW_SPEED_LIMIT": "1000",
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".tif",
}


@dataclass(frozen=True, slots=True)
class Task:
    """A square window to read.

    Attributes:
        url: Address of the COG.
        column: First column, counted in the file.
        row: First row.
        size: Columns and rows.
        output: Path of the GeoTIFF to write.
        extra: Further arguments, by name.
    """

    url: str
    column: int
    row: int
    size: int
    output: str
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def arguments(self) -> list[str]:
        """The task as command line arguments."""
        numbers = (str(number) for number in (self.column, self.row, self.size))
        extra = (f"{name}={value}" for name, value in self.extra.items())
        return [self.url, *numbers, self.output, *extra]

    @classmethod
    def from_command_line(cls) -> Task:
        """Parse what `arguments` returned."""
        parser = argparse.ArgumentParser()
        parser.add_argument("url")
        for name in ("column", "row", "size"):
            parser.add_argument(name, type=int)
        parser.add_argument("output")
        parser.add_argument("extra", nargs="*", metavar="NAME=VALUE")
        parsed = vars(parser.parse_args())
        extra = dict(pair.partition("=")[::2] for pair in parsed.pop("extra"))
        return cls(**parsed, extra=extra)

    def pieces(self, edge: int) -> Iterator[tuple[int, int, int, int]]:
        """Cut the window along multiples of ``edge`` in the file: column, row, width, height."""
        for row, height in _cuts(self.row, self.size, edge):
            for column, width in _cuts(self.column, self.size, edge):
                yield column, row, width, height


def _cuts(start: int, length: int, edge: int) -> Iterator[tuple[int, int]]:
    at = start
    while at < start + length:
        end = min((at // edge + 1) * edge, start + length)
        yield at, end - at
        at = end
