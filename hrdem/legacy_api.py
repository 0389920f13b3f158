"""The public functions for older Canadian DEM products; `hrdem.api` has the others."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Unpack

from hrdem.jobs.legacy_check import check_path
from hrdem.legacy.check.finding import CheckReport
from hrdem.request import fields
from hrdem.request.params import CheckParams
from hrdem.request.protocols import PathLike
from hrdem.request.signature import takes


@takes(fields.LEGACY_CHECK)
def legacy_check(path: PathLike, **params: Unpack[CheckParams]) -> CheckReport:
    """Check files against CDED 2.1 or BC Gridded DEM 2.0, element by element.

    Of a folder, all files below it are checked, and what they say of each other: heights that
    cells of CDED share, and within a BC set the grids, the voids, and each product against the
    elevations.

    Args:
        path: A ``.dem``, ``.asc``, ``.tif`` or ``.tfw`` file, a zip of ``.dem`` files, or a folder.
        **params: What to check against:

            * ``edition``: ``"cded-2.1"``, ``"cded-2.0"``, ``"cded-1.0"`` or ``"bc-2.0"``; by
              default the edition that each file follows.

    Returns:
        A finding for each rule and file, with its clause; and whether all conform.

    Raises:
        RequestError: If there is nothing to check, or a file is none of these.
    """
    values: dict[str, Any] = {**params}
    return check_path(Path(os.fspath(path)), values["edition"])
