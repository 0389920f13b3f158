"""Names of tiles from attribute values: valid as file names on any system, and unique."""

from __future__ import annotations

import logging
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from hrdem.output.paths import LAYER_NAMES, is_reserved_by_windows

log = logging.getLogger(__name__)

MAX_NAME_BYTES = 150  # in UTF-8; file systems allow 255, with the endings of files that are written
MAX_LISTED_NAMES = 3  # in a message
_KEPT_CATEGORIES = "LMN"  # letters, their marks, and numbers, of any alphabet
_KEPT_PUNCTUATION = "._-"
_OF_LAYER = re.compile(rf"\.({'|'.join(LAYER_NAMES)})$", re.IGNORECASE)  # of another tile
_STRIPPED = " ._-"  # at an end: hidden files, options of commands, what Windows drops


def name_tiles(
    values: Sequence[object], ids: Sequence[str], prefix: str, field: str | None
) -> list[str]:
    """Make file names of attribute values, and warn of those that had to be changed.

    Letters of all alphabets are kept. Names that would be one file on some system, because they
    differ only in case or in characters that were replaced, get the ids of their features.

    Args:
        values: Value of each feature; None if it has none.
        ids: Id of each feature, unique.
        prefix: What stands before the id of a feature that has no value.
        field: Name of the attribute; None if none was requested.
    """
    made = [_make_name(value) for value in values]
    named = [name or f"{_make_name(prefix)}-{each}" for name, each in zip(made, ids, strict=True)]
    unnamed = [name for name, own in zip(named, made, strict=True) if not own]
    if unnamed and field is not None:
        log.warning(
            "Features without a value of %s that can be a file name are named by their ids: %s.",
            field, list_some(unnamed),
        )  # fmt: skip
    changed = [
        f"{value!r} to {name}"
        for value, name in zip(values, made, strict=True)
        if name and isinstance(value, str) and name != "_".join(value.split())
    ]
    if changed:
        log.warning(
            "Names that not every system allows for files are changed: %s.", list_some(changed)
        )
    unique = _make_unique(named, ids)
    repeated = {name: new for name, new in zip(named, unique, strict=True) if name != new}
    if repeated:
        log.warning(
            "Names that several features have, perhaps in another case, are followed by the ids of "
            "the features, as %s: %s.",
            next(iter(repeated.values())), list_some(list(repeated)),
        )  # fmt: skip
    return unique


def list_some(names: Sequence[str]) -> str:
    """List the first names, and say how many more there are."""
    listed = ", ".join(names[:MAX_LISTED_NAMES])
    more = len(names) - MAX_LISTED_NAMES
    return f"{listed} and {more} more" if more > 0 else listed


def _make_name(value: object) -> str:
    """Return a value as a file name; empty if nothing of it can be one."""
    if isinstance(value, float) and value.is_integer():  # of a field that has gaps
        value = int(value)
    text = "" if value is None or value != value else str(value)  # noqa: PLR0124 (NaN, NaT)
    text = unicodedata.normalize("NFC", text)
    text = "".join(c if _is_kept(c) else " " for c in text)
    text = "_".join(text.split()).strip(_STRIPPED)
    text = text.encode(errors="ignore")[:MAX_NAME_BYTES].decode(errors="ignore").rstrip(_STRIPPED)
    text = _OF_LAYER.sub(r"_\1", text)
    return f"_{text}" if is_reserved_by_windows(text) else text


def _is_kept(character: str) -> bool:
    return character in _KEPT_PUNCTUATION or unicodedata.category(character)[0] in _KEPT_CATEGORIES


def _make_unique(names: Sequence[str], ids: Sequence[str]) -> list[str]:
    """Append ids to names that are the same where case does not count, until none are."""
    found = list(names)
    while True:
        keys = [unicodedata.normalize("NFC", name.casefold()) for name in found]
        counts = Counter(keys)
        if len(counts) == len(found):
            return found
        found = [
            f"{name}-{each}" if counts[key] > 1 else name
            for name, each, key in zip(found, ids, keys, strict=True)
        ]
