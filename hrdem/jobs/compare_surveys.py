"""Compare two lidar surveys in an area: both are extracted, and the second minus the first."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hrdem.errors import RequestError
from hrdem.http.run_context import RunContext
from hrdem.jobs.compare import RasterComparison, compare
from hrdem.jobs.extract import extract
from hrdem.output.paths import make_file_name
from hrdem.output.plan_writer import OutputOptions
from hrdem.output.provenance import check_raster_output
from hrdem.request.protocols import PathLike
from hrdem.request.request import Request


def compare_surveys(
    a: PathLike,
    b: PathLike,
    params: Mapping[str, Any],
    output: Path | None,
    context: RunContext,
    *,
    overwrite: bool,
) -> RasterComparison:
    """Subtract a survey from another where both have a height.

    Both are extracted into the system's folder for temporary files, with the source's own pixels.

    Args:
        a: Name of the survey that is subtracted.
        b: Name of the other survey.
        params: Parameters of the requests without the names.
        output: GeoTIFF to write, float32; None for statistics alone.
        context: Client, cache folder, limits and progress callback.
        overwrite: Whether an existing output may be replaced.

    Raises:
        RequestError: If one is a file, both are one survey, or their download would exceed its
            limit together.
        HrdemError: As `hrdem.jobs.extract.extract` and `hrdem.jobs.compare.compare` do.
    """
    names = [os.fspath(each) for each in (a, b)]
    # os.path.isfile takes names that are too long for Path
    if file := next(filter(os.path.isfile, names), None):
        raise RequestError(
            f"{file} is a file, and an area is for surveys by name. Leave the area out to compare "
            "two files."
        )
    if names[0] == names[1]:
        raise RequestError(f"Both are the survey {names[0]}. Give the names of two.")
    if output is not None:
        check_raster_output(output, overwrite)
    requests = [Request.of(**params, project=name) for name in names]
    with tempfile.TemporaryDirectory(prefix="hrdem-") as folder:
        first, second = (Path(folder, make_file_name(name, ".tif")) for name in names)
        for request, path in zip(requests, (first, second), strict=True):
            done = extract(request, context, OutputOptions(path))
            context = context.after(done.received_bytes)
        return compare(first, second, output, context.on_progress, overwrite=overwrite)
