"""From parameters to a job of tiles: the one in the output, or a new plan of the whole."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hrdem.errors import OutputError, OutputExistsError, RequestError
from hrdem.http.client_settings import ClientSettings
from hrdem.http.connections import MAX_CONNECTIONS
from hrdem.http.protocol import Http
from hrdem.http.run_context import RunSettings
from hrdem.output.plan_writer import OutputOptions
from hrdem.processing.memory_budget import check_max_memory
from hrdem.processing.vertical.find_grid import find_shift_grid
from hrdem.request import area_fields, fields, tile_fields
from hrdem.request.aoi.parse import check_combination, parse_aoi
from hrdem.request.options import Compression, Format
from hrdem.request.request import Request
from hrdem.request.signature import complete, select
from hrdem.runtime.progress import ignore_progress
from hrdem.tiling.allowance import check_connections
from hrdem.tiling.features import Feature, is_list_file, read_features
from hrdem.tiling.folder_store import FolderStore
from hrdem.tiling.freeze_job import freeze_job
from hrdem.tiling.job import Job, JobOptions
from hrdem.tiling.job_file import decode_job
from hrdem.tiling.output_store import JOB_NAME, OutputStore, open_store
from hrdem.tiling.schemes import FEATURES, parse_scheme
from hrdem.tiling.tile_job import TileJob
from hrdem.tiling.tile_key import digest_request

DEFAULT_SCHEME = "50km"
_LISTS = ("nts", "point")  # areas that get a file each, whatever their number


def plan_job(values: Mapping[str, Any], http: Http | None) -> TileJob:
    """Plan a job of tiles, or read the one that its output holds; nothing is written.

    Args:
        values: All parameters of `hrdem.tile_job`.
        http: HTTP client, which is left open; None creates one.

    Raises:
        RequestError: If the request is invalid.
        NoDataError: If there is no data in the area.
        NetworkError: If the catalogue or a header cannot be read.
        OutputExistsError: If the output holds a job of another request.
        OutputError: If the output cannot be written.
    """
    check_max_memory(values["max_memory"])
    connections = values["connections"]
    check_connections(connections, many=values["many_connections"])
    options = JobOptions(
        Format(values["format"]),
        Compression(values["compress"]),
        values["predictor"],
        values["overlap"],
        values["overviews"],
    )
    scheme = _choose_scheme(values)
    store = open_store(values["output"])
    check_writable(store)
    request, features = _parse_request(values, scheme)
    OutputOptions(
        Path("tile.tif"),
        options.layout,
        compress=options.compress,
        predictor=options.predictor,
        overviews=options.overviews,
    ).check_encoding(request)
    worker = select(values, tile_fields.WORKER)
    document = store.read(JOB_NAME)
    old = None if document is None else decode_job(document, is_replaced=values["update"])
    if old is not None and not values["update"]:
        if old.request_digest != digest_request(request, scheme, options, features):
            raise _other_job_error(old, store, request, scheme, options)
        return TileJob(old, store, worker, values["max_download"], connections)
    settings = RunSettings(
        ClientSettings(
            values["cache_dir"],
            no_cache=values["no_cache"],
            max_cache=values["max_cache"],
            max_connections=min(connections, MAX_CONNECTIONS),
        ),
        http,
        trusted=(request.stac_url,),
        max_memory=values["max_memory"],
        max_download=None,
        on_progress=ignore_progress,
    )
    with settings.open() as context:
        shift_grid = find_shift_grid(request, context)
        job = freeze_job(request, scheme, options, context.http, features, shift_grid)
    return TileJob(
        job, store, worker, values["max_download"], connections, is_saved=False, replaces=old
    )


def check_writable(store: OutputStore) -> None:
    """Check that a folder can be written, as far as can be told without writing.

    Raises:
        OutputError: If it cannot.
    """
    if not isinstance(store, FolderStore):
        return
    folder = next(each for each in (store.root, *store.root.parents) if each.exists())
    if not folder.is_dir():
        raise OutputError(f"{folder} is a file, and `output` a folder: choose another one.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(
            f"The folder {folder} is not writable; choose another `output`, or change its "
            "permissions."
        )


def _choose_scheme(values: Mapping[str, Any]) -> str:
    """Return the scheme, by default the one that fits to the area.

    Raises:
        RequestError: If it does not fit to the other parameters.
    """
    check_combination({name for name, value in values.items() if value is not None} - _also(values))
    scheme: str | None = values["scheme"]
    lists = [name for name in _LISTS if values[name] is not None]
    if scheme is None:
        scheme = FEATURES if lists or values["name_by"] is not None else DEFAULT_SCHEME
    parse_scheme(scheme)
    scheme = scheme.strip().lower()
    if scheme != FEATURES and values["name_by"] is not None:
        raise RequestError(
            f"`name_by` names the files of features, but those of `scheme={scheme}` have names of "
            "their own. Leave one of them out."
        )
    given = next((name for name in ("bbox", "like") if values[name] is not None), None)
    if given is not None:
        needs = {"scheme=features": scheme == FEATURES, "where": values["where"] is not None}
        for name, is_given in needs.items():
            if is_given:
                raise RequestError(
                    f"`{name}` needs features, but the area was given as `{given}`. Give `aoi`, "
                    f"`nts` or `point`, or leave `{name.partition('=')[0]}` out."
                )
    return scheme


def _also(values: Mapping[str, Any]) -> set[str]:
    """Return the parameters of `aoi` that go with points in a file too."""
    return {"aoi_crs", "layer"} if is_list_file(values["point"]) else set()


def _parse_request(values: Mapping[str, Any], scheme: str) -> tuple[Request, tuple[Feature, ...]]:
    """Return the request of the whole, and the features, if each gets a file."""
    left = [field for field in fields.REQUEST if field.name not in values]
    every = {**values, **complete(left, {"via": "cog"})}
    if every["vertical_grid"] is not None:  # the same file for a run from another folder
        every["vertical_grid"] = Path(every["vertical_grid"]).resolve()
    has_list = any(values[name] is not None for name in _LISTS)
    if scheme != FEATURES and values["where"] is None and not has_list:
        parsed = parse_aoi(**select(values, area_fields.AREA))
        return Request.in_area(parsed, every), ()
    found = read_features(values)
    request = Request.in_area(found.whole, every)
    return request, found.areas if scheme == FEATURES else ()


def _other_job_error(
    job: Job, store: OutputStore, request: Request, scheme: str, options: JobOptions
) -> OutputExistsError:
    """Return the error for a job of another request, which names what differs."""
    theirs = _describe(job.plan.request, job.scheme, job.options)
    ours = _describe(request, scheme, options)
    different = {
        name: f"{name} is {_show(theirs.get(name))}, not {_show(value)}"
        for name, value in ours.items()
        if theirs.get(name) != value
    }
    # what only one of them has follows from the others, as the datum of heights from the product
    shared = [text for name, text in different.items() if None not in (ours[name], theirs[name])]
    found = "; ".join(shared or different.values())
    found = found or (
        "its area has another shape, its tiles have other names, or another version of hrdem "
        "planned it"
    )
    return OutputExistsError(
        f"{store.address} has a job of another request: {found}. Choose another `output`; or give "
        "`update`, which removes the tiles that differ."
    )


def _describe(request: Request, scheme: str, options: JobOptions) -> dict[str, Any]:
    own = {
        "scheme": scheme,
        "format": options.layout.value,
        "compress": options.compress.value,
        "predictor": options.predictor,
        "overlap": options.overlap,
        "overviews": options.overviews,
    }
    return {**request.as_dict(), "vertical_grid": request.vertical_grid, **own}


def _show(value: Any) -> str:
    return "not set" if value is None else str(value)
