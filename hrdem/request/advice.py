"""Advice for requests that fail or leave gaps: it names only what can still help."""

from __future__ import annotations

from hrdem.request.fill import find_coarser
from hrdem.request.options import Align
from hrdem.request.request import Request

_WHOLE = "30m covers all of Canada"


def suggest_fill(request: Request) -> str:
    """Suggest the collections that may fill gaps, in a sentence; empty if none would."""
    more = ",".join(tier.name for tier in find_coarser(request.tiers, request.via))
    if not more:
        return ""
    if request.fill:
        return f"Add {more} to `fill`: {_WHOLE}."
    without = "without `align=blocks` " if request.align is Align.BLOCKS else ""
    return f"`fill={more}` {without}fills from coarser collections; {_WHOLE}."


def suggest_collection(request: Request) -> str:
    """Suggest other collections for an area that has no data; empty if none would help."""
    more = [f"`collection={tier.name}`" for tier in find_coarser(request.tiers, request.via)]
    return f"Try {' or '.join(more)}: {_WHOLE}." if more else ""


def suggest_larger_pixels(request: Request) -> str:
    """Name what makes the pixels of the output larger, to be put after "or"."""
    if request.like is not None and request.origin is not None:
        return "a coarser `resolution` and a smaller `size`"
    if request.like is not None:
        return "a raster of larger pixels as `like`"
    without = " without `align=blocks`" if request.align is Align.BLOCKS else ""
    return f"a coarser `resolution`{without}"
