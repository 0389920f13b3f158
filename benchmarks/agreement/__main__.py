"""Compare random requests with an independent pipeline of GDAL's command-line tools."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import traceback
from pathlib import Path

import benchmarks.agreement
from benchmarks.agreement.cases import PLACES, SEAMS, make_case
from benchmarks.agreement.expected import Verdict
from benchmarks.agreement.gdal_pipeline import Store
from benchmarks.agreement.judge import compare
from benchmarks.agreement.points import compare_points
from benchmarks.agreement.variations import vary
from hrdem.demo import running

POINTS_EVERY = 7  # requests; the others are for rasters
SEAM_EVERY = 3


def main() -> None:
    """Compare random requests and list the differences."""
    parser = argparse.ArgumentParser(
        description=benchmarks.agreement.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--requests", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, nargs="*", help="numbers of requests to repeat")
    chosen = parser.parse_args()
    verdicts: list[Verdict] = []
    wrong = 0
    with tempfile.TemporaryDirectory() as name, running() as addresses:
        services = ["--stac-url", addresses.stac, "--wcs-url", addresses.wcs]
        folder = Path(name)
        store = Store(addresses.stac, folder)
        for number in range(chosen.requests):
            if chosen.only and number not in chosen.only:
                continue
            chance = random.Random(f"{chosen.seed}-{number}")
            options: list[str] = []
            try:
                if number % POINTS_EVERY == POINTS_EVERY - 1:
                    options, verdict = compare_points(chance, store, services, folder)
                    found = [verdict]
                else:
                    case = make_case(chance, folder, PLACES if number % SEAM_EVERY else SEAMS)
                    options = case.options
                    vary(case, chance)
                    found = compare(case, store, services, folder)
            except Exception:  # noqa: BLE001 (one request must not end the others)
                found = [Verdict("failed", findings=[traceback.format_exc(limit=-3)])]
            verdicts += found
            wrong += any(verdict.findings for verdict in found)
            print(f"{number:3d}", " ".join(part[:90] for part in options))
            for verdict in found:
                print(
                    f"    {verdict.pixels:8d} px {verdict.valid:8d} valid {verdict.edge:4d} edge",
                    f"{verdict.blended:7d} blended {verdict.largest:9.3g} {verdict.product}",
                )
                for finding in verdict.findings:
                    print("      !", finding)
            sys.stdout.flush()
    print(*summarize(verdicts), sep="\n")
    print(f"{len(chosen.only or range(chosen.requests))} requests, {wrong} with differences")
    sys.exit(bool(wrong))


def summarize(verdicts: list[Verdict]) -> list[str]:
    """Return a table with a row for each kind of product."""
    lines = [
        "| output | number | with data | equal bit for bit | largest difference |",
        "|---|--:|--:|--:|--:|",
    ]
    kinds: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        kinds.setdefault(verdict.product.replace("dsm", "dtm"), []).append(verdict)
    for kind, found in sorted(kinds.items()):
        valid = [each for each in found if each.valid]
        equal = sum(not each.largest for each in valid)
        largest = max((each.largest for each in valid), default=0)
        lines.append(f"| {kind} | {len(found)} | {len(valid)} | {equal} | {largest:.2g} |")
    pixels, valid_pixels, edge, blended = (
        sum(getattr(each, name) for each in verdicts)
        for name in ("pixels", "valid", "edge", "blended")
    )
    lines.append(
        f"{pixels:,} pixels, {valid_pixels:,} of them valid, {edge:,} near an outline, "
        f"{blended:,} blended in {sum(each.blended > 0 for each in verdicts)} outputs"
    )
    return lines


if __name__ == "__main__":
    main()
