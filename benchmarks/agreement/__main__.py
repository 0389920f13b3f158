"""Compare random requests with an independent pipeline of GDAL's command-line tools."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path

import benchmarks.agreement
from benchmarks.agreement.cases import make_case
from benchmarks.agreement.expected import Verdict
from benchmarks.agreement.gdal_pipeline import Store
from benchmarks.agreement.judge import compare
from hrdem.demo import running


def main() -> None:
    """Compare random requests and list the differences."""
    parser = argparse.ArgumentParser(
        description=benchmarks.agreement.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--requests", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="number of one request to repeat")
    chosen = parser.parse_args()
    kinds: Counter[str] = Counter()
    wrong = 0
    with tempfile.TemporaryDirectory() as name, running() as addresses:
        services = ["--stac-url", addresses.stac, "--wcs-url", addresses.wcs]
        folder = Path(name)
        store = Store(addresses.stac, folder)
        for number in range(chosen.requests):
            case = make_case(random.Random(f"{chosen.seed}-{number}"), folder)
            if chosen.only not in (None, number):
                continue
            try:
                verdict = compare(case, store, services, folder)
            except Exception:  # noqa: BLE001 (one request must not end the others)
                verdict = Verdict(findings=[traceback.format_exc(limit=-3)])
            kinds["valid" if verdict.valid else "without data"] += 1
            wrong += bool(verdict.findings)
            print(
                f"{number:3d} {verdict.pixels:8d} px {verdict.valid:8d} valid",
                f"{verdict.edge:4d} edge {verdict.largest:9.3g}",
                " ".join(part[:90] for part in case.options),
                flush=True,
            )
            for finding in verdict.findings:
                print("      !", finding, flush=True)
    print(f"{chosen.requests} requests, {wrong} with differences; {dict(kinds)}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
