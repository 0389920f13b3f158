"""Test damaged WCS responses, which are parsed or end in an error message."""

from __future__ import annotations

import pytest

from tests.fuzz.answers import SEEDS, attempt_answer, mutated_answer


def test_every_kind_of_seed_is_read_as_what_it_is() -> None:
    ends = {name: attempt_answer(body) for name, body in SEEDS.items()}
    assert ends.pop("capabilities") == ["none", "read", "told"]
    assert ends.pop("description") == ["none", "told", "read"]
    assert set(map(tuple, ends.values())) == {("refusal", "told", "told")}


@pytest.mark.parametrize("name", SEEDS)
def test_changed_answers_are_read_or_told(name: str) -> None:
    ends = {end for seed in range(400) for end in attempt_answer(mutated_answer(SEEDS[name], seed))}
    assert "told" in ends
