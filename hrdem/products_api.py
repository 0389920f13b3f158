"""The public function for several products; `hrdem.api` has those for one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from hrdem.calls import check_run, make_options, write_companions
from hrdem.errors import RequestError
from hrdem.http.protocol import Http
from hrdem.http.run_context import RunSettings
from hrdem.jobs.extract import extract_products as extract_to_files
from hrdem.output.result import Result
from hrdem.request import fields
from hrdem.request.options import Format
from hrdem.request.output_names import (
    EXTRACT_PRODUCTS,
    is_pattern,
    name_outputs,
    split_products,
)
from hrdem.request.params import ExtractProductsParams
from hrdem.request.request import Request
from hrdem.request.signature import select, takes
from hrdem.runtime.gdal_env import pinned_gdal
from hrdem.runtime.progress import OnProgress, ignore_progress


@takes(EXTRACT_PRODUCTS)
@pinned_gdal()
def extract_products(
    *,
    http: Http | None = None,
    on_progress: OnProgress = ignore_progress,
    **params: Unpack[ExtractProductsParams],
) -> list[Result]:
    """Extract several products of an area, a GeoTIFF each; all are written, or none.

    A tile that several products need is read and merged once. Each file has bit for bit the
    pixels, tags and statistics of the one that `hrdem.extract` writes.

    Args:
        http: `hrdem.Session` to share with other calls; None creates a client for the call.
        on_progress: Called with a `Progress` whenever a block is read or written.
        **params: See `hrdem.extract`. Different:

            * ``product``: names of products, as ``"dtm,dtm-slope,chm"`` or a list;
            * ``output``: folder, which gets ``dtm.tif`` and so on and is created if needed; or path
              with ``{product}``, such as ``"ottawa-{product}.tif"``;
            * ``format``: not a VRT;
            * ``if_changed``: outputs that would be made again as they are stay; others are made.

    Returns:
        The result of each product, in their order. All count the bytes of the whole run.

    Raises:
        HrdemError: As `hrdem.extract` does. Nothing is written if one of the products fails.
    """
    values: dict[str, Any] = {**params}
    names = split_products(values["product"])
    paths = name_outputs(values["output"], names)
    if Format(values["format"]).is_vrt:
        raise RequestError(
            "A VRT links to one product, and several were requested. Leave `format` out, or give "
            "one `product`."
        )
    first = Request.of(**select(values, fields.REQUEST) | {"product": names[0]})
    requests = [first, *map(first.of_product, names[1:])]
    options = [make_options(values, *each) for each in zip(requests, paths, strict=True)]
    with _folder(paths, is_requested=not is_pattern(values["output"])):
        for request, chosen in zip(requests, options, strict=True):
            check_run(values, request, chosen)
        settings = RunSettings.of(values, http, on_progress).recalling()
        with settings.open() as context:
            results = extract_to_files(requests, context, options)
            received, cached = context.split_bytes(results[0].received_bytes)
        return [
            write_companions(
                values,
                request,
                chosen,
                done
                if done.unchanged
                else replace(done, received_bytes=received, cached_bytes=cached),
            )
            for request, chosen, done in zip(requests, options, results, strict=True)
        ]


@contextlib.contextmanager
def _folder(paths: Sequence[Path], *, is_requested: bool) -> Iterator[None]:
    """Create the folder of outputs, if it was requested; remove it if nothing is written."""
    folder = paths[0].parent
    if not is_requested or folder.exists():
        yield
        return
    with contextlib.suppress(OSError):  # reported when the outputs are checked
        folder.mkdir()
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            folder.rmdir()
        raise
