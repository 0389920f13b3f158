"""The public function that makes an output again; `hrdem.api` has those that make new ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack
from urllib.parse import urlsplit

from hrdem.calls import check_run, make_options, open_context
from hrdem.errors import RequestError
from hrdem.http.protocol import Http
from hrdem.jobs.rerun import Rerun
from hrdem.jobs.rerun import rerun as rerun_to_file
from hrdem.output.recorded_run import RecordedRun, read_run
from hrdem.output.remote_vrt import check_linkable
from hrdem.request.endpoints import LIVE_STAC_URL, default_wcs_url, normalize_stac_url
from hrdem.request.file_fields import RERUN
from hrdem.request.params import RerunParams
from hrdem.request.protocols import PathLike
from hrdem.request.request_document import decode_request
from hrdem.request.signature import takes
from hrdem.runtime.gdal_env import pinned_gdal
from hrdem.runtime.progress import OnProgress, ignore_progress


@takes(RERUN)
@pinned_gdal()
def rerun(
    item: PathLike,
    *,
    http: Http | None = None,
    on_progress: OnProgress = ignore_progress,
    **params: Unpack[RerunParams],
) -> Rerun:
    """Make an output again from the STAC item that `extract` wrote beside it.

    The item holds the request: outline and CRS of the area, parameters, encoding; no file that the
    area came from is read again. Of the same sources, and by the same versions of hrdem, GDAL and
    PROJ, the output has the same bytes; ``identical`` of the result tells.

        >>> hrdem.rerun("ottawa.stac.json", output="again.tif").identical  # doctest: +SKIP
        True
        >>> hrdem.rerun("ottawa.stac.json", newest=True, overwrite=True)  # doctest: +SKIP

    Args:
        item: Path of the item, or of the output beside it.
        http: `hrdem.Session` to share with other calls; None creates a client for the call.
        on_progress: Called with a `Progress` whenever a block is read or written.
        **params: See `hrdem.extract` for ``overwrite``, ``if_changed``, limits and the cache's.
            Different or further:

            * ``output``: path of the output; None for the one that the item describes;
            * ``newest``: whether sources are taken as they are now. Otherwise a source that was
              republished, added or removed is an error;
            * ``max_memory``: None for that of the run that made the output, divided in the same
              way, which orders the tiles of wide rasters;
            * ``vertical_grid``: file of the shifts between vertical datums, if the output was made
              with one that is not the published;
            * ``stac_url``: root of the STAC API that the output came from, if it is not NRCan's:
              nothing is sent to other addresses because a file names them. A copy of the catalogue
              elsewhere may be given too;
            * ``wcs_url``: address of its WCS, if that is on another host.

    Returns:
        The result of the extraction, whether it is identical, and what changed.

    Raises:
        RequestError: If the item is not one of `extract`, or does not hold the request.
        SourceChangedError: If a source is not the one that the item names, without ``newest``.
        HrdemError: As `hrdem.extract` does.
    """
    values: dict[str, Any] = {**params}
    run = read_run(Path(item))
    services = _choose_services(run, values)
    grid = values["vertical_grid"]
    request = decode_request(run.request, **services, vertical_grid=grid and str(grid))
    is_limited = values["max_memory"] is not None
    values["max_memory"] = values["max_memory"] if is_limited else run.memory["max_memory"]
    values |= {**run.encoding, "aoi": None, "qml": False, "quicklook": False}
    output = run.output if values["output"] is None else Path(values["output"])
    options = make_options(values, request, output)
    if options.layout.is_vrt:
        check_linkable(request, options)
    check_run(values, request, options)
    moved = services["stac_url"] != run.stac_url
    with open_context(values, http, on_progress) as opened:
        context = opened if is_limited else opened.with_memory(run.memory)
        done = rerun_to_file(run, request, context, options, newest=values["newest"], moved=moved)
        received, cached = context.split_bytes(done.result.received_bytes)
        result = replace(done.result, received_bytes=received, cached_bytes=cached)
    return replace(done, result=result)


def _choose_services(run: RecordedRun, values: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the addresses of the catalogue and the WCS: given ones, or recorded ones of NRCan.

    A file that came from elsewhere must not decide where requests are sent.
    """
    if values["stac_url"] is None and run.stac_url != LIVE_STAC_URL:
        raise RequestError(
            f"{run.item} came from the catalogue {run.stac_url}, which is not NRCan's. Give "
            "its address as `stac_url`: nothing is sent there because a file names it."
        )
    stac_url = normalize_stac_url(values["stac_url"] or LIVE_STAC_URL)
    wcs_url = values["wcs_url"]
    if wcs_url is None and run.wcs_url is not None:
        if stac_url != run.stac_url:
            wcs_url = default_wcs_url(stac_url)
        elif _get_host(run.wcs_url) == _get_host(stac_url):
            wcs_url = run.wcs_url
        else:
            raise RequestError(
                f"{run.item} names the WCS {run.wcs_url}, which is on another host than "
                "its catalogue. Give its address as `wcs_url`."
            )
    return {"stac_url": stac_url, "wcs_url": wcs_url}


def _get_host(url: str) -> str | None:
    return urlsplit(url).hostname
