"""Write a VRT that refers to the COGs of a plan instead of a copy of their pixels."""

from __future__ import annotations

import contextlib
import json
import time

from hrdem.errors import OutputError
from hrdem.http.run_context import RunContext
from hrdem.output.plan_writer import OutputOptions
from hrdem.output.provenance import get_stac_path, make_stac_item
from hrdem.output.publish import StoredFile, publish_described
from hrdem.output.remote_vrt import encode_remote_vrt, estimate_statistics
from hrdem.output.result import Result
from hrdem.planning.plan import Plan
from hrdem.runtime.atomic import staged_file


def link_sources(
    plan: Plan, context: RunContext, options: OutputOptions, fingerprint: str, started: float
) -> Result:
    """Write the VRT of a plan, and the STAC item beside it.

    Args:
        plan: Plan of one mosaic of COGs that is not resampled.
        context: Client; only overviews are read, for statistics.
        options: Where it is written, and for which programs.
        fingerprint: From `hrdem.planning.fingerprint.fingerprint_plan`.
        started: Time of `time.monotonic` at which the run began.

    Returns:
        The result, without statistics: those in the VRT are estimates.

    Raises:
        NetworkError: If an overview cannot be read.
        SourceChangedError: If a file changed since the plan was made.
        OutputError: If the VRT cannot be written.
    """
    statistics = estimate_statistics(plan, context.http)
    content = encode_remote_vrt(plan, options.layout, statistics)
    result = Result(
        output=options.output,
        plan=plan,
        statistics=None,
        pixels_by_source=None,
        seams=(),
        shift_grid=None,
        infinite_pixels=0,
        gap_counts=(),
        received_bytes=0,
        seconds=time.monotonic() - started,
    )
    path = get_stac_path(options.output)
    try:
        with contextlib.ExitStack() as stack:
            finished = stack.enter_context(staged_file(options.output, content))
            run = {"encoding": options.encoding_as_dict(), "memory": context.memory_as_dict()}
            item = make_stac_item(result, StoredFile.of(finished), fingerprint, run)
            text = json.dumps(item, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
            described = stack.enter_context(staged_file(path, text))
            publish_described(
                finished, options.output, path, described, overwrite=options.overwrite
            )
    except OutputError:
        raise
    except OSError as exc:
        raise OutputError(f"{options.output} cannot be written: {exc}.") from exc
    return result
