"""Extract an area from Python and print what is in it.

    python examples/extract_area.py [--demo]

Without --demo it reads the live service.
"""

from __future__ import annotations

import contextlib
import sys

import hrdem
from hrdem.demo import running

BBOX = (-75.72, 45.40, -75.66, 45.44)


def main(demo: bool) -> None:
    with contextlib.ExitStack() as stack:
        service = {}
        if demo:  # not cached: the demonstration has another address each time
            service = {"stac_url": stack.enter_context(running()).stac, "no_cache": True}

        plan = hrdem.plan(bbox=BBOX, product="dtm", **service)
        estimate = hrdem.estimate(plan, no_cache=demo)
        print(f"{plan.grid.width} x {plan.grid.height} pixels")
        print(f"about {estimate.coverage_percent:.0f} % have data")

        try:
            result = hrdem.extract(
                bbox=BBOX, product="dtm", output="ottawa.tif", overwrite=True, **service
            )
        except hrdem.NoDataError as error:
            sys.exit(f"no data: {error}")

    print(f"{result.output}: mean height {result.statistics.mean:.2f} m above CGVD2013")
    for source, pixels in result.pixels_by_source.items():
        print(f"{pixels} pixels from {source}")


if __name__ == "__main__":
    main("--demo" in sys.argv[1:])
