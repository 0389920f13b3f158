"""The type A record: its fields by position, and the kinds of rules that both documents have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hrdem.legacy.check.finding import Findings, show_field
from hrdem.legacy.check.numbers import read_dms, read_integer, read_real
from hrdem.request.options import Edition
from hrdem.usgsdem.elements import RECORD_BYTES

COORDINATE_TOLERANCE = 5e-5  # arc seconds, metres, radians: half of the last digit (6.1.2)
CORNER_TOLERANCE = 1e-4 / 3600  # degrees, of element 1


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the record.

    Attributes:
        key: Its name.
        element: Number of its element; 0 for the rest of the record.
        width: Columns.
    """

    key: str
    element: int
    width: int


_ENDS = (
    Field("south-west corner", 1, 26),
    Field("process code", 1, 1),
    Field("filler 2", 1, 1),
    Field("sectional indicator", 1, 3),
    Field("origin code", 2, 4),
    Field("level", 3, 6),
    Field("pattern", 4, 6),
    Field("reference system", 5, 6),
    Field("zone", 6, 6),
    Field("projection parameters", 7, 15 * 24),
    Field("ground unit", 8, 6),
    Field("elevation unit", 9, 6),
    Field("sides", 10, 6),
    Field("corners", 11, 4 * 2 * 24),
    Field("minimum and maximum", 12, 2 * 24),
    Field("rotation", 13, 24),
    Field("accuracy code", 14, 6),
    Field("resolution", 15, 3 * 12),
    Field("rows and columns of profiles", 16, 2 * 6),
    Field("largest contour interval", 17, 5),
    Field("unit of the largest interval", 18, 1),
    Field("smallest contour interval", 19, 5),
    Field("unit of the smallest interval", 20, 1),
    Field("source date", 21, 4),
    Field("revision date", 22, 4),
    Field("revision flag", 23, 1),
    Field("validation flag", 24, 1),
    Field("void flag", 25, 2),
    Field("vertical datum", 26, 2),
    Field("horizontal datum", 27, 2),
    Field("edition", 28, 4),
    Field("percent void", 29, 4),
    Field("edge match", 30, 8),
    Field("vertical shift", 31, 7),
    Field("rest", 0, 109),
)
#: A40, A60 and 9 blanks (CDED 2.1, 7.4.2)
CDED_FIELDS = (Field("file name", 1, 40), Field("producer", 1, 60), Field("filler", 1, 9), *_ENDS)
#: A40, A40 and 29 blanks (BC 2.0, 4.1)
BC_FIELDS = (Field("file name", 1, 40), Field("producer", 1, 40), Field("filler", 1, 29), *_ENDS)
_BLANK = (
    "filler", "filler 2", "sectional indicator", "largest contour interval",
    "unit of the largest interval", "smallest contour interval", "unit of the smallest interval",
    "source date", "revision date", "revision flag", "edge match", "rest",
)  # fmt: skip
_INTEGERS = {"level": 1, "pattern": 1, "elevation unit": 2, "sides": 4, "accuracy code": 0}
_DATUMS = {"vertical datum": 1, "horizontal datum": 4}


