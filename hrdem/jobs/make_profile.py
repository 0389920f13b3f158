"""Make the profile of a product along a line: place stations, sample them, measure the slope."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hrdem.errors import RequestError
from hrdem.http.run_context import RunSettings
from hrdem.jobs.sample_points import SampleOptions, sample_points
from hrdem.output.paths import FileKind, check_no_input, check_output
from hrdem.points.line import Array, Line, measure_slope, place_stations
from hrdem.points.samples import Samples
from hrdem.points.table import PointTable
from hrdem.points.write_points import Added, publish_rows
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.options import Language
from hrdem.request.request import Request
from hrdem.runtime.atomic import write_file_atomically

KINDS = {".csv": None, ".gpkg": FileKind.GEOPACKAGE, ".png": FileKind.PNG}


@dataclass(frozen=True, slots=True)
class Profile:
    """A product along a line.

    Attributes:
        distance: Distance of each station from the start on the ground, metres, shape (n,).
        table: The stations, as points with their distance.
        samples: Values and sources at the stations.
        slope: Slope along the line at each station, percent, positive uphill; NaN where there is
            none. None if the product is not a height.
        output: Path of the file; None if none was written.
    """

    distance: Array
    table: PointTable
    samples: Samples
    slope: Array | None
    output: Path | None

    @property
    def values(self) -> Array:
        """Values at the stations; NaN where there is no data."""
        return self.samples.values.astype(np.float64)

    def columns(self, part: slice = slice(None)) -> Added:
        """Return the columns beside distance and coordinates, by name.

        Args:
            part: Stations, by their positions.
        """
        columns = self.samples.columns(part)
        if self.slope is not None:
            columns["slope_percent"] = self.slope[part]
        return columns

    def as_dict(self) -> dict[str, Any]:
        """Return counts, statistics and sources as JSON-ready values, without the stations."""
        described = self.samples.as_dict()
        described["output"] = None if self.output is None else str(self.output)
        return {**described, "length": float(self.distance[-1])}


def check_profile_output(output: Path, overwrite: bool, line: object = None) -> None:
    """Check that a profile can be written, before any work.

    Args:
        output: Path of the file.
        overwrite: Whether an existing file may be replaced.
        line: What the line is read from; if it is a path, it may not be replaced.

    Raises:
        RequestError: If the name does not end in ``.csv``, ``.gpkg`` or ``.png``, or is that of
            the line.
        MissingLibraryError: If it is a plot, and matplotlib is not installed.
        OutputError: If it exists and may not be replaced, or cannot be written.
    """
    suffix = output.suffix.lower()
    if suffix not in KINDS:
        raise RequestError(
            f"{output.name} is not the name of a CSV file, a GeoPackage or a PNG. Give an `output` "
            "that ends in .csv, .gpkg or .png."
        )
    check_output(output, overwrite, KINDS[suffix])
    check_no_input([output], [line])
    if suffix == ".png":
        from hrdem.pictures.draw_map import import_matplotlib  # noqa: PLC0415 (slow to import)

        import_matplotlib()


def make_profile(
    line: Line,
    spacing: float,
    make_request: Callable[[Aoi], Request],
    settings: RunSettings,
    options: SampleOptions,
    language: Language,
) -> Profile:
    """Make a profile, and write it.

    Args:
        line: The line.
        spacing: Distance between stations, metres on the ground.
        make_request: Makes the request of an area.
        settings: Client, cache, limits and progress callback.
        options: How, and where to: ``.csv``, ``.gpkg`` or ``.png``.
        language: Language of the words in a plot.

    Raises:
        HrdemError: As `place_stations` and `sample_points` do.
    """
    output = options.output
    if output is not None:
        check_profile_output(output, options.overwrite)
    stations = place_stations(line, spacing, allow_inaccurate_datum=options.allow_inaccurate_datum)
    table = stations.as_table(line)
    samples = sample_points(table, make_request, settings, replace(options, output=None))
    slope = None
    if samples.plan.request.product.is_height:
        slope = measure_slope(stations.distance, samples.values.astype(np.float64))
    profile = Profile(stations.distance, table, samples, slope, output)
    if output is not None and output.suffix.lower() == ".png":
        from hrdem.pictures.profile_plot import (  # noqa: PLC0415 (slow to import)
            METRES,
            Quantity,
            draw_profile,
        )

        request = samples.plan.request
        unit = {"metre": METRES, "degree": "°", "percent": "%"}.get(request.unit, request.unit)
        datum = request.vertical_datum.value if request.product.is_height else ""
        quantity = Quantity(request.product, datum, unit)
        picture = draw_profile(stations.distance, profile.values, line.label, quantity, language)
        write_file_atomically(output, picture, options.overwrite)
    elif output is not None:
        publish_rows(table, profile.columns, output, overwrite=options.overwrite)
    return profile
