"""Mosaics that several plans share: each is read once, for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hrdem.geo.grid import Window
from hrdem.planning.mosaic import Mosaic
from hrdem.planning.plan import Plan, Tier
from hrdem.request.products import Collection


@dataclass(frozen=True, slots=True)
class SharedMosaic:
    """A mosaic that is read once.

    Attributes:
        mosaic: The widest of those that its pixels are for.
        uses: What its pixels are for: number of the plan, and index of a mosaic in its tier.
    """

    mosaic: Mosaic
    uses: tuple[tuple[int, int], ...]


def list_shared(plans: Sequence[Plan]) -> list[SharedMosaic]:
    """Return what has to be read for some plans, without what another of them reads anyway."""
    return [
        shared
        for collection in list_collections(plans)
        for shared in share_mosaics([find_tier(plan, collection) for plan in plans])
    ]


def list_collections(plans: Sequence[Plan]) -> list[Collection]:
    """Return the collections that plans of the same area read, in the order of their tiers."""
    read = {tier.collection for plan in plans for tier in plan.tiers}
    return [collection for collection in plans[0].request.tiers if collection in read]


def find_tier(plan: Plan, collection: Collection) -> Tier | None:
    """Return the tier of a collection in a plan; None if the plan reads nothing of it."""
    return next((tier for tier in plan.tiers if tier.collection == collection), None)


def share_mosaics(tiers: Sequence[Tier | None]) -> list[SharedMosaic]:
    """Return what has to be read of one collection.

    Args:
        tiers: The tier of each plan; None for plans that need nothing of the collection.
    """
    uses = sorted(_list_uses(tiers), key=lambda use: -use[2].grid.window.pixels)
    found: list[tuple[Mosaic, list[tuple[int, int]]]] = []
    for plan, index, mosaic in uses:
        for widest, users in found:
            if _covers(widest, mosaic):
                users.append((plan, index))
                break
        else:
            found.append((mosaic, [(plan, index)]))
    return [SharedMosaic(mosaic, tuple(users)) for mosaic, users in found]


def _list_uses(tiers: Sequence[Tier | None]) -> Iterator[tuple[int, int, Mosaic]]:
    for plan, tier in enumerate(tiers):
        for index, mosaic in enumerate(tier.mosaics if tier is not None else ()):
            yield plan, index, mosaic


def _covers(wide: Mosaic, mosaic: Mosaic) -> bool:
    """Whether a mosaic has all pixels of another, from the same levels of the same files.

    It may have further files, which only its border reaches.
    """
    window = wide.grid.locate(mosaic.grid)
    if window is None or wide.grid.window.intersection(window) != window:
        return False
    same_pixels = (wide.dtype, wide.nodata) == (mosaic.dtype, mosaic.nodata)
    return same_pixels and _list_files(wide, window) == _list_files(mosaic, mosaic.grid.window)


def _list_files(mosaic: Mosaic, window: Window) -> list[tuple[str, str, int]]:
    """List the files that have pixels in a window of a mosaic."""
    within = (each for each in mosaic.sources if each.dst_window.intersection(window) is not None)
    return [(each.url, each.asset, each.level) for each in within]
