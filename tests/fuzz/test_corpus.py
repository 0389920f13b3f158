"""The fuzzer's files once more: each is read, or refused in a sentence, at little cost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.attempt import FAR, assert_told, attempt
from tests.fuzz.mutation import mutated
from tests.fuzz.seeds import CRAFTED, KINDS, seeds

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())


@pytest.mark.parametrize("size", [None, FAR], ids=["as it is", "large"])
@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_a_file_of_the_corpus_is_read_or_refused(path: Path, size: int | None) -> None:
    outcome = attempt(path.read_bytes(), size)
    if outcome.error is not None:
        assert_told(outcome)
    else:
        assert outcome.pixels or size  # a large file may have tiles too large for an attempt
    assert outcome.fetched < 8 << 20
    assert outcome.requests < 100


def test_every_kind_of_seed_is_read_and_its_changes_are_read_or_refused(tmp_path: Path) -> None:
    found = dict(seeds(tmp_path))
    assert found.keys() == KINDS.keys() | CRAFTED.keys()
    for content in found.values():
        assert attempt(content).error is None
        for seed in range(10):
            attempt(mutated(content, seed))
