"""Reading USGS DEMs: CDED of all editions, BC files, and those of the USGS."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from hrdem.errors import RequestError
from hrdem.geo.grid import Grid, Pixels
from hrdem.geo.nodata import VOID
from hrdem.usgsdem.elements import HEIGHT_BYTES, RECORD_BYTES
from hrdem.usgsdem.grid import Placement, place_profiles
from hrdem.usgsdem.header import Header, parse_header
from hrdem.usgsdem.heights import parse_heights, take_heights
from hrdem.usgsdem.profiles import Profile, parse_profile
from hrdem.usgsdem.records import RecordReader, count_records

MAX_PROFILES = 1 << 15
MAX_BUFFER_BYTES = 1 << 20  # of records that are parsed at once
MAX_HEIGHT_METRES = 32_767  # in int16, next to the void
_METRES = {1: 0.3048, 2: 1.0}  # of a height unit, element 9

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Dem:
    """A USGS DEM.

    Attributes:
        header: The values of its type A record. If the file is an excerpt of one profile,
            ``header.profiles`` may be larger than the width of the grid.
        grid: Grid whose pixel centres are the nodes.
        heights: Metres, of shape (rows, columns), rows from the north: int16, or float32 if the
            file has feet, steps other than a metre or local datums between metres. -32767 where
            the file has a void (CDED 2.1, 2.8.3) or no node.
    """

    header: Header
    grid: Grid
    heights: Pixels


def read_dem(file: Path | BinaryIO, name: str | None = None, crs: str | None = None) -> Dem:
    """Read a USGS DEM.

    Records may be blocks of 1024 bytes or lines; profiles may begin and end in different rows.

    Args:
        file: Path of the file, or the file itself, which has to be seekable.
        name: Its name in messages; by default its path.
        crs: CRS to take if the header has none that is known.

    Raises:
        RequestError: If it is not a USGS DEM, is cut off, has no known CRS, or is too large.
    """
    with _open(file, name) as (opened, label):
        records = RecordReader(opened, label)
        scan = _scan(records, label, crs)
        announced = scan.header.profiles
        if len(scan.profiles) < announced:
            log.warning(
                "%s is an excerpt or cut off: it has 1 of its %d profiles. Only that one is read.",
                label,
                announced,
            )
        records.rewind()
        records.skip(1)
        return Dem(scan.header, scan.placement.grid, _read_heights(records, scan, label))


def read_dem_header(
    file: Path | BinaryIO, name: str | None = None, crs: str | None = None
) -> tuple[Header, Grid]:
    """Read the header and the grid of a USGS DEM, without its heights; see `read_dem`."""
    with _open(file, name) as (opened, label):
        scan = _scan(RecordReader(opened, label), label, crs)
        return scan.header, scan.placement.grid


@contextmanager
def _open(file: Path | BinaryIO, name: str | None) -> Iterator[tuple[BinaryIO, str]]:
    """Yield a file and its name in messages."""
    if not isinstance(file, Path):
        yield file, name or "The DEM"
        return
    label = name or str(file)
    try:
        opened = file.open("rb")
    except OSError as exc:
        raise RequestError(
            f"{label} cannot be opened: {exc.strerror}. Give a USGS DEM that can be read."
        ) from exc
    with opened:
        yield opened, label


@dataclass(frozen=True, slots=True)
class _Scan:
    """What a file has, without its heights."""

    header: Header
    profiles: tuple[Profile, ...]
    placement: Placement


def _scan(records: RecordReader, name: str, crs: str | None) -> _Scan:
    header = parse_header(records.read(1), name)
    _check_header(header, name)
    profiles = tuple(_scan_profiles(records, header.profiles, name))
    return _Scan(header, profiles, place_profiles(header, profiles, name, crs))


def _check_header(header: Header, name: str) -> None:
    step = header.resolution[2]
    checks = (
        (header.pattern == 1, f"element 4 (pattern) is {header.pattern}, not 1 (regular)"),
        (header.height_unit in _METRES, f"element 9 (height unit) is {header.height_unit}"),
        (not header.rotation, f"element 13 (rotation) is {header.rotation}, not 0"),
        (0 < step <= MAX_HEIGHT_METRES, f"element 15 (resolution) has height steps of {step:g}"),
        (header.rows == 1, f"element 16 has {header.rows} rows of profiles, not 1"),
        (
            1 <= header.profiles <= MAX_PROFILES,
            f"element 16 has {header.profiles:,} profiles, not 1 to {MAX_PROFILES:,}",
        ),
    )
    for is_right, found in checks:
        if not is_right:
            raise RequestError(
                f"{name} cannot be read: in its header, {found}. Give a regular grid of heights in "
                "metres or feet."
            )


def _scan_profiles(records: RecordReader, announced: int, name: str) -> Iterator[Profile]:
    """Yield the profiles of a file, as many as its header announces, or one if it has only one."""
    for number in range(1, announced + 1):
        if number == 2 and not records.peek():
            return  # an excerpt
        profile = parse_profile(records.read(1), number, name)
        if profile.points < 1 or profile.columns != 1:
            raise RequestError(
                f"{name} cannot be read: profile {number:,} has {profile.points:,} x "
                f"{profile.columns:,} heights (element 2), not one column. Give a whole copy."
            )
        records.skip(count_records(profile.points) - 1)
        yield profile
    if _is_profile(records.peek(), announced + 1):
        raise RequestError(
            f"{name} cannot be read: it has more profiles than the {announced:,} that its header "
            "announces (element 16). Give a file that is whole."
        )


def _is_profile(record: bytes, number: int) -> bool:
    """Whether a record is that of a profile, and not of type C or what else ends a file."""
    try:
        profile = parse_profile(record, number, "")
    except RequestError:
        return False
    return profile.column == number and profile.columns == 1


def _read_heights(records: RecordReader, scan: _Scan, name: str) -> Pixels:
    """Read the heights of a scanned file; the records stand at its first profile."""
    grid, metres = scan.placement.grid, _METRES[scan.header.height_unit]
    step = scan.header.resolution[2] * metres
    is_whole = step == 1 and all(profile.local_datum.is_integer() for profile in scan.profiles)
    heights = np.full((grid.height, grid.width), VOID, np.int16 if is_whole else np.float32)
    for first, count in _group_profiles(scan):
        group = scan.profiles[first : first + count]
        points = group[0].points
        text = take_heights(records.read(count * count_records(points)), count, points)
        parsed, valid = parse_heights(text)
        if not valid.all():
            raise _bad_height(text, valid, first, name)
        datums = np.array([[profile.local_datum * metres] for profile in group])
        values = parsed * step + datums if datums.any() or step != 1 else parsed
        values[parsed == VOID] = VOID
        _check_range(values, name)
        bottom = grid.height - scan.placement.bottoms[first]
        heights[bottom - points : bottom, first : first + count] = values.T[::-1]
    return heights


def _group_profiles(scan: _Scan) -> Iterator[tuple[int, int]]:
    """Yield first profile and number of profiles of one size and place, a buffer at a time."""
    keys = [
        (profile.points, bottom)
        for profile, bottom in zip(scan.profiles, scan.placement.bottoms, strict=True)
    ]
    first = 0
    for (points, _), group in itertools.groupby(keys):
        end = first + len(list(group))
        most = max(1, MAX_BUFFER_BYTES // (count_records(points) * RECORD_BYTES))
        while first < end:
            count = min(most, end - first)
            yield first, count
            first += count


def _check_range(values: NDArray[Any], name: str) -> None:
    lowest, highest = values.min(), values.max()
    if lowest < -MAX_HEIGHT_METRES or highest > MAX_HEIGHT_METRES:
        extreme = highest if highest > MAX_HEIGHT_METRES else lowest
        raise RequestError(
            f"{name} cannot be read: it has a height of {extreme:.7g} m, which is none on Earth. "
            "Give a whole copy."
        )


def _bad_height(
    text: NDArray[np.uint8], valid: NDArray[np.bool_], first: int, name: str
) -> RequestError:
    profile, point = (int(each) for each in np.argwhere(~valid)[0])
    field = text[profile, point * HEIGHT_BYTES : (point + 1) * HEIGHT_BYTES].tobytes()
    found = ascii(field.decode("latin-1"))
    return RequestError(
        f"{name} cannot be read: height {point + 1:,} of profile {first + profile + 1:,} is "
        f"{found}, not a whole number at the end of six columns. The file may be cut off or "
        "changed; give a whole copy."
    )
