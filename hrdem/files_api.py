"""The public functions for finished files; `hrdem.api` has the others."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, Unpack

from hrdem.http.client import HttpClient
from hrdem.http.protocol import Http
from hrdem.http.retry import Retries
from hrdem.jobs.status import OutputStatus, check_sources
from hrdem.jobs.verify import Verification, verify_file
from hrdem.output.record import read_record
from hrdem.request import fields, file_fields
from hrdem.request.endpoints import normalize_stac_url
from hrdem.request.params import StatusParams, VerifyParams
from hrdem.request.protocols import PathLike
from hrdem.request.signature import takes
from hrdem.runtime.gdal_env import pinned_gdal
from hrdem.runtime.progress import OnProgress, ignore_progress

_RETRIES = Retries(attempts=3)


@takes(fields.STATUS)
@pinned_gdal()
def status(
    *outputs: PathLike, http: Http | None = None, **params: Unpack[StatusParams]
) -> list[OutputStatus]:
    """Check whether the sources of outputs are still those that they were made of.

    What each output was made of is in the STAC item beside it, or else in its tags. The
    version of each file is requested, with 16 bytes of it; the items of a WCS's coverage are looked
    up in the catalogue. No pixel is read. Files that came into the catalogue later are
    not noticed here, but by `extract` with ``if_changed``.

    Args:
        *outputs: Paths of GeoTIFFs that `extract` wrote.
        http: `hrdem.Session` to share with other calls; None creates a client for the call.
        **params: ``stac_url``: root of the STAC API that the outputs came from. It has to be given
            if it is not on the public internet: nothing is sent to private networks because a file
            names them.

    Returns:
        The status of each output: ``state`` is ``"unchanged"``, ``"changed"``, ``"unreachable"``,
        or ``"unknown"`` where there is no version to compare.

    Raises:
        RequestError: If a file does not exist, or was not written by `extract`.
    """
    records = [read_record(Path(output)) for output in outputs]
    values: dict[str, Any] = {**params}
    trusted = [normalize_stac_url(values["stac_url"])]
    with contextlib.ExitStack() as stack:
        client = http or stack.enter_context(HttpClient(trusted=trusted, retries=_RETRIES))
        return check_sources(records, client)


@takes(file_fields.VERIFY)
@pinned_gdal()
def verify(
    file: PathLike,
    *,
    http: Http | None = None,
    on_progress: OnProgress = ignore_progress,
    **params: Unpack[VerifyParams],
) -> Verification:
    """Compare a file with the STAC item beside it: size, checksum, grid, statistics.

    Args:
        file: A file that `extract` or another function wrote.
        http: `hrdem.Session` to share with other calls; None creates a client for the call.
        on_progress: Called with a `Progress` whenever a row of blocks is read.
        **params: All other parameters:

            * ``remote``: whether to compare the versions of the sources with those that the
              file was made of, as `hrdem.status` does;
            * ``stac_url``: root of the STAC API that the file came from.

    Returns:
        What was compared, and what differs. What differs is no error.

    Raises:
        RequestError: If there is no such file, or no item that describes it.
        OutputError: If the file cannot be read.
    """
    values: dict[str, Any] = {**params}
    with contextlib.ExitStack() as stack:
        client = None
        if values["remote"]:
            trusted = [normalize_stac_url(values["stac_url"])]
            client = http or stack.enter_context(HttpClient(trusted=trusted, retries=_RETRIES))
        return verify_file(Path(file), client, on_progress)
