"""Hand-made TIFFs with arbitrary errors."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_CODES = {1: "B", 2: "s", 3: "H", 4: "I", 9: "i", 11: "f", 12: "d", 16: "Q"}
SHORT, LONG, SIGNED, FLOAT, DOUBLE, ASCII, LONG8 = 3, 4, 9, 11, 12, 2, 16
FIRST = 16  # offset of the first directory
GEOKEYS = (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 3979)
GHOST = (
    b"LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n"
    b"BLOCK_TRAILER=LAST_4_BYTES_REPEATED\nKNOWN_INCOMPATIBLE_EDITION=NO\n "
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A claimed count and offset of a tag's values."""

    count: int
    at: int


Tag = tuple[int, tuple[float, ...] | bytes | Claim]  # type and values
Tags = dict[int, Tag]


def image(**tags: Tag) -> Tags:
    """Return a directory with one uncompressed 16 x 16 tile; name tags like ``t256``."""
    usual: Tags = {
        256: (LONG, (16,)),
        257: (LONG, (16,)),
        258: (SHORT, (32,)),
        259: (SHORT, (1,)),
        277: (SHORT, (1,)),
        322: (SHORT, (16,)),
        323: (SHORT, (16,)),
        324: (LONG8, (4096,)),
        325: (LONG8, (1024,)),
        339: (SHORT, (3,)),
        33550: (DOUBLE, (2.0, 2.0, 0.0)),
        33922: (DOUBLE, (0.0, 0.0, 0.0, 1_500_000.0, -160_000.0, 0.0)),
        34735: (SHORT, GEOKEYS),
        42113: (ASCII, b"-32767\0"),
    }
    return usual | {int(name[1:]): tag for name, tag in tags.items()}


def tiff(
    *images: Tags,
    following: int = 0,
    ghost: bytes = b"",
    tile: bytes = bytes(1024),
) -> bytes:
    """Build a little-endian BigTIFF with directories, values and a tile at byte 4096.

    Args:
        images: The directories.
        following: Offset of the next directory in the last one; usually 0.
        ghost: Text of a ghost area before the first directory.
        tile: Bytes at offset 4096, without an added leader or trailer.
    """
    if ghost:
        ghost = b"GDAL_STRUCTURAL_METADATA_SIZE=%06d bytes\n" % len(ghost) + ghost
    start = FIRST + len(ghost)
    content = struct.pack("<2sHHHQ", b"II", 43, 8, 0, start) + ghost
    for number, tags in enumerate(images):
        last = number == len(images) - 1
        content += _directory(tags, len(content), following if last else None)
    return content.ljust(4096, b"\0") + tile


def _directory(tags: Tags, at: int, following: int | None) -> bytes:
    spill_at = at + 8 + 20 * len(tags) + 8
    table, spill = b"", b""
    for tag, (kind, values) in sorted(tags.items()):
        if isinstance(values, Claim):
            table += struct.pack("<HHQQ", tag, kind, values.count, values.at)
            continue
        form = f"<{len(values)}{_CODES[kind]}"
        packed = values if isinstance(values, bytes) else struct.pack(form, *values)
        field = packed.ljust(8, b"\0")
        if len(packed) > 8:
            field = struct.pack("<Q", spill_at + len(spill))
            spill += packed
        table += struct.pack("<HHQ", tag, kind, len(values)) + field
    if following is None:
        following = spill_at + len(spill)
    return struct.pack("<Q", len(tags)) + table + struct.pack("<Q", following) + spill
