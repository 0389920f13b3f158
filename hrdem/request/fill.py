"""Parse the collections that fill gaps, and name those that would fill more."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from hrdem.request.options import Via
from hrdem.request.products import COLLECTIONS, Collection, get_collection

log = logging.getLogger(__name__)

ALL = "all"


def parse_fill(fill: str | Sequence[str], first: Collection) -> tuple[Collection, ...]:
    """Return the collections that fill what the first leaves empty, by pixel size, each once.

    A coarser collection covers all that a finer one does, so the finer one has to come first to be
    used at all. A warning says so if that is another order than the user's.

    Args:
        fill: Names of collections, or ``"all"`` for all that are coarser than the first.
        first: The collection before them.

    Raises:
        RequestError: If a name is unknown.
    """
    names = fill.replace(",", " ").split() if isinstance(fill, str) else list(fill)
    named = [tier for name in names for tier in _expand(name, first)]
    ordered = sorted({tier for tier in named if tier != first}, key=lambda tier: tier.resolution)
    if ordered != named:
        used = f"used as `fill={','.join(tier.name for tier in ordered)}`" if ordered else "ignored"
        log.warning(
            "`fill=%s` after `collection=%s` is %s: collections fill gaps by pixel size, the "
            "finest first, each once.",
            ",".join(names),
            first.name,
            used,
        )
    if ordered and ordered[0].resolution < first.resolution:
        log.warning(
            "`collection=%s` comes before the finer %s of `fill`, which is read only where %s has "
            "no data. Give `collection=%s` to prefer it.",
            first.name,
            ordered[0].name,
            first.name,
            ordered[0].name,
        )
    return tuple(ordered)


def find_coarser(tiers: Sequence[Collection], via: Via) -> list[Collection]:
    """Return the collections that can have data where tiers have none, the finest first."""
    reach = max(tier.resolution for tier in tiers)
    coarser = (tier for tier in COLLECTIONS.values() if tier.resolution > reach)
    return [tier for tier in coarser if tier.in_wcs or via is not Via.WCS]


def _expand(name: str, first: Collection) -> list[Collection]:
    return find_coarser([first], Via.AUTO) if name == ALL else [get_collection(name)]
