"""The tables of docs/scale.md: what was measured, and the model of larger jobs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hrdem.planning.cost import OUTPUT_RATIO
from hrdem.tiling.job import JobCost

ROOT = Path(__file__).parents[1]
RESULTS = Path("docs/scale.json")
PAGE = Path("docs/scale.md")
RATES = (10, 60, 200)  # MB/s of all connections together
WORKERS = (2, 8, 32)
AREAS = {"quebec": "Quebec at 2 m, COG", "canada": "Canada at 10 m, COG"}


@dataclass(frozen=True, slots=True)
class Part:
    """What one part of the benchmark has measured.

    Attributes:
        commit: Commit of the code.
        load: Processes that ran or waited on the machine, mean of the minute before.
        figures: Figures by name; bytes, seconds and numbers.
    """

    commit: str
    load: float
    figures: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Target:
    """A figure and its limit.

    Attributes:
        what: Name of the figure.
        limit: At most this, or at least, if it is an efficiency.
        measured: The figure.
        text: How a value is written.
        at_least: Whether the limit is the least.
    """

    what: str
    limit: float
    measured: float
    text: Callable[[float], str]
    at_least: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the figure is within its limit."""
        if self.at_least:
            return self.measured >= self.limit
        return self.measured <= self.limit


def read_parts(path: Path) -> dict[str, Part]:
    """Read the parts that were measured."""
    found = json.loads(path.read_text("utf-8"))["parts"]
    return {name: Part(**part) for name, part in found.items()}


def collect_figures(parts: Mapping[str, Part]) -> dict[str, float]:
    """Return the figures of all parts by name."""
    return {name: value for part in parts.values() for name, value in part.figures.items()}


def list_targets(parts: Mapping[str, Part]) -> Iterator[Target]:
    """Yield each figure with the limit that it is to keep."""
    got = collect_figures(parts)
    read = [value for name, value in got.items() if name.endswith("read_over_foreseen")]
    efficiencies = [value for name, value in got.items() if name.endswith("_efficiency")]
    scheduling = got["dask_driver_seconds"] + got["dask_scheduler_seconds"]
    yield Target("Quebec at 2 m, plan and freeze", 30, got["seconds"], seconds)
    yield Target("- peak memory", 400e6, got["peak_bytes"], megabytes)
    yield Target("- requests beside tile indexes", 50, got["requests"], number)
    yield Target("bytes read against bytes estimated", 0.01, max(abs(r - 1) for r in read), percent)
    yield Target("scheduling of a tile on Dask, CPU", 0.003, scheduling, milliseconds)
    yield Target(
        f"- memory of the driver, after {number(got['dask_tiles'])} tiles",
        100e6,
        got["dask_driver_growth_bytes"],
        megabytes,
    )
    yield Target("overhead of a native tile, CPU", 0.3, got["gtiff_seconds_a_tile"], seconds)
    yield Target("overhead of an empty tile, CPU", 0.1, got["empty_tile_seconds"], milliseconds)
    yield Target("CPU of a pixel, GeoTIFF", 50, got["gtiff_ns_a_pixel"], nanoseconds)
    yield Target("CPU of a pixel, COG", 130, got["cog_ns_a_pixel"], nanoseconds)
    yield Target("bytes read over unique bytes, 50 km", 1.05, got["2m_50km_over_unique"], ratio)
    yield Target("- 10 km, a cache on one host", 1.1, got["shared_read_over_unique"], ratio)
    yield Target(
        "read again after kill -9 of the driver", 0.05, got["refetched_after_driver"], percent
    )
    yield Target("- of a worker", 0.05, got["refetched_after_worker"], percent)
    yield Target("peak memory of a worker, COG", 300e6, got["cog_peak_bytes"], megabytes)
    yield Target("cache over its limit", 0.1, max(0.0, got["cache_over_limit"] - 1), percent)
    yield Target("efficiency of 1, 2, 4 workers", 0.95, min(efficiencies), ratio, at_least=True)
    yield Target(
        "connections that the store sees", got["connections_allowed"], got["connections"], number
    )


def write_targets(parts: Mapping[str, Part]) -> list[str]:
    """Return the table of what was measured and its limits."""
    rows = ["| what | limit | measured | |", "|---|---|---|---|"]
    for each in list_targets(parts):
        sign = "≥" if each.at_least else "≤"
        verdict = "" if each.is_met else "**missed**"
        rows.append(
            f"| {each.what} | {sign} {each.text(each.limit)} | {each.text(each.measured)} "
            f"| {verdict} |"
        )
    return rows


