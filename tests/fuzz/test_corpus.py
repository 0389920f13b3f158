"""Test corpus files and mutated seeds, which must be handled at low cost."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.fuzz import checks
from tests.fuzz.attempt import FAR, assert_told, attempt
from tests.fuzz.kinds import KINDS, corpus

_MOST_SECONDS = 5  # of CPU time, to ignore other load
_MOST_KEPT = 100_000  # bytes per kind
_CHANGES = {
    "tiff": 10,
    "vrt": 200,
    "stac": 60,
    "wcs-words": 10,
    "wcs-coverages": 20,
    "dem": 60,
    "check": 60,
    "ascii": 30,
    "archive": 30,
}  # per seed
_ENDS = {
    "vrt": {
        "read True": {"absolute", "relative", "query", "declared", "complex", "wide letters"},
        "told": {"near", "other case", "warped", "entities", "page"},
    },
    "stac": {
        "read True": {"one", "bare", "two", "get", "empty page"},
        "read False": {"none"},
        "told CatalogError": {"circle", "page"},
    },
    "wcs-coverages": {
        "read": {"bare", "packed", "stripes", "big", "motorola", "multipart", "lines"},
        "placeholder": {"placeholder", "three bands"},
        "told RetryableError": {"moved", "nested", "page", "stack", "json"},
        "told ChunkTooLargeError": {"cut", "refused", "report", "twice"},
    },
    "dem": {
        "read int16": {"cell", "lines", "trimmed", "excerpt", "UTM", "Albers"},
        "read float32": {"ragged", "tenths"},
        "told": {"no datum", "state plane", "cut"},
    },
    "check": {"checked": {*checks.SEEDS} - {"directory"}, "told": {"directory"}},
    "ascii": {
        "read int16": {"whole", "lines", "centre", "oblong", "multiple"},
        "read float32": {"tenths", "nan", "large"},
        "world file": {"world"},
        "CRS": {"esri", "degrees"},
        "told": {"cut", "more", "infinite", "sphere"},
    },
    "archive": {
        "read 2": {"sheet", "purchaser", "BC"},
        "told": {"prj", "half", "two", "none", "no CRS", "bzip2", "cut"},
    },
}

TIFFS = sorted(corpus("tiff").iterdir())
KEPT = [(name, path) for name in KINDS for path in sorted(corpus(name).iterdir())]


@pytest.mark.parametrize("size", [None, FAR], ids=["as it is", "large"])
@pytest.mark.parametrize("path", TIFFS, ids=lambda path: path.name)
def test_a_file_of_the_corpus_is_read_or_refused(path: Path, size: int | None) -> None:
    outcome = attempt(path.read_bytes(), size)
    if outcome.error is not None:
        assert_told(outcome)
    else:
        assert outcome.pixels or size  # tiles of a large file may be too large to decode
    assert outcome.fetched < 8 << 20
    assert outcome.requests < 100


@pytest.mark.parametrize(("name", "path"), KEPT, ids=[f"{name}-{path.name}" for name, path in KEPT])
def test_an_answer_of_a_corpus_ends_well_and_soon(name: str, path: Path) -> None:
    begun = time.process_time()
    KINDS[name].attempt(path.read_bytes())
    assert time.process_time() - begun < _MOST_SECONDS


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("name", KINDS)
def test_changed_answers_end_well_and_soon(name: str) -> None:
    kind = KINDS[name]
    for content in kind.seeds().values():
        for seed in range(_CHANGES[name]):
            begun = time.process_time()
            kind.attempt(kind.mutated(content, seed))
            assert time.process_time() - begun < _MOST_SECONDS


@pytest.mark.parametrize("name", _ENDS)
def test_every_kind_of_seed_ends_as_what_it_is(name: str) -> None:
    ends = {seed: KINDS[name].attempt(body) for seed, body in KINDS[name].seeds().items()}
    for end, expected in _ENDS[name].items():
        assert {seed for seed in expected if ends[seed] != end} == set()


@pytest.mark.slow
def test_every_kind_of_file_is_read() -> None:
    assert set(map(str, map(KINDS["tiff"].attempt, KINDS["tiff"].seeds().values()))) == {
        "('None', 'None')"
    }


@pytest.mark.parametrize("name", KINDS)
def test_a_corpus_stays_small(name: str) -> None:
    assert 0 < sum(path.stat().st_size for path in corpus(name).iterdir()) < _MOST_KEPT
