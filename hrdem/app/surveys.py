"""The lidar surveys under an area, for the page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hrdem
from hrdem.app.choices import area_parameters
from hrdem.app.settings import Services
from hrdem.errors import NoDataError


def list_surveys(
    request: Mapping[str, Any],
    area_file: Path | None,
    session: hrdem.Session,
    services: Services,
) -> dict[str, Any]:
    """List the surveys under an area, the newest first.

    Args:
        request: The checked request.
        area_file: File of an uploaded area; None for other areas.
        session: Session to read with.
        services: Services to read.

    Raises:
        HrdemError: If a service fails.
    """
    try:
        found = hrdem.surveys(
            http=session,
            product=_get_surface(request),
            collection=request["collection"],
            **area_parameters(request["area"], area_file),
            **services.catalogue,
        ).as_dict()
    except NoDataError:
        return {"surveys": [], "surveys_unknown": True}
    surveys = [
        {
            "name": each["project"],
            "year": each["year"],
            "percent": 100 * each["share"],
            "resolution": each["resolution"],
        }
        for each in found["surveys"]
    ]
    surveys.sort(key=lambda each: (-(each["year"] or 0), -each["percent"]))
    return {"surveys": surveys, "surveys_unknown": bool(found["unknown"])}


def key_of_surveys(request: Mapping[str, Any]) -> str:
    """Return what surveys depend on, as a key."""
    return repr((request["area"], request["collection"], _get_surface(request)))


def _get_surface(request: Mapping[str, Any]) -> str:
    return "dsm" if request["products"][0].startswith("dsm") else "dtm"
