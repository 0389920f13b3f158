"""Test malicious files, which end in an error message with bounded work and memory."""

from __future__ import annotations

import math
import re
import struct
import time
import tracemalloc
import zlib

import numpy as np
import pytest

from hrdem.geo.grid import Window
from hrdem.sources.cog import CogSource, probe_cog
from tests.fuzz.attempt import FAR, URL, Outcome, Store, assert_told, attempt
from tests.fuzz.crafted import (
    ASCII,
    DOUBLE,
    FIRST,
    FLOAT,
    GHOST,
    LONG,
    LONG8,
    SHORT,
    SIGNED,
    Claim,
    image,
    tiff,
)

INFINITE = math.inf


def measured(content: bytes, size: int | None = None) -> Outcome:
    """Attempt a file and check its time, memory and download size."""
    tracemalloc.start()
    begun = time.monotonic()
    try:
        outcome = attempt(content, size)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12 << 20
    assert time.monotonic() - begun < 30
    assert outcome.fetched < 5 << 20
    return outcome


def refused(content: bytes, said: str, size: int | None = None) -> Outcome:
    outcome = measured(content, size)
    assert_told(outcome)
    assert re.search(said, str(outcome.error)), outcome
    return outcome


def test_the_file_that_all_others_are_made_from_is_read() -> None:
    assert measured(tiff(image())) == Outcome(None, 256, 3, 1024 + 16)
    assert measured(tiff(image()), FAR).pixels == 256
    guarded = struct.pack("<I", 1024) + bytes(1028)
    assert measured(tiff(image(t324=(LONG8, (4100,))), ghost=GHOST, tile=guarded)).pixels == 256


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (tiff(image(), following=FIRST), "form a loop"),
        (tiff(image(), image(t254=(LONG, (1,))), following=FIRST), "form a loop"),
        (tiff(image(), following=4096), "has 0 entries"),
        (tiff(image(), following=1 << 63), "points to byte 9223372036854775816, beyond"),
        (tiff(*[{254: (LONG, (1,))}] * 65), "too many"),
        (struct.pack("<2sHHHQQ", b"II", 43, 8, 0, 16, 0), "has 0 entries"),
        (struct.pack("<2sHHHQQ", b"II", 43, 8, 0, 16, 1 << 60), "has 1152921504606846976 entries"),
        (struct.pack("<2sHHHQ", b"II", 43, 8, 0, 0), "has no image"),
        (struct.pack("<2sHI8x", b"II", 42, (1 << 32) - 1), "beyond its 16 bytes"),
        (struct.pack(">2sHI8x", b"MM", 42, 12), "has 0 entries"),
        (struct.pack("<2sHHHQ", b"II", 43, 4, 0, 16), "BigTIFF header is invalid"),
        (struct.pack("<2sHHHQ", b"II", 44, 8, 0, 16), "does not begin as a TIFF does"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "does not begin as a TIFF does"),
        (b"<html><body>Sign in to the network", "does not begin as a TIFF does"),
        (b"II", "does not begin as a TIFF does"),
    ],
    ids=[
        "itself", "loop", "tile", "beyond", "chain", "empty", "2^60", "none", "classic",
        "big-endian", "word", "version", "PNG", "HTML", "two bytes",
    ],
)  # fmt: skip
def test_directories_that_lead_astray(content: bytes, said: str) -> None:
    refused(content, said)


