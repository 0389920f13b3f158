"""Baseline TIFFs of 24 bits, as BC 2.0, 4.3 wants them: their tags, and their pixels by rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from hrdem.errors import RequestError
from hrdem.legacy.check.checked_file import CheckedFile
from hrdem.legacy.check.finding import Findings
from hrdem.tiff.read_ifd import BoundedReader, Directory, InvalidTiffError, read_directories

CLAUSE = "4.3"
MAX_PIXELS = 64 << 20  # the largest block has 36.4 million
_HEADER_BYTES = 4_096
_STRIP_ROWS = 64
_GEOREFERENCE_TAGS = (33550, 33922, 34264, 34735)


@dataclass(frozen=True, slots=True)
class Picture:
    """Pixels of a baseline TIFF.

    Attributes:
        width: Columns.
        height: Rows.
        rows_per_strip: Rows of a strip.
        offsets: Position of each strip.
    """

    width: int
    height: int
    rows_per_strip: int
    offsets: tuple[int, ...]


def read_picture(file: BinaryIO, checked: CheckedFile, findings: Findings) -> Picture | None:
    """Judge the tags of a TIFF.

    Args:
        file: The file, which can seek.
        checked: Its name and size.
        findings: Where findings go.

    Returns:
        Where its pixels are; None if they are not as the document wants them.

    Raises:
        RequestError: If it is no TIFF.
    """

    def fetch(start: int, stop: int) -> bytes:
        file.seek(start)
        return file.read(stop - start)

    try:
        data = BoundedReader(fetch, checked.size, _HEADER_BYTES)
        directories = list(read_directories(data))
        return _check_tags(directories, checked.size, findings)
    except InvalidTiffError as exc:
        raise RequestError(
            f"{checked.label} cannot be read as a TIFF: {exc}. Get the file again."
        ) from exc


def _check_tags(directories: list[Directory], size: int, findings: Findings) -> Picture | None:
    findings.judge(
        CLAUSE, "images", len(directories) == 1, expected="1", found=f"{len(directories)}"
    )
    if not directories:
        return None
    tags = directories[0]
    width, height = tags.number(256), tags.number(257)
    bits, samples = tags.whole(258), tags.number(277, 1)
    compression, photometric = tags.number(259, 1), tags.number(262)
    is_striped = 273 in tags and tags.number(284, 1) == 1
    is_full_colour = bits == (8, 8, 8) and samples == 3 and photometric == 2
    findings.judge(
        CLAUSE, "pixels", is_full_colour, expected="full colour, 24 bits",
        found=f"{samples} bands of {'-'.join(map(str, bits))} bits, photometric {photometric}",
    )  # fmt: skip
    findings.judge(
        CLAUSE, "compression", compression == 1, expected="none", found=f"number {compression}"
    )
    findings.judge(
        CLAUSE, "strips", is_striped, expected="strips of whole pixels",
        found="so" if is_striped else "tiles, or a plane for each band",
    )  # fmt: skip
    found = [tag for tag in _GEOREFERENCE_TAGS if tag in tags]
    findings.judge(
        CLAUSE, "georeference", not found, expected="none inside",
        found=f"tags {', '.join(map(str, found))}" if found else "none",
    )  # fmt: skip
    if not (is_full_colour and compression == 1 and is_striped):
        return None
    if not (width >= 1 and height >= 1 and width * height <= MAX_PIXELS):
        raise InvalidTiffError(f"it has {width} x {height} pixels")
    rows_per_strip = min(tags.number(278, height), height)
    offsets = tags.whole(273)
    if rows_per_strip < 1 or len(offsets) != -(-height // rows_per_strip):
        raise InvalidTiffError(f"it has {len(offsets)} strips of {rows_per_strip} rows")
    ends = [
        offset + 3 * width * min(rows_per_strip, height - number * rows_per_strip)
        for number, offset in enumerate(offsets)
    ]
    if max(ends) > size:
        raise InvalidTiffError(f"its pixels end at byte {max(ends):,} of {size:,}")
    return Picture(width, height, rows_per_strip, offsets)


def read_rows(file: BinaryIO, picture: Picture) -> Iterator[NDArray[np.uint8]]:
    """Read the pixels, 64 rows at a time, whatever the strips."""
    row_bytes = 3 * picture.width
    for first in range(0, picture.height, _STRIP_ROWS):
        parts = []
        row, last = first, min(first + _STRIP_ROWS, picture.height)
        while row < last:
            strip, inside = divmod(row, picture.rows_per_strip)
            count = min(picture.rows_per_strip - inside, last - row)
            file.seek(picture.offsets[strip] + inside * row_bytes)
            parts.append(file.read(count * row_bytes))
            row += count
        content = np.frombuffer(b"".join(parts), np.uint8)
        yield content.reshape(last - first, picture.width, 3)