def write_machine(path: Path) -> list[str]:
    """Return a sentence on the machine, its load and the code."""
    machine = json.loads(path.read_text("utf-8"))["machine"]
    parts = read_parts(path)
    loads = [part.load for part in parts.values()]
    warped = parts["warped"].figures["warped_ns_a_pixel"]
    commits = sorted({part.commit for part in parts.values()})
    where = f"{machine['processor']}, {machine['memory']}, {machine['kernel']}"
    return [
        f"Measured on {machine['cores']} cores ({where}),",
        f"commit {', '.join(commits)}. Store, network and workers share these cores.",
        f"In the minute before, {min(loads):g} to {max(loads):g} processes ran or waited on them.",
        f"A pixel of 10 m, warped from an overview of 4 m, takes {nanoseconds(warped)} of CPU.",
    ]


def write_ratios(parts: Mapping[str, Part]) -> list[str]:
    """Return the table of bytes read over unique ones, by edge of a tile."""
    found = parts["schemes"].figures
    edges = sorted({int(re.findall(r"_(\d+)km", name)[0]) for name in found}, reverse=True)
    rows = ["| tiles | 1 m | 2 m |", "|---|---|---|"]
    for edge in edges:
        cells = (ratio(found[f"{collection}_{edge}km_over_unique"]) for collection in ("1m", "2m"))
        rows.append(f"| {edge} km | {' | '.join(cells)} |")
    return rows


def read_cost(parts: Mapping[str, Part], area: str) -> JobCost:
    """Return the cost of a job as it was frozen, with the processor time that was measured."""
    got = collect_figures(parts)
    names = JobCost.__dataclass_fields__
    cost = JobCost(**{name: got[f"{area}_{name}"] for name in names})  # type: ignore[arg-type]
    pixels = cost.output_bytes / np.dtype(np.float32).itemsize / OUTPUT_RATIO
    overviews = got["cog_ns_a_pixel"] - got["gtiff_ns_a_pixel"]
    of_a_pixel = got["warped_ns_a_pixel" if area == "canada" else "gtiff_ns_a_pixel"] + overviews
    return replace(cost, cpu_hours=pixels * of_a_pixel / 3600e9)


def write_model(parts: Mapping[str, Part]) -> list[str]:
    """Return the table of the hours that large jobs take."""
    heads = "".join(f" {workers} workers |" for workers in WORKERS)
    rows = [
        f"| job | tiles | read | written | CPU | rate |{heads}",
        f"|---|---|---|---|---|---|{'---|' * len(WORKERS)}",
    ]
    for area, title in AREAS.items():
        cost = read_cost(parts, area)
        for position, rate in enumerate(RATES):
            first = (
                f"{title} | {cost.tiles - cost.empty:,} | {terabytes(cost.source_bytes)} "
                f"| {terabytes(cost.output_bytes)} | {cost.cpu_hours:,.0f} h"
            )
            hours = (duration(cost.hours_at(rate * 1e6, workers)) for workers in WORKERS)
            start = " | | | | " if position else first
            rows.append(f"| {start} | {rate} MB/s | {' | '.join(hours)} |")
    return rows


def update_page(text: str, results: Path) -> str:
    """Return the page with its tables written anew, each between two marks."""
    parts = read_parts(results)
    tables = {
        "machine": write_machine(results),
        "targets": write_targets(parts),
        "ratios": write_ratios(parts),
        "model": write_model(parts),
    }
    for name, lines in tables.items():
        start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, found, rest = text.partition(start)
        _, found_end, after = rest.partition(end)
        if not found or not found_end:
            raise ValueError(f"The page has no {start.strip()} with {end}")
        text = before + start + "\n" + "\n".join(lines) + "\n\n" + end + after
    return text


def seconds(value: float) -> str:
    return f"{value:.2g} s" if value < 10 else f"{value:.0f} s"


def milliseconds(value: float) -> str:
    return f"{1e3 * value:.2g} ms" if value < 0.1 else f"{1e3 * value:.0f} ms"


def nanoseconds(value: float) -> str:
    return f"{value:.0f} ns"


def megabytes(value: float) -> str:
    return f"{value / 1e6:,.0f} MB"


def terabytes(value: float) -> str:
    return f"{value / 1e12:.2f} TB"


def number(value: float) -> str:
    return f"{value:,.0f}"


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def ratio(value: float) -> str:
    return f"{value:.2f}"


def duration(hours: float) -> str:
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} d"