def test_directories_all_over_a_large_file_take_few_requests() -> None:
    scattered = bytearray(4 << 20)
    scattered[:8] = struct.pack("<2sHI", b"II", 42, 8)
    step = 80_000
    for at in range(8, len(scattered) - step, step):  # values are stored away from their directory
        entry = struct.pack("<HHHIII", 1, 254, LONG8, 1, at + step // 2, at + step)
        scattered[at : at + len(entry)] = entry
        scattered[at + step // 2] = 1
    outcome = refused(bytes(scattered), "more than 4194304 bytes or 64 requests")
    assert outcome.requests < 64


@pytest.mark.parametrize("length", range(2, 416, 9))
def test_a_header_that_is_cut_off(length: int) -> None:
    content = tiff(image())[:length]
    refused(content, "beyond its|not begin as a TIFF")


def test_a_file_cut_off_before_its_tiles() -> None:
    refused(tiff(image())[:4100], "tile index .* points beyond the file")


@pytest.mark.parametrize(
    ("tag", "kind", "count", "place", "said"),
    [
        (324, LONG8, 1 << 60, 4096, "is not an index of its 1 tiles"),
        (325, LONG8, 0, 4096, "is not an index of its 1 tiles"),
        (34735, SHORT, 1 << 60, 4096, "tag 34735 has 1152921504606846976 values"),
        (34735, SHORT, 65_536, 5000, "points to byte 136072, beyond its 5120 bytes"),
        (33550, DOUBLE, (1 << 64) - 1, 4096, "tag 33550 has 18446744073709551615 values"),
        (33550, DOUBLE, 3, (1 << 64) - 8, "points to byte 18446744073709551632, beyond"),
        (42113, ASCII, 1 << 20, 4096, "tag 42113 has 1048576 values"),
        (42113, ASCII, 200, 5119, "points to byte 5319, beyond"),
        (256, SHORT, 70_000, 4096, "tag 256 has 70000 values"),
    ],
)
def test_values_that_are_too_many_or_nowhere(
    tag: int, kind: int, count: int, place: int, said: str
) -> None:
    refused(tiff(image() | {tag: (kind, Claim(count, place))}), said)


def test_counts_that_a_large_file_could_hold_are_not_believed_either() -> None:
    tags = image(t259=(SHORT, (34887,)), t50674=(LONG, (4, 0)))
    for tag in (256, 33550, 34735, 42113, 50674):
        claimed = {tag: (tags[tag][0], Claim(1 << 30, 8192))}
        refused(tiff(tags | claimed), "1073741824 values", FAR)


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"t322": (SHORT, (0,))}, "in tiles of 0 x 16"),
        ({"t322": (SHORT, (0,)), "t323": (SHORT, (0,))}, "in tiles of 0 x 0"),
        ({"t323": (LONG, (1 << 31,))}, "in tiles of 16 x 2147483648"),
        ({"t256": (LONG, (0,))}, "it has 0 x 16 pixels"),
        ({"t256": (SIGNED, (-16,))}, "tag 256 has 1 values of type 9"),
        ({"t256": (DOUBLE, (INFINITE,))}, "tag 256 has 1 values of type 12"),
        ({"t259": (FLOAT, (math.nan,))}, "tag 259 has 1 values of type 11"),
        ({"t259": (SHORT, (6,))}, "compression, number 6,"),
        ({"t277": (SHORT, (3,))}, "3 bands instead of one"),
        ({"t258": (SHORT, (16,))}, "16 bits of kind 3"),
        ({"t258": (SHORT, (7,))}, "7 bits of kind 3"),
        ({"t339": (SHORT, (4,))}, "32 bits of kind 4"),
        ({"t317": (SHORT, (65_535,))}, "predictor is number 65535"),
        ({"t317": (LONG8, (1 << 63,))}, "predictor is number 9223372036854775808"),
        ({"t266": (SHORT, (2,))}, "FillOrder is not 1"),
        ({"t259": (SHORT, (34887,)), "t50674": (LONG, (4,) * 100)}, "LERC parameters"),
        ({"t259": (SHORT, (34887,)), "t50674": (LONG8, (4, 1 << 40))}, "LERC parameters"),
        ({"t42113": (ASCII, b"nothing\0")}, "nodata value is 'nothing'"),
        ({"t42113": (ASCII, b"9" * 300)}, "tag 42113 has 300 values"),
        ({"t42113": (DOUBLE, (-32767.0,))}, "tag 42113 has 1 values of type 12"),
    ],
)
def test_tags_that_make_no_sense(tags: dict, said: str) -> None:
    refused(tiff(image(**tags)), said)


@pytest.mark.parametrize(
    ("scale", "said"),
    [
        ((math.nan, 2.0, 0.0), "pixels of nan x 2 are not north-up"),
        ((2.0, INFINITE, 0.0), "are not on Earth"),
        ((0.0, 2.0, 0.0), "pixels of 0 x 2 are not north-up"),
        ((2.0, -2.0, 0.0), "pixels of 2 x -2 are not north-up"),
        ((5e-324, 5e-324, 0.0), "are not north-up"),
        ((1e308, 1e308, 0.0), "are not on Earth"),
        ((2.0,), "no georeferencing"),
    ],
)
def test_pixels_of_an_impossible_size(scale: tuple, said: str) -> None:
    refused(tiff(image(t33550=(DOUBLE, scale))), said)


