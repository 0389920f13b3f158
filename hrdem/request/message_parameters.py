"""Parameters that messages name in backquotes, and advice that a function cannot follow.

The first sentence of a message says what happened, the others what to do. A sentence of advice
names only parameters of which the others say nothing, so that it can be left out.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from hrdem.request import (
    fields,
    file_fields,
    legacy_fields,
    picture_fields,
    points_fields,
    survey_fields,
    tile_fields,
)

#: every parameter by name
FIELDS = {
    field.name: field
    for table in (
        points_fields.PROFILE,
        picture_fields.VIEW,
        file_fields.VERIFY,
        file_fields.RERUN,
        points_fields.SAMPLE,
        survey_fields.COMPARE,
        survey_fields.SURVEYS,
        tile_fields.ENGINE,
        tile_fields.INDEX,
        tile_fields.VERIFY,
        tile_fields.TILE_JOB,
        legacy_fields.CHECK,
        legacy_fields.COMPARE,
        legacy_fields.CONVERT,
        legacy_fields.BC,
        legacy_fields.CDED,
        fields.ASSETS,
        fields.PREVIEW,
        fields.EXTRACT,
    )
    for field in table
}
#: a parameter in a message, alone or with a value: ``crs``, ``crs=EPSG:3979``
MENTION = re.compile(r"`(?P<name>[a-z_]+)(?:=(?P<value>[^`]*))?`")
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+(?=[A-Z`])")


def split_sentences(message: str) -> list[str]:
    """Split a message into sentences."""
    return _SENTENCE_END.split(message)


def find_foreign(text: str, available: Collection[str]) -> set[str]:
    """Return the parameters that a text names and a function lacks.

    Args:
        text: A message, or a part of it.
        available: Names of the function's parameters.
    """
    named = {mention["name"] for mention in MENTION.finditer(text)}
    return (named & FIELDS.keys()) - set(available)


def drop_foreign_advice(message: str, available: Collection[str]) -> str:
    """Leave out the sentences after the first that name parameters which a function lacks.

    Args:
        message: A message from any room: it does not know which function was called.
        available: Names of the function's parameters.
    """
    if not find_foreign(message, available):
        return message
    first, *advice = split_sentences(message)
    return " ".join([first, *(each for each in advice if not find_foreign(each, available))])
