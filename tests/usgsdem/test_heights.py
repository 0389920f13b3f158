"""Columns of six are read and written as Python's own formats do."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hrdem.usgsdem.heights import format_heights, parse_heights, put_heights, take_heights

LINES = [*range(-32768, -32750), -1, 0, 1, 9, 10, 99, 100, 5959, *range(32750, 32768)]


def as_bytes(*fields: bytes) -> np.ndarray:
    return np.frombuffer(b"".join(fields), np.uint8).reshape(1, -1)


def test_every_height_is_written_and_read_back() -> None:
    heights = np.arange(-32768, 32768, dtype=np.int16).reshape(256, 256)
    text = format_heights(heights)
    assert text.tobytes() == b"".join(b"%6d" % height for height in range(-32768, 32768))
    parsed, valid = parse_heights(text)
    assert valid.all()
    assert np.array_equal(parsed, heights)


def test_a_field_is_a_number_if_python_and_its_columns_say_so() -> None:
    """Every field of six out of these characters; blanks may only come first."""
    fields = [bytes(each) for each in itertools.product(b" -+05a", repeat=6)]
    parsed, valid = parse_heights(as_bytes(*fields))

    def expect(field: bytes) -> int | None:
        text = field.lstrip(b" ")
        return (
            int(text)
            if text.lstrip(b"+-").isdigit() and text[1:].isdigit() | (len(text) == 1)
            else None
        )

    expected = [expect(field) for field in fields]
    assert valid[0].tolist() == [each is not None for each in expected]
    numbers = parsed[0][valid[0]].tolist()
    assert numbers == [each for each in expected if each is not None]


@pytest.mark.parametrize("points", [1, 145, 146, 147, 316, 317, 1201])
def test_heights_lie_146_in_the_first_record_and_170_in_the_next(points: int) -> None:
    text = format_heights(np.arange(2 * points, dtype=np.int16).reshape(2, points))
    profiles = []
    for values in text.reshape(2, points, 6):
        fields = [value.tobytes() for value in values]
        blocks = [(b"h" * 144 + b"".join(fields[:146])).ljust(1024)]
        rest = [fields[at : at + 170] for at in range(146, points, 170)]
        blocks += [b"".join(block).ljust(1024) for block in rest]
        profiles.append(b"".join(blocks))
    records = b"".join(profiles)
    assert np.array_equal(take_heights(records, 2, points), text)
    blank = np.full((2, len(records) // 2048, 1024), ord(" "), np.uint8)
    blank[:, 0, :144] = ord("h")
    put_heights(text, blank)
    assert blank.tobytes() == records
