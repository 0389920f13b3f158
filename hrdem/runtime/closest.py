"""Find the word that is meant by a misspelt one."""

from __future__ import annotations

from collections.abc import Iterable

MAX_CHARACTERS = 40  # of a word; a longer one is no misspelling
CHARACTERS_PER_EDIT = 3  # of a word; more edits than one in as many make it another word


def find_closest(word: str, known: Iterable[str]) -> str | None:
    """Return the one known word that is close to another; None if none is, or several are.

    Case, blanks, hyphens and underscores are ignored.

    Args:
        word: What was given.
        known: All words that could be meant.
    """
    folded = _fold(word[: MAX_CHARACTERS + 1])
    if not 0 < len(folded) <= MAX_CHARACTERS:
        return None
    ranked = sorted((_count_edits(folded, _fold(each)), each) for each in known)
    best = [each for edits, each in ranked if edits == ranked[0][0]]
    is_close = bool(ranked) and ranked[0][0] <= max(1, len(folded) // CHARACTERS_PER_EDIT)
    return best[0] if is_close and len(best) == 1 else None


def _fold(word: str) -> str:
    return "".join(character for character in word.lower() if character not in " -_")


def _count_edits(a: str, b: str) -> int:
    """Count insertions, deletions, substitutions, and exchanges of neighbours from one to other.

    This is the optimal string alignment distance.
    """
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            edits = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                edits = min(edits, before[j - 2] + 1)
            row.append(edits)
        before, last = last, row
    return last[-1]
