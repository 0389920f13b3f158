"""The public function for jobs of tiles; `hrdem.api` has the others."""

from __future__ import annotations

from typing import Unpack

from hrdem.http.protocol import Http
from hrdem.request import tile_fields
from hrdem.request.params import TileJobParams
from hrdem.request.signature import takes
from hrdem.runtime.gdal_env import pinned_gdal
from hrdem.tiling.plan_job import plan_job
from hrdem.tiling.tile_job import TileJob


@takes(tile_fields.TILE_JOB)
@pinned_gdal()
def tile_job(*, http: Http | None = None, **params: Unpack[TileJobParams]) -> TileJob:
    """Plan an area that is too large for one file, or many areas, as a job of tiles.

    One plan is made for the whole, and each tile is a cut of it, so that tiles have no seams and
    equal pixels of the whole. Nothing is written before `TileJob.run`; an output that holds the job
    of the same request already is read instead, without a request to the catalogue:

        >>> job = hrdem.tile_job(
        ...     aoi="watersheds.gpkg", name_by="NAME", product="dtm-slope", output="slopes"
        ... )  # doctest: +SKIP
        >>> job.cost.source_bytes, job.run().exit_code  # doctest: +SKIP

    Args:
        http: `hrdem.Session` to plan with, and its connections; None creates a client for the
            call. Workers have clients of their own.
        **params: See `hrdem.extract` for area, product, grid and the cache's; for ``format``,
            ``compress`` and ``predictor``; and for ``stac_url``. Different or further:

            * ``aoi``: each feature gets a file with ``scheme="features"``;
            * ``nts``: one or several sheets, as ``"031G05,031G06"`` or a list; or the path of a
              text or CSV file of them. Each gets a file by default;
            * ``point``: also the path of a CSV file with the columns ``lon`` and ``lat``, or of a
              vector file of points, or a GeoDataFrame; each gets a file by default;
            * ``radius``: radius of the circles around points;
            * ``aoi_crs``, ``layer``: also those of a vector file of points;
            * ``buffer``: distance by which each area is widened;
            * ``where``: condition in SQL that features of a file have to meet;
            * ``crop``: whether pixels outside the area, or outside the feature of a file, become
              nodata;
            * ``scheme``: ``"50km"`` or another divisor of 500 km for squares in the CRS of the
              output, which must be in metres; ``"nts50k"`` or ``"nts250k"`` for map sheets;
              ``"features"`` for a file for each feature, sheet or point. None for features, if
              ``name_by``, ``nts`` or ``point`` is given, else ``"50km"``;
            * ``name_by``: attribute, or column of a CSV file, that names the files of features.
              Letters of all alphabets stay; what is no file name on some system is replaced, and
              equal names get the ids of their features. None for layer and id;
            * ``overlap``: pixels by which each tile reaches into its neighbours;
            * ``output``: folder, or address of a bucket as ``"s3://bucket/prefix"``, ``"gs://…"``
              or ``"az://…"``, with credentials from the environment. It gets ``NAME.tif`` and
              ``NAME.stac.json`` for each tile, ``job.json``, and indexes;
            * ``update``: whether the job is planned anew: tiles are made again whose sources or
              request have changed, and others stay;
            * ``max_memory``: peak memory of each worker;
            * ``max_download``: maximum bytes of source tiles that one run may read, cached or not;
            * ``connections``: connections to the store: 16 at most to plan, and of all workers
              together in `TileJob.run`, unless that is given another number;
            * ``many_connections``: whether these may be more than 64, if the operator of the
              service agrees.

    Returns:
        The job, with its tiles and what they take.

    Raises:
        RequestError: If the request is invalid.
        NoDataError: If there is no data in the whole area.
        NetworkError: If the catalogue or a file cannot be read.
        OutputExistsError: If the output holds a job of another request.
        OutputError: If the output cannot be written.
        MissingLibraryError: If obstore is not installed, for a bucket.
    """
    return plan_job({**params}, http)
