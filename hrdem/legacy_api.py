"""The public functions for older Canadian DEM products; `hrdem.api` has the others."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, Unpack

import shapely

from hrdem.geo.crs import drop_vertical, normalize_crs
from hrdem.http.client_settings import ClientSettings
from hrdem.http.protocol import Http
from hrdem.http.run_context import RunContext, RunSettings
from hrdem.jobs import legacy_bc as bc_job
from hrdem.jobs.legacy_cded import (
    CdedOptions,
    CdedSet,
    OnCoverage,
    ignore_coverage,
    make_cded,
    plan_cded,
)
from hrdem.jobs.legacy_check import check_path
from hrdem.jobs.legacy_compare import (
    CompareOptions,
    compare_rasters,
    plan_comparison,
)
from hrdem.jobs.legacy_convert import (
    Conversion,
    ConvertOptions,
    convert_rasters,
    plan_conversion,
)
from hrdem.legacy.bc.blocks import parse_blocks
from hrdem.legacy.bc.products import parse_products, parse_projections
from hrdem.legacy.cded.cells import parse_cded_sheets
from hrdem.legacy.cded.entries import UserEntries, read_entries
from hrdem.legacy.cded.files import CdedDelivery
from hrdem.legacy.cded.header import Producer, format_centre
from hrdem.legacy.cded.names import parse_data_edition
from hrdem.legacy.check.finding import CheckReport
from hrdem.legacy.comparison import Comparison
from hrdem.legacy.delivery import make_time_stamp
from hrdem.legacy.inputs import open_inputs
from hrdem.legacy.polygons import read_lakes, read_polygons
from hrdem.legacy.raster import LegacyRaster
from hrdem.processing.memory_budget import check_max_memory
from hrdem.request import legacy_fields, service_fields
from hrdem.request.params import BcParams, CdedParams, CheckParams, CompareParams, ConvertParams
from hrdem.request.protocols import PathLike
from hrdem.request.signature import select, takes
from hrdem.runtime.gdal_env import pinned_gdal
from hrdem.runtime.progress import OnProgress, ignore_progress

T = TypeVar("T")


@takes(legacy_fields.CDED)
@pinned_gdal()
def legacy_cded(
    *,
    http: Http | None = None,
    on_progress: OnProgress = ignore_progress,
    on_coverage: OnCoverage = ignore_coverage,
    **params: Unpack[CdedParams],
) -> list[CdedSet]:
    """Make Canadian Digital Elevation Data 2.1 of NTS sheets: USGS DEM cells, two for each sheet.

    A cell has 1201 x 1201 nodes on NAD83, and whole metres in CGVD28: 0.5 is rounded up. The nodes
    that neighbouring cells share have equal heights, because overview and kernel are the same for
    all sheets of a scale.

    Args:
        http: `hrdem.Session` to share with other calls; None creates a client for the call.
        on_progress: Called with a `Progress` whenever a block is read or computed, separately for
            each sheet.
        on_coverage: Called with the void nodes of each cell before anything of its sheet is
            written.
        **params: See `hrdem.extract` for ``collection``, ``vertical_grid``, service and run.
            Further:

            * ``nts``: names of sheets at 1:50,000 or 1:250,000, such as ``"031K01,031K02"`` or
              ``["031K", "031L"]``;
            * ``output``: folder for the files, created if needed;
            * ``fill``: as in `hrdem.extract`, but by default all that are coarser, ``"2m,30m"``,
              because CDED has void only outside Canada; from the WCS none;
            * ``lakes``: vector file of lakes; each gets one height, that of the bottom quartile of
              its nodes;
            * ``sea``: vector file of the sea, whose nodes get the height 0;
            * ``border``: vector file of Canada; nodes outside become void;
            * ``metadata``: TOML or JSON file of metadata entries that hrdem cannot know, such as
              ``purpose``; a table under the name of a sheet is for that sheet;
            * ``surveys``: whether the lidar surveys under each sheet are looked up for its
              metadata; None looks them up unless ``offline`` is set;
            * ``centre``: responsibility centre in the header: a name of at most 60 characters, or
              up to four of the document's acronyms, such as ``"OMNR,CTI-O"``; None for a text that
              names hrdem;
            * ``origin``: origin code in the header, such as ``"RS"`` for remote sensing;
            * ``process``: process code in the header; ``"Z"`` refers to the metadata;
            * ``data_edition``: edition and version of the data, a digit each: ``"1.0"``;
            * ``naming``: ``"centre"`` for the names of responsibility centres, such as
              ``031k01.zip``, or ``"purchaser"`` for those that purchasers got, with a time stamp;
            * ``unpacked``: whether a sheet's files are written into a folder instead of a zip;
            * ``records``: ``"fixed"`` for records of 1024 bytes, as specified; ``"lf"`` for a line
              feed after each; or ``"splat"`` for usgs2sdf of SPLAT!, which also needs a blank end
              of the header, and cells of a degree;
            * ``overwrite``: whether existing zips or folders may be replaced;
            * ``dry_run``: whether only plans and estimates are returned, and nothing is written.

    Returns:
        What was written for each sheet, or, with ``dry_run``, what would be.

    Raises:
        RequestError: If the request is invalid.
        NoDataError: If both cells of a sheet are void, or heights have no shift to CGVD28.
        NetworkError: If a server cannot be reached, refuses, or sends an invalid response.
        NotCachedError: If ``offline`` is set and something is not cached.
        SourceChangedError: If a source was republished while it was read.
        OutputError: If a set exists or cannot be written.
    """
    values: dict[str, Any] = {**params}
    sheets = parse_cded_sheets(values["nts"])
    producer = Producer(
        format_centre(values["centre"]),
        values["process"],
        values["origin"],
        parse_data_edition(values["data_edition"]),
    )
    delivery = CdedDelivery(
        folder=values["output"],
        overwrite=values["overwrite"],
        naming=values["naming"],
        unpacked=values["unpacked"],
        records=values["records"],
        producer=producer,
        time_stamp=make_time_stamp(),
    )
    area = shapely.union_all([shapely.box(*sheet.bounds) for sheet in sheets])
    polygons = {
        name: None if values[name] is None else read(values[name], name, area)
        for name, read in (("lakes", read_lakes), ("sea", read_polygons), ("border", read_polygons))
    }
    entries = values["metadata"]
    options = CdedOptions(
        source=select(values, legacy_fields.SOURCE),
        **polygons,
        surveys=values["surveys"],
        entries=UserEntries({}, {}) if entries is None else read_entries(entries),
        delivery=delivery,
    )
    return _plan_or_run(
        values,
        http,
        on_progress,
        lambda client: plan_cded(sheets, options, client),
        lambda context: make_cded(sheets, options, context, on_coverage),
    )


@takes(legacy_fields.BC)
@pinned_gdal()
def legacy_bc(
    *,
    http: Http | None = None,
    on_progress: OnProgress = ignore_progress,
    on_coverage: bc_job.OnCoverage = bc_job.ignore_coverage,
    **params: Unpack[BcParams],
) -> list[bc_job.BcSet]:
    """Make British Columbia's Gridded DEM 2.0 of NTS blocks: 26 files in two projections.

    Pixels are 25 m, with their centres on multiples of 25 m, and heights whole metres in CGVD28:
    0.5 is rounded up. Slope, aspect and hillshade are computed from these heights. The files of a
    block appear together, in a folder with its name, such as ``104p``.

    Args:
        http: `hrdem.Session` to share with other calls; None creates a client for the call.
        on_progress: Called with a `Progress` whenever a block is read, computed or written,
            separately for each NTS block.
        on_coverage: Called with the void pixels of each projection before its files are written.
        **params: See `hrdem.extract` for ``collection``, ``vertical_grid``, service and run.
            Further:

            * ``nts``: names of blocks at 1:250,000 that reach into British Columbia, in UTM zones 7
              to 11, such as ``"104P,92B"`` or ``["104P", "92B"]``;
            * ``output``: folder for the folders of blocks, created if needed;
            * ``fill``: as in `hrdem.extract`, but by default all that are coarser, ``"2m,30m"``,
              and from the WCS none;
            * ``lakes``: vector file of lakes; each gets one height, that of the bottom quartile of
              its pixels, the same in both projections and all blocks;
            * ``sea``: vector file of the sea, whose pixels get the height 0;
            * ``projection``: ``"utm"``, ``"albers"``, or both, which is the default;
            * ``products``: products by the kind of data in their names: ``"elevation"`` (both its
              files; one is ``"elevation.dem"`` or ``"elevation.asc"``), ``"slope-pct"``,
              ``"slope-deg"``, ``"aspect"``, and ``"hillshd-bw-315"``, ``"hillshd-bw-225"``,
              ``"hillshd-clr-315"``, ``"hillshd-clr-225"``; all by default;
            * ``overwrite``: whether an existing folder of a block may be replaced;
            * ``dry_run``: whether only plans and estimates are returned, and nothing is written.

    Returns:
        What was written for each block, or, with ``dry_run``, what would be.

    Raises:
        RequestError: If the request is invalid.
        NoDataError: If a block is void, or heights have no shift to CGVD28.
        NetworkError: If a server cannot be reached, refuses, or sends an invalid response.
        NotCachedError: If ``offline`` is set and something is not cached.
        SourceChangedError: If a source was republished while it was read.
        OutputError: If a set exists or cannot be written.
    """
    values: dict[str, Any] = {**params}
    blocks = parse_blocks(values["nts"])
    projections = parse_projections(values["projection"])
    products = parse_products(values["products"])
    area = bc_job.find_area(blocks, projections)
    polygons = {
        name: None if values[name] is None else read(values[name], name, area)
        for name, read in (("lakes", read_lakes), ("sea", read_polygons))
    }
    options = bc_job.BcOptions(
        source=select(values, legacy_fields.SOURCE),
        **polygons,
        projections=projections,
        products=products,
        folder=values["output"],
        overwrite=values["overwrite"],
    )
    return _plan_or_run(
        values,
        http,
        on_progress,
        lambda client: bc_job.plan_bc(blocks, options, client),
        lambda context: bc_job.make_bc(blocks, options, context, on_coverage),
    )


@takes(legacy_fields.CONVERT)
@pinned_gdal()
def legacy_convert(
    inputs: PathLike | Iterable[PathLike],
    *,
    on_progress: OnProgress = ignore_progress,
    **params: Unpack[ConvertParams],
) -> Conversion:
    """Convert DEMs of older products to one GeoTIFF, on the nodes of the files.

    Files are merged where their nodes are those of one lattice. A node that several have is that of
    the latest edition (element 28 of the header), and of the first file among equal editions.

    Args:
        inputs: Path or paths: USGS DEMs (``.dem``) of CDED, of British Columbia or of the USGS;
            ESRI ASCII grids (``.asc``); ZIP archives of CDED in both namings, or of GeoBC; folders,
            with the ``.dem``, ``.asc`` and ``.zip`` files at any depth. In archives and folders,
            BC's grids of slope and aspect are left out.
        on_progress: Called with a `Progress` whenever a tile is written.
        **params: All other parameters. None counts as left out:

            * ``crs``: CRS of files that have none: an ESRI ASCII grid has one if a ``.prj`` is
              beside it, or by the name of a BC file, such as ``104p-albers-elevation.asc``;
            * ``zero_is_void``: whether zeros become nodata in CDED of the standard of 2000, in
              files that have no -32767. The sea is 0 too;
            * ``vertical_crs``: whether the CRS is a compound one with CGVD28. Other programs may
              then shift heights; without it the datum is in tags and band description;
            * ``output``: path of the GeoTIFF, which ends in ``.tif`` or ``.tiff``;
            * ``overwrite``: whether an existing output may be replaced;
            * ``dry_run``: whether only headers are read, and nothing is written.

    Returns:
        What was written, or, with ``dry_run``, what would be.

    Raises:
        RequestError: If a file cannot be read, has no CRS, or does not fit to the others.
        OutputError: If the output exists or cannot be written.
    """
    values: dict[str, Any] = {**params}
    rasters = _open_rasters(inputs, values["crs"])
    options = ConvertOptions(
        Path(values["output"]),
        zero_is_void=values["zero_is_void"],
        vertical_crs=values["vertical_crs"],
        overwrite=values["overwrite"],
    )
    if values["dry_run"]:
        return plan_conversion(rasters, options)[0]
    return convert_rasters(rasters, options, on_progress)


@takes(legacy_fields.COMPARE)
@pinned_gdal()
def legacy_compare(
    inputs: PathLike | Iterable[PathLike],
    *,
    http: Http | None = None,
    on_progress: OnProgress = ignore_progress,
    **params: Unpack[CompareParams],
) -> Comparison:
    """Write HRDEM minus older DEMs as one GeoTIFF, on the nodes of the files.

    Nodes are brought to NAD83(CSRS), and heights of HRDEM to CGVD28, before they are subtracted.
    Level and kernel are those that CDED or BC's set is made with, if the files are of one of them.
    A node is void where either model is. Positive differences mean that HRDEM is higher.

    Args:
        inputs: Path or paths of the older DEMs; see `hrdem.legacy_convert`.
        http: `hrdem.Session` to share with other calls; None creates a client for the call.
        on_progress: Called with a `Progress` whenever a block is read or compared.
        **params: See `hrdem.extract` for ``collection``, ``vertical_grid``, service and run, and
            `hrdem.legacy_convert` for ``crs``. Further:

            * ``output``: path of the GeoTIFF, which ends in ``.tif`` or ``.tiff``; its pixels are
              float32, in metres;
            * ``fill``: as in `hrdem.extract`, but by default all that are coarser, ``"2m,30m"``,
              and from the WCS none;
            * ``zero_is_void``: whether zeros are left out in CDED of the standard of 2000, in
              files that have no -32767. The sea is 0 too;
            * ``allow_inaccurate_datum``: whether to continue, with a warning, where PROJ cannot
              bring the datum of the files, such as NAD27, to NAD83(CSRS) within a metre;
            * ``overwrite``: whether an existing output may be replaced;
            * ``dry_run``: whether only a plan and an estimate are returned, and nothing is written.

    Returns:
        Statistics of what was written, or, with ``dry_run``, what would be read.

    Raises:
        RequestError: If a file cannot be read, has no CRS, is no elevation, or does not fit to the
            others.
        NoDataError: If no node has a height in both.
        NetworkError: If a server cannot be reached, refuses, or sends an invalid response.
        NotCachedError: If ``offline`` is set and something is not cached.
        SourceChangedError: If a source was republished while it was read.
        OutputError: If the output exists or cannot be written.
    """
    values: dict[str, Any] = {**params}
    rasters = _open_rasters(inputs, values["crs"])
    options = CompareOptions(
        select(values, legacy_fields.SOURCE),
        Path(values["output"]),
        zero_is_void=values["zero_is_void"],
        overwrite=values["overwrite"],
        allow_inaccurate_datum=values["allow_inaccurate_datum"],
    )
    return _plan_or_run(
        values,
        http,
        on_progress,
        lambda client: plan_comparison(rasters, options, client),
        lambda context: compare_rasters(rasters, options, context),
    )


def _open_rasters(
    inputs: PathLike | Iterable[PathLike], crs: str | None
) -> tuple[LegacyRaster, ...]:
    given = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    return open_inputs(given, None if crs is None else normalize_crs(drop_vertical(crs)))


@takes(legacy_fields.CHECK)
def legacy_check(
    path: PathLike,
    *,
    on_progress: OnProgress = ignore_progress,
    **params: Unpack[CheckParams],
) -> CheckReport:
    """Check files against CDED 2.1 or BC Gridded DEM 2.0, element by element.

    Of a folder, all files below it are checked, and what they say of each other: heights that
    cells of CDED share, and within a BC set the grids, the voids, and each product against the
    elevations.

    Args:
        path: A ``.dem``, ``.asc``, ``.tif`` or ``.tfw`` file, a zip of such files, or a folder.
        on_progress: Called with a `Progress` after each file; it counts bytes in place of pixels.
        **params: What to check against:

            * ``edition``: ``"cded-2.1"``, ``"cded-2.0"``, ``"cded-1.0"`` or ``"bc-2.0"``; by
              default the edition that each file follows.

    Returns:
        A finding for each rule and file, with its clause; and whether all conform.

    Raises:
        RequestError: If there is nothing to check, or a file is none of these.
    """
    values: dict[str, Any] = {**params}
    return check_path(Path(os.fspath(path)), values["edition"], on_progress)


def _plan_or_run(
    values: Mapping[str, Any],
    http: Http | None,
    on_progress: OnProgress,
    plan: Callable[[Http], T],
    run: Callable[[RunContext], T],
) -> T:
    """Plan with ``dry_run``, else run; with the client, cache and limits of the parameters."""
    check_max_memory(values["max_memory"])
    client_settings = ClientSettings(**select(values, service_fields.CACHE))
    if values["dry_run"]:
        with client_settings.client(http) as client:
            return plan(client)
    settings = RunSettings(
        client_settings, http, (), values["max_memory"], values["max_download"], on_progress
    )
    with settings.open() as context:
        return run(context)