@pytest.mark.parametrize("corner", [math.nan, INFINITE, -INFINITE, 1e300])
def test_a_corner_that_is_nowhere(corner: float) -> None:
    tie = (0.0, 0.0, 0.0, corner, -160_000.0, 0.0)
    refused(tiff(image(t33922=(DOUBLE, tie))), "are not on Earth")


@pytest.mark.parametrize(
    "keys",
    [
        (SHORT, ()),
        (SHORT, (1, 1, 0)),
        (SHORT, (1, 1, 0, 65_535, 1024, 0, 1)),
        (SHORT, (1, 1, 0, 1, 1024, 34736, 1, 1)),
        (SHORT, (65_535,) * 1_000),
        (SHORT, (1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 32767)),
        (LONG8, (1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 1 << 63)),
        (DOUBLE, (math.nan,) * 16),
        (ASCII, bytes(32)),
    ],
    ids=["none", "cut", "short", "elsewhere", "same", "user's", "huge", "NaN", "text"],
)
def test_geographic_keys_that_are_garbage(keys: tuple) -> None:
    refused(tiff(image(t34735=keys)), "no EPSG code|tag 34735 has")


def test_an_absurd_image_is_not_believed_even_if_its_index_fits_the_file() -> None:
    edge = 1 << 31
    tags = image(t256=(LONG, (edge,)), t257=(LONG, (edge,)))
    refused(tiff(tags), "134217728 x 134217728 tiles")
    index = (LONG8, Claim(edge // 16, 8192))
    tags |= {257: (LONG, (16,)), 324: index, 325: index}
    refused(tiff(tags), "134217728 x 1 tiles", FAR)
    tags |= {256: (LONG8, (1 << 60,)), 322: (SHORT, (2048,))}
    refused(tiff(tags), "562949953421312 x 1 tiles", FAR)


def test_the_largest_index_is_read_in_slices() -> None:
    edge = 32_768 * 16
    index = (LONG8, Claim(32_768**2, 1 << 20))
    tags = image(t256=(LONG, (edge,)), t257=(LONG, (edge,)), t324=index, t325=index)
    outcome = attempt(tiff(tags), FAR)  # all zeros, so every tile is missing
    assert outcome.error is None
    assert outcome.fetched < 256 << 20


@pytest.mark.parametrize(
    ("offset", "count"),
    [
        (4096, 1 << 40),
        (1 << 40, 1024),
        (4096, (1 << 64) - 1),
        ((1 << 64) - 1, 1024),
        ((1 << 63) - 1, 1024),
        ((1 << 63) - 1, 4096),
        (4097, 1024),
        (4096, 0),
        (0, 1024),
        (1, 1024),
        (7, 1024),
    ],
)
def test_an_index_that_points_astray(offset: int, count: int) -> None:
    tags = image(t324=(LONG8, (offset,)), t325=(LONG8, (count,)))
    outcome = refused(tiff(tags), "tile index .* contradicts itself, or points beyond")
    assert outcome.fetched <= 16


def test_a_tile_over_the_header_is_seen_by_its_guards() -> None:
    for offset in (8, FIRST, 300, 4000):
        tags = image(t324=(LONG8, (offset,)))
        refused(tiff(tags, ghost=GHOST), "is not where the file's index says")
    for offset in (1, 3, 7):
        refused(tiff(image(t324=(LONG8, (offset,))), ghost=GHOST), "tile index")


def test_overviews_that_do_not_fit() -> None:
    reduced = {"t254": (LONG, (1,))}
    larger = image(**reduced, t256=(LONG, (17,)), t324=(LONG8, (0, 0)), t325=(LONG8, (0, 0)))
    refused(tiff(image(), larger), "an overview that is larger")
    taller = image(**reduced, t257=(LONG, (32,)), t324=(LONG8, (0, 0)), t325=(LONG8, (0, 0)))
    refused(tiff(image(), taller), "an overview that is larger")
    refused(tiff(image(), image(**reduced, t258=(SHORT, (64,)))), "another pixel type")
    refused(tiff(image(), image(**reduced, t322=(SHORT, (0,)))), "in tiles of 0 x 16")


def test_levels_that_share_an_index_are_read_each_by_its_own() -> None:
    tags = image(t256=(LONG, (32,)), t257=(LONG, (32,)))
    tags |= {324: (LONG8, Claim(4, 5120)), 325: (LONG8, Claim(4, 5152))}
    narrow = tags | {254: (LONG, (1,)), 256: (LONG, (16,))}
    narrow |= {324: (LONG8, Claim(2, 5120)), 325: (LONG8, Claim(2, 5152))}
    tile = np.arange(256, dtype="<f4").tobytes()
    store = Store(tiff(tags, narrow, tile=tile) + struct.pack("<8Q", *[4096] * 4, *[1024] * 4))
    file = probe_cog(URL, store)
    for level, width in ((1, 16), (0, 32), (1, 16)):
        pixels = CogSource(file.at_level(level), store).fetch(Window(0, 0, width, 32)).decode()
        assert pixels.shape == (32, width)
        assert pixels[-1, -1] == 255


@pytest.mark.parametrize("codec", [5, 8, 32946, 34887, 50000])
def test_tiles_of_noise(codec: int) -> None:
    noise = np.random.default_rng(7).bytes(1024)
    refused(tiff(image(t259=(SHORT, (codec,))), tile=noise), "cannot be decoded")


def test_a_tile_that_unfolds_to_far_more_than_it_should() -> None:
    bomb = zlib.compress(bytes(3_900_000), 9)
    tags = image(t259=(SHORT, (8,)), t325=(LONG8, (len(bomb),)))
    assert len(bomb) < 4096
    assert measured(tiff(tags, tile=bomb)).pixels in {0, 256}
    bomb = zlib.compress(bytes(20_000_000), 9)
    tags |= {325: (LONG8, (len(bomb),))}
    refused(tiff(tags, tile=bomb), "tiles that are too large")


@pytest.mark.parametrize(
    ("kind", "bits", "text", "held"),
    [
        (1, 8, b"255", 255),
        (1, 8, b"-9999", None),
        (1, 8, b"nan", None),
        (1, 16, b"0.5", None),
        (2, 16, b"1e999", None),
        (2, 64, b"-9223372036854775808", -(1 << 63)),
        (1, 64, b"18446744073709551616", None),
        (3, 32, b"-3.4028234663852886e+38", -3.4028234663852886e38),
        (3, 32, b"-3.40282347e+38", -3.4028234663852886e38),
        (3, 32, b"1e300", INFINITE),
        (3, 64, b"1e300", 1e300),
        (3, 32, b"-32767\0garbage", -32767),
        (3, 32, b" -32767 ", -32767),
        (3, 32, b"", None),
    ],
)
def test_nodata_is_what_the_pixels_can_hold(kind: int, bits: int, text: bytes, held) -> None:
    tags = image(t339=(SHORT, (kind,)), t258=(SHORT, (bits,)), t42113=(ASCII, text + b"\0"))
    tags |= {325: (LONG8, (32 * bits,))}
    content = tiff(tags, tile=bytes(32 * bits))
    assert measured(content).pixels == 256
    assert probe_cog(URL, Store(content)).nodata == held
    absent = tiff(tags | {324: (LONG8, (0,)), 325: (LONG8, (0,))})
    assert measured(absent).pixels == 256


def test_nodata_of_whole_numbers_reaches_absent_tiles_beside_present_ones() -> None:
    lowest = -(1 << 63)
    tags = image(t256=(LONG, (32,)), t258=(SHORT, (64,)), t339=(SHORT, (2,)))
    tags |= {324: (LONG8, (4096, 0)), 325: (LONG8, (2048, 0))}
    tags |= {42113: (ASCII, f"{lowest}\0".encode())}
    store = Store(tiff(tags, tile=bytes(2048)))
    pixels = CogSource(probe_cog(URL, store), store).fetch(Window(0, 0, 32, 16)).decode()
    assert (pixels[:, :16] == 0).all()
    assert (pixels[:, 16:] == lowest).all()


def test_a_size_that_no_file_has() -> None:
    refused(tiff(image()), "the server reports a size of", 1 << 63)
