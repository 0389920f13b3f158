"""Several changes of an input; TIFF mutations that preserve most of the file structure."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass

_TAGS = (254, 256, 257, 258, 259, 277, 317, 322, 323, 324, 325, 339, 33550, 33922, 34264, 34735,
         34736, 34737, 42113, 50674)  # fmt: skip
_KINDS = (*range(19), 255, 65535)
_WHOLE = (0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 32, 64, 128, 255, 256, 1000, 1001, 4096, 4097, 8192,
          32767, 34887, 50000, 65535, 65536, 65537, 1 << 20, (1 << 22) + 1, (1 << 31) - 1, 1 << 31,
          (1 << 32) - 1, 1 << 32, 1 << 40, 1 << 60, (1 << 63) - 8, 1 << 63,
          (1 << 64) - 1)  # fmt: skip
_REAL = (0.0, -0.0, 1.0, -2.0, 2.0, 1e-9, 5e-324, 1e-300, 1e12, 1e300, 1.7e308,
         float("inf"), float("-inf"), float("nan"))  # fmt: skip
_TEXT = (b"nan", b"inf", b"-inf", b"1e999", b"-9999", b"0.5", b"300", b"1e40", b"", b"abc", b"1_0",
         b"9" * 40, b"-1.7e308")  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Place:
    """The offsets of an entry and its values."""

    at: int
    kind: int
    count: int
    values: int


@dataclass(frozen=True, slots=True)
class _Layout:
    order: str
    big: bool
    starts: tuple[int, ...]  # offsets of directories
    links: tuple[int, ...]  # offsets of the directory pointers
    entries: tuple[_Place, ...]

    @property
    def word(self) -> str:
        """The struct format of a count or an offset."""
        return self.order + ("Q" if self.big else "I")

    @property
    def inline(self) -> int:
        return 8 if self.big else 4


def mutate(content: bytes, seed: int, change: Callable[[bytes, random.Random], bytes]) -> bytes:
    """Change an input one to five times, and cut off its end once in 20 seeds."""
    chance = random.Random(seed)
    for _ in range(chance.choice((1, 1, 2, 2, 3, 5))):
        content = change(content, chance)
    return content[: chance.randrange(len(content) + 1)] if seed % 20 == 0 else content


def mutated(data: bytes, seed: int) -> bytes:
    """Return a file with a few mutations, reproducible from a seed."""
    chance = random.Random(seed)
    content = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 5))):
        layout = _layout(content)
        if layout is None or not layout.entries or chance.random() < 0.1:
            _scribble(content, chance)
        else:
            chance.choices(
                (_retag, _rekind, _recount, _replace, _revalue, _relink, _copy, _cut),
                (2, 3, 4, 3, 8, 2, 1, 1),
            )[0](content, layout, chance)
    return bytes(content)


def _layout(content: bytearray) -> _Layout | None:
    order = {b"II": "<", b"MM": ">"}.get(bytes(content[:2]))
    if order is None or len(content) < 16:
        return None
    big = bytes(content[2:4]) in {b"\0+", b"+\0"}
    count_form, step = (f"{order}Q", 20) if big else (f"{order}H", 12)
    word, inline = order + ("Q" if big else "I"), 8 if big else 4
    starts, links, entries = [], [inline], []
    while len(starts) < 8:
        if links[-1] + inline > len(content):
            break
        (at,) = struct.unpack_from(word, content, links[-1])
        begin = at + struct.calcsize(count_form)
        if at in {0, *starts} or begin > len(content):
            break
        (count,) = struct.unpack_from(count_form, content, at)
        if count > 200 or begin + count * step + inline > len(content):
            break
        starts.append(at)
        for place in range(begin, begin + count * step, step):
            _, kind, number = struct.unpack_from(f"{order}HH{word[1]}", content, place)
            field = place + step - inline
            size = {3: 2, 4: 4, 11: 4, 12: 8, 16: 8}.get(kind, 1)
            outside = number * size > inline
            values = struct.unpack_from(word, content, field)[0] if outside else field
            entries.append(_Place(place, kind, number, values))
        links.append(begin + count * step)
    return _Layout(order, big, tuple(starts), tuple(links), tuple(entries))


def _put(content: bytearray, form: str, at: int, value: float) -> None:
    size = struct.calcsize(form)
    if form[-1] not in "fd":
        value = int(value) % (1 << 8 * size)
    packed = struct.pack(form, value)
    if 0 <= at <= len(content) - size:
        content[at : at + size] = packed


def _number(content: bytearray, chance: random.Random) -> int:
    pick = chance.random()
    if pick < 0.6:
        return chance.choice(_WHOLE)
    if pick < 0.8:
        return len(content) + chance.randint(-20, 20)
    return chance.randrange(1 << chance.randint(1, 64))


def _retag(content: bytearray, layout: _Layout, chance: random.Random) -> None:
    _put(content, f"{layout.order}H", chance.choice(layout.entries).at, chance.choice(_TAGS))


def _rekind(content: bytearray, layout: _Layout, chance: random.Random) -> None:
    _put(content, f"{layout.order}H", chance.choice(layout.entries).at + 2, chance.choice(_KINDS))


def _recount(content: bytearray, layout: _Layout, chance: random.Random) -> None:
    _put(content, layout.word, chance.choice(layout.entries).at + 4, _number(content, chance))


def _replace(content: bytearray, layout: _Layout, chance: random.Random) -> None:
    """Change the offset of an entry's values."""
    at = chance.choice(layout.entries).at + 4 + layout.inline
    _put(content, layout.word, at, _number(content, chance))


def _revalue(content: bytearray, layout: _Layout, chance: random.Random) -> None:
    entry = chance.choice(layout.entries)
    if entry.kind == 2:
        text = chance.choice(_TEXT)[: max(0, entry.count - 1)].ljust(min(entry.count, 64), b"\0")
        if entry.values + len(text) <= len(content):
            content[entry.values : entry.values + len(text)] = text
        return
    code = {1: "B", 3: "H", 4: "I", 11: "f", 12: "d", 16: "Q"}.get(entry.kind, "B")
    index = chance.randrange(max(1, min(entry.count, 64)))
    value = chance.choice(_REAL) if code in "fd" else _number(content, chance)
    if code == "f":
        value = max(min(value, 3e38), -3e38)
    form = layout.order + code
    _put(content, form, entry.values + index * struct.calcsize(form), value)


def _relink(content: bytearray, layout: _Layout, chance: random.Random) -> None:
    target = chance.choice((*layout.starts, 0, _number(content, chance)))
    _put(content, layout.word, chance.choice(layout.links), target)


def _copy(content: bytearray, layout: _Layout, chance: random.Random) -> None:
    """Overwrite one entry with another."""
    size = 20 if layout.big else 12
    source, target = chance.choice(layout.entries).at, chance.choice(layout.entries).at
    content[target : target + size] = content[source : source + size]


def _cut(content: bytearray, layout: _Layout, chance: random.Random) -> None:
    del content[chance.randrange(len(content)) :]


def _scribble(content: bytearray, chance: random.Random) -> None:
    if not content:
        return
    at = chance.randrange(min(len(content), 2_000))
    new = chance.randbytes(chance.randint(1, 9))
    content[at : at + len(new)] = new
