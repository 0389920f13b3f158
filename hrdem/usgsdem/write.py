"""Writing USGS DEMs to the letter of CDED 2.1 and of BC 2.0."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hrdem.geo.nodata import VOID
from hrdem.usgsdem.elements import PROFILE_HEADER_BYTES, RECORD_BYTES, Layout
from hrdem.usgsdem.header import Header, format_header
from hrdem.usgsdem.heights import format_heights, put_heights
from hrdem.usgsdem.profiles import Profile, format_profile
from hrdem.usgsdem.records import count_records

MAX_BUFFER_BYTES = 4 << 20  # of profiles that are written at once

Heights = NDArray[np.int16]


class HeightRange(NamedTuple):
    """Elements 12 and 29 of a header.

    Attributes:
        min_height: Lowest height in metres, without voids; -32767 if all are void.
        max_height: Highest height, likewise.
        percent_void: Share of void nodes, rounded to a whole percent.
    """

    min_height: int
    max_height: int
    percent_void: int


def measure_heights(heights: Heights) -> HeightRange:
    """Measure heights for a header (CDED 2.1, 7.4.2 elements 12 and 29).

    Args:
        heights: Array of shape (rows, columns), metres; -32767 where void.
    """
    lowest, highest = _measure_rows(heights.reshape(1, -1))
    voids = np.count_nonzero(heights == VOID)
    percent = (200 * voids + heights.size) // (2 * heights.size)  # halves go up
    return HeightRange(int(lowest[0]), int(highest[0]), int(percent))


def _measure_rows(heights: Heights) -> tuple[Heights, Heights]:
    """Return the lowest and the highest height of each row; -32767 twice where all are void."""
    limits = np.iinfo(np.int16)
    valid = heights != VOID
    lowest = heights.min(axis=1, where=valid, initial=limits.max)
    highest = heights.max(axis=1, where=valid, initial=limits.min)
    void = ~valid.any(axis=1)
    lowest[void] = highest[void] = VOID
    return lowest, highest


def write_dem(
    file: BinaryIO,
    header: Header,
    layout: Layout,
    heights: Heights | Iterable[Heights],
    on_profiles: Callable[[int], object] | None = None,
    *,
    delimiter: bytes = b"",
) -> None:
    """Write a USGS DEM: a type A record, and a type B record for each column from the west.

    Args:
        file: The file, open for writing.
        header: Values of the type A record. The first profile begins at its south-west corner,
            and each lies one x resolution further east.
        layout: Specification of the type A record.
        heights: Whole metres of shape (rows, columns), rows from the north; -32767 where void. Or
            arrays of some columns each, from the west, of a DEM that is not in memory as a whole.
        on_profiles: Called with the number of profiles each time that some are written.
        delimiter: Bytes after each record of 1024 bytes: none as the specifications say, or
            ``b"\n"`` or ``b"\r\n"`` for readers of lines.

    Raises:
        RequestError: If a value of the header does not fit its columns.
        ValueError: If the header is for another number of profiles, or has no corners.
    """
    if header.corners is None:
        raise ValueError("a header with corners is needed")
    x, y = header.corners[0]
    file.write(format_header(header, layout) + delimiter)
    written = 0
    for columns in [heights] if isinstance(heights, np.ndarray) else heights:
        points, profiles = columns.shape
        records = _make_blank_records(points, profiles, delimiter)
        for first in range(0, profiles, len(records)):
            part = np.ascontiguousarray(columns[::-1, first : first + len(records)].T)
            filled = records[: len(part)]
            put_heights(format_heights(part), filled)
            ranges = (each.tolist() for each in _measure_rows(part))
            for number, (lowest, highest) in enumerate(zip(*ranges, strict=True)):
                place = x + written * header.resolution[0]
                written += 1
                profile = Profile(1, written, points, 1, place, y, 0.0, lowest, highest)
                filled[number, 0, :PROFILE_HEADER_BYTES] = np.frombuffer(
                    format_profile(profile), np.uint8
                )
            file.write(filled.data)
            if on_profiles is not None:
                on_profiles(len(part))
    if written != header.profiles:
        raise ValueError(f"a header of {written} profiles is needed")


def _make_blank_records(points: int, profiles: int, delimiter: bytes) -> NDArray[np.uint8]:
    """Return blank records, of shape (profiles, records, bytes), for as many as fit the buffer."""
    size = RECORD_BYTES + len(delimiter)
    blocks = count_records(points)
    count = min(profiles, max(1, MAX_BUFFER_BYTES // (blocks * size)))
    records = np.full((count, blocks, size), ord(" "), np.uint8)
    records[:, :, RECORD_BYTES:] = np.array(list(delimiter), np.uint8)
    return records