class TypeA:
    """The fields of a type A record, and judgements on them.

    Args:
        block: The first 1024 bytes of the file.
        fields: Fields from its beginning.
        clause: Section of the elements, such as ``7.4.2``.
        findings: Where findings go.
        forms_since: Edition since which the forms of numbers are judged.
    """

    def __init__(
        self,
        block: bytes,
        fields: Sequence[Field],
        clause: str,
        findings: Findings,
        forms_since: Edition,
    ) -> None:
        self._fields: dict[str, tuple[Field, bytes]] = {}
        self._clause = clause
        self._findings = findings
        self._forms_since = forms_since
        self._odd_forms: dict[int, bytes] = {}
        begin = 0
        for field in fields:
            self._fields[field.key] = field, block[begin : begin + field.width]
            begin += field.width
        assert begin == RECORD_BYTES

    def __getitem__(self, key: str) -> bytes:
        """Return the bytes of a field."""
        return self._fields[key][1]

    def clause(self, key: str) -> str:
        """Return the clause of a field."""
        element = self._fields[key][0].element
        return f"{self._clause} element {element}" if element else self._clause

    def judge(
        self, key: str, ok: bool, expected: str, *, found: str = "", since: Edition | None = None
    ) -> None:
        """Judge a field."""
        field, content = self._fields[key]
        name = f"element {field.element}, {key}" if field.element else key
        self._findings.judge(
            self.clause(key),
            name,
            ok,
            expected=expected,
            found=found or show_field(content),
            since=since,
        )

    def note(self, key: str, expected: str, found: str = "") -> None:
        """Leave a field to people."""
        field, content = self._fields[key]
        name = f"element {field.element}, {key}"
        self._findings.note(
            self.clause(key), name, expected=expected, found=found or show_field(content)
        )

    def judge_characters(self, clause: str) -> None:
        """Judge the characters of the whole record."""
        is_ascii = all(32 <= byte < 127 for _, content in self._fields.values() for byte in content)
        self._findings.judge(
            clause, "type A, characters", is_ascii,
            expected="printable ASCII", found="so" if is_ascii else "other bytes",
        )  # fmt: skip

    def judge_constants(self, *, blank_since: Edition | None = None) -> None:
        """Judge the elements that both documents leave empty, or give the same whole number.

        Args:
            blank_since: Edition since which elements are left empty.
        """
        for key in _BLANK:
            self.judge_blank(key, since=blank_since)
        for key, value in _INTEGERS.items():
            self.judge_integers(key, value)
        for key, value in _DATUMS.items():
            self.judge_integers(key, value, width=2)

    def judge_corner(self) -> list[float] | None:
        """Judge the form of the corner in element 1; return longitude and latitude, degrees."""
        field = self["south-west corner"]
        found = [read_dms(field[:13]), read_dms(field[13:])]
        numbers = [number for number in found if number is not None]
        is_whole = len(numbers) == len(found)
        self.judge("south-west corner", is_whole, "2(I4,I2,F7.4)")
        return numbers if is_whole else None

    def judge_blank(self, key: str, *, since: Edition | None = None) -> None:
        """Judge that a field is left empty."""
        self.judge(key, not self[key].strip(b" "), "blank", since=since)

    def judge_integers(
        self, key: str, *values: int, width: int = 6, since: Edition | None = None
    ) -> None:
        """Judge that a field has right-justified whole numbers."""
        expected = " ".join(str(value) for value in values)
        self.judge(key, self.integers(key, width) == list(values), expected, since=since)

    def integers(self, key: str, width: int = 6) -> list[int | None]:
        """Return the whole numbers of a field; None for those that are not right-justified."""
        content = self[key]
        return [read_integer(content[at : at + width]) for at in range(0, len(content), width)]

    def reals(self, key: str, width: int = 24) -> list[float | None]:
        """Return the real numbers of a field; their forms are judged by `judge_forms`."""
        field, content = self._fields[key]
        numbers = [read_real(content[at : at + width]) for at in range(0, len(content), width)]
        for number in numbers:
            if not number.is_standard:
                self._odd_forms.setdefault(field.element, number.text)
        return [number.value for number in numbers]

    def judge_reals(
        self,
        key: str,
        values: Sequence[float],
        *,
        width: int = 24,
        tolerance: float = COORDINATE_TOLERANCE,
        since: Edition | None = None,
    ) -> None:
        """Judge that a field has real numbers of some values."""
        found = self.reals(key, width)
        ok = are_close(found, values, tolerance)
        self.judge(key, ok, show_numbers(values), found=show_numbers(found), since=since)

    def judge_forms(self, clause: str, spacing: str) -> None:
        """Judge the forms of all real numbers that were read.

        Args:
            clause: Section that has the forms.
            spacing: A spacing of element 15 in its form, as an example.
        """
        elements = ", ".join(map(str, sorted(self._odd_forms)))
        first = next(iter(self._odd_forms.values()), b"")
        self._findings.judge(
            clause,
            "type A, form of real numbers",
            not self._odd_forms,
            expected="D24.15 such as '-0.274500000000000D+06', "
            f"E12.6 such as '{spacing}', or a form of zero",
            found=f"{show_field(first)} and the like in elements {elements}" if elements else "so",
            since=self._forms_since,
        )


def are_close(found: Sequence[float | None], values: Sequence[float], tolerance: float) -> bool:
    """Whether numbers are there and have some values."""
    return len(found) == len(values) and all(
        number is not None and abs(number - value) <= tolerance
        for number, value in zip(found, values, strict=True)
    )


def show_numbers(numbers: Sequence[float | None]) -> str:
    """Return numbers for people, the last of equal ones left out."""
    texts = ["none" if number is None else f"{number:.12g}" for number in numbers]
    return texts[0] if len(set(texts)) == 1 else " ".join(texts)
