"""Estimates: what an extraction reads and writes, before it is started."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import hrdem
from hrdem.app.equivalents import to_parameters
from hrdem.app.settings import Services

BYTES_PER_SECOND = 12_000_000  # of a usual connection: 100 Mbit/s
SECONDS_TO_START = 1.0

_messages: ContextVar[list[str] | None] = ContextVar("messages", default=None)


def estimate(
    request: Mapping[str, Any],
    area_file: Path | None,
    session: hrdem.Session,
    services: Services,
) -> dict[str, Any]:
    """Estimate what an extraction reads and writes.

    Args:
        request: The checked request.
        area_file: File of an uploaded area; None for other areas.
        session: Session to read with.
        services: Services to read.

    Returns:
        Sums over the products; coverage and grid are those of the first.

    Raises:
        HrdemError: If the request is invalid, there is no data, or a service fails.
    """
    parameters = to_parameters(request, None if area_file is None else str(area_file))
    for name in ("output", "format"):
        parameters.pop(name, None)
    groups = _group_by_sources(request["products"])
    with _collect_warnings() as warnings:
        plans = [
            hrdem.plan(http=session, **(parameters | {"product": group[0]}), **services.reading)
            for group in groups
        ]
        estimates = [hrdem.estimate(plan, http=session, **services.cache) for plan in plans]
    plan = plans[0]
    transfer, cached = _add_up(plans, estimates)
    return {
        "label": plan.request.aoi.label,
        "transfer_bytes": transfer,
        "cached_bytes": cached,
        "output_bytes": sum(
            len(group) * each.output_bytes for group, each in zip(groups, estimates, strict=True)
        ),
        "seconds": None
        if transfer is None
        else SECONDS_TO_START + (transfer - (cached or 0)) / BYTES_PER_SECOND,
        "width": plan.grid.width,
        "height": plan.grid.height,
        "crs": plan.grid.crs,
        "resolution": [*plan.grid.resolution],
        "coverage": _describe_coverage(request, plan, estimates[0]),
        "total_percent": estimates[0].coverage_percent,
        "warnings": [*dict.fromkeys([*warnings, *plan.tiers_without_data.values()])],
    }


def _group_by_sources(products: Sequence[str]) -> list[list[str]]:
    """Group products that read the same files and have pixels of the same size.

    The first of a group needs the most pixels around the area.
    """
    known = {product.name: product for product in hrdem.products()}
    groups: dict[tuple[object, ...], list[str]] = {}
    for name in products:
        key = known[name].surfaces, known[name].computed_dtype
        groups.setdefault(key, []).append(name)
    return [
        sorted(group, key=lambda name: known[name].border, reverse=True)
        for group in groups.values()
    ]


def _describe_coverage(
    request: Mapping[str, Any], plan: hrdem.Plan, estimate: hrdem.Estimate
) -> list[dict[str, Any]]:
    """Return the share of each collection where those before it have no data."""
    collections = {source.name: source.collection.name for source in plan.sources}
    shares = dict.fromkeys((request["collection"], *request["fill"]), 0.0)
    for name, percent in estimate.coverage_percent_by_item.items():
        shares[collections[name]] = min(shares[collections[name]] + percent, 100.0)
    return [{"collection": name, "percent": percent} for name, percent in shares.items()]


def _add_up(
    plans: Sequence[hrdem.Plan], estimates: Sequence[hrdem.Estimate]
) -> tuple[int | None, int | None]:
    """Return the bytes to transfer, and those of them that are cached; None if unknown.

    Products that read the same files share their tiles: one whose files another one reads too does
    not count.
    """
    files = [frozenset(source.url for source in plan.sources) for plan in plans]
    counted = [
        each
        for number, each in enumerate(estimates)
        if not any(
            files[number] < other or (files[number] == other and place < number)
            for place, other in enumerate(files)
        )
    ]
    if any(each.transfer_bytes is None for each in counted):
        return None, None
    return (
        sum(each.transfer_bytes or 0 for each in counted),
        sum(each.cached_bytes or 0 for each in counted),
    )


class _Collector(logging.Handler):
    """Collects the warnings of the call that runs in this thread."""

    def emit(self, record: logging.LogRecord) -> None:
        messages = _messages.get()
        if messages is not None:
            messages.append(record.getMessage())


_collector = _Collector(logging.WARNING)


@contextmanager
def _collect_warnings() -> Iterator[list[str]]:
    """Yield a list that gets the warnings of hrdem in this thread."""
    logging.getLogger("hrdem").addHandler(_collector)  # once: again does nothing
    messages: list[str] = []
    token = _messages.set(messages)
    try:
        yield messages
    finally:
        _messages.reset(token)
