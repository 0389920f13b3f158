"""The results as Markdown: the page of the documentation, and the README's table."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence

from benchmarks.links import LINKS
from benchmarks.probe import Probe
from benchmarks.results import BEFORE, EQUAL, Results, Run
from benchmarks.targets import targets_table

_FAR, _CODEC = "60ms-12MB/s-per-connection", "lzw"  # of the README's table
_README_READERS = {
    "floor": "bytes alone, by curl",
    "hrdem": "**hrdem**",
    "async-geotiff": "async-geotiff",
    "rasterio-threads": "rasterio, 8 handles",
    "gdal_translate": "gdal_translate",
}

_NOTES = """\
Each run is a process of its own that starts cold, and writes one window as a local GeoTIFF whose
pixels are compared with the store's file. The window is not aligned to tiles. Readers take turns; a
figure is the median of the rounds with correct pixels.

- **wall**: seconds from start to end of the process, with the start of the interpreter.
- **CPU**: user and system seconds of the process and of all that it started.
- **MB**: resident memory of its largest process at the peak.
- **floor**: an interpreter that becomes curl: the exact bytes of the tiles, known beforehand, over
  16 connections, neither decoded nor written.
- Readers and store share the machine. Compare figures within a table, not between two.

hrdem searches a catalogue, checks the file's version with each request, fills its cache, which is
empty at first, and writes provenance; the others get the file's address. `:no_cache=True` and the
like are options of hrdem. All write DEFLATE level 1 with predictor 3 in tiles of 512.
"""

_LINK_NOTES = """\
Two network namespaces, joined by a program that delays the packets and limits their rate
(`benchmarks/link_emulator.py`): Linux's TCP with cubic, segments of 1,500 bytes, a queue of 300 ms.
Measured with curl: the time to connect, MB/s of one connection (24 MB) and of eight (64 MB in all),
both with their slow start, and the share of a core that the emulator used meanwhile.
"""


def write_page(results: Results, remarks: str = "") -> str:
    """Write the page of the documentation.

    Args:
        results: What was measured.
        remarks: Text about these results, empty for none.
    """
    before = results.versions.get(BEFORE)
    note = f" Before: hrdem at commit {before}, run in the same rounds." if before else ""
    return "\n".join(
        [
            "# Benchmarks",
            "",
            _measured(results),
            "The rows of every run are in [benchmarks.json](benchmarks.json); `python -m",
            "benchmarks.publish` writes this page and the README's table from them.",
            "",
            *([remarks, ""] if remarks else []),
            "## Targets",
            "",
            f"Ratios within this benchmark.{note}",
            "",
            *targets_table(results.runs),
            "",
            *_write_cases(results.runs),
            "## Method",
            "",
            _NOTES,
            *(f"    {command}" for command in results.commands),
            "",
            ", ".join(f"{name} {version}" for name, version in results.versions.items()) + ".",
            "",
            "## Links",
            "",
            _LINK_NOTES,
            *_write_probes(results.links),
            "",
        ]
    )


def write_readme_table(results: Results) -> str:
    """Write the README's table: wall and memory on the link with the longest way, LZW."""
    runs = [
        run
        for run in results.runs
        if (run.link, run.codec, run.tls, run.catalog_ms) == (_FAR, _CODEC, False, 0)
    ]
    if not runs:
        raise ValueError(f"The README's table needs {_CODEC.upper()} runs on {_FAR}, without TLS.")
    sizes = sorted({run.size for run in runs})
    head = ("seconds", *(f"{size:,} px" for size in sizes), "MB")
    rows = []
    for reader, name in _README_READERS.items():
        walls = [_median(runs, reader, size, "wall") for size in sizes]
        peak = None if reader == "floor" else _median(runs, reader, sizes[-1], "peak")
        memory = "" if peak is None else f"{peak / 1e6:,.0f}"
        if any(walls):
            rows.append((name, *(_number(wall, 1) for wall in walls), memory))
    table = ["|".join(["", *row, ""]) for row in (head, ["---"] + ["--:"] * (len(head) - 1), *rows)]
    caption = f"Squares of 1 m pixels, 60 ms away; commit {results.commit}, {results.date}"
    return "\n".join([*table, "", f"{caption} ([benchmarks](docs/benchmarks.md))."])


def _measured(results: Results) -> str:
    machine = results.machine
    where = f"{machine['processor']}, {machine['cores']} cores, {machine['memory']}"
    return f"Measured on {results.date} at commit {results.commit}: {where}, {machine['kernel']}."


def _write_cases(runs: Sequence[Run]) -> Iterator[str]:
    """Write a table for each link and file."""
    cases = dict.fromkeys((run.link, run.codec, run.tls, run.catalog_ms) for run in runs)
    for case in cases:
        link, codec, tls, catalog_ms = case
        chosen = [run for run in runs if (run.link, run.codec, run.tls, run.catalog_ms) == case]
        services = [
            *(["TLS"] if tls else []),
            *([f"catalogue {catalog_ms} ms"] if catalog_ms else []),
        ]
        yield f"## {', '.join([link, codec.upper(), *services])}"
        yield ""
        if rtt := LINKS[link][0]:
            yield f"{rtt:.0f} ms round trip; {' '.join(LINKS[link][1])} (MB/s)."
        if catalog_ms:
            yield f"The catalogue takes {catalog_ms} ms for each response; only hrdem needs it."
        if rtt or catalog_ms:
            yield ""
        yield from _write_readers(chosen)
        yield ""
        yield from _write_failures(chosen)


def _write_readers(runs: Sequence[Run]) -> Iterator[str]:
    """Write a row for each reader, the fastest on the largest window first."""
    sizes = sorted({run.size for run in runs})
    head = ["reader"]
    for size in sizes:
        head += [f"{size:,} px: wall", "CPU", "MB"]
    readers = dict.fromkeys(run.reader for run in runs)

    def order(reader: str) -> list[float]:
        return [_median(runs, reader, size, "wall") or float("inf") for size in reversed(sizes)]

    rows = []
    for reader in sorted(readers, key=order):
        row = [reader]
        for size in sizes:
            peak = None if reader == "floor" else _median(runs, reader, size, "peak")
            row.append(_number(_median(runs, reader, size, "wall"), 2))
            row.append(_number(_median(runs, reader, size, "cpu"), 2))
            row.append("" if peak is None else f"{peak / 1e6:.0f}")
        rows.append(row)
    yield from _table(head, rows)


def _write_failures(runs: Iterable[Run]) -> Iterator[str]:
    failed = dict.fromkeys(
        f"{run.reader} at {run.size:,} px: {run.outcome}." for run in runs if run.outcome != EQUAL
    )
    if failed:
        yield " ".join(failed)
        yield ""


def _write_probes(probes: Iterable[Probe]) -> Iterator[str]:
    head = "link", "connect ms", "one MB/s", "eight MB/s", "emulator"
    rows = (
        (
            each.link,
            _number(1e3 * each.connect, 1),
            _number(each.alone, 1),
            _number(each.together, 1),
            f"{each.emulator:.0%}",
        )
        for each in probes
    )
    yield from _table(head, rows)


def _median(runs: Iterable[Run], reader: str, size: int, name: str) -> float | None:
    found = [
        getattr(run, name)
        for run in runs
        if (run.reader, run.size, run.outcome) == (reader, size, EQUAL)
    ]
    return statistics.median(found) if found else None


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|---|{'--:|' * (len(head) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
