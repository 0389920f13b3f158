"""The parameters of finished files; as in `hrdem.request.fields`."""

from __future__ import annotations

from hrdem.request.field import Field, Group
from hrdem.request.fields import STATUS

VERIFY = (
    Field(
        "remote",
        "Ask servers too whether the sources are still those that the file was made of.",
        Group.SERVICE,
        default=False,
    ),
    *STATUS,
)
