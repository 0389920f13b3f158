"""Values at a point and along a line, for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import hrdem
from hrdem.app.settings import Services
from hrdem.errors import NoDataError, RequestError

MAX_STATIONS = 1_000
MAX_PROFILE_KM = 20_000
MAX_DOWNLOAD_BYTES = 200_000_000  # of a profile: it is a look, in the process of the server


def read_height(
    lon: float,
    lat: float,
    reading: Mapping[str, Any],
    session: hrdem.Session,
    services: Services,
) -> dict[str, Any]:
    """Read the value at a point; None where there is no data.

    Args:
        lon: Longitude, degrees.
        lat: Latitude, degrees.
        reading: Product and collections, as parameters of `hrdem.sample`.
        session: Session to read with.
        services: Services to read.

    Raises:
        HrdemError: If a service fails.
    """
    unit = _get_unit(reading["product"])
    nothing = dict.fromkeys(("value", "source", "survey", "year", "vertical_datum"))
    try:
        samples = hrdem.sample(
            [(lon, lat)], http=session, surveys=True, **reading, **services.reading
        )
    except NoDataError:
        return {**nothing, "unit": unit}
    row = {name: column[0] or None for name, column in samples.columns().items()}
    return {
        "value": float(samples.values[0]),
        "source": row["source"],
        "survey": row["survey"],
        "year": row["year"] and int(row["year"]),
        "vertical_datum": row.get("vertical_datum"),
        "unit": unit,
    }


def read_profile(
    line: Sequence[tuple[float, float]],
    reading: Mapping[str, Any],
    session: hrdem.Session,
    services: Services,
) -> dict[str, Any]:
    """Read the values along a line, at no more than 1,000 stations.

    Args:
        line: Vertices, longitude and latitude.
        reading: Product and collections, as parameters of `hrdem.profile`.
        session: Session to read with.
        services: Services to read.

    Raises:
        HrdemError: If the line is too long, no station has data, or a service fails.
    """
    import numpy as np
    from pyproj import Geod

    length = Geod(ellps="GRS80").line_length(*zip(*line, strict=True))
    if length > MAX_PROFILE_KM * 1000:
        raise RequestError(
            f"The line is {length / 1000:,.0f} km long. Draw one of at most {MAX_PROFILE_KM:,} km."
        )
    pixels = {each.name: float(each.resolution) for each in hrdem.collections()}
    spacing = max(pixels[reading["collection"]], length / (MAX_STATIONS - 2))
    made = hrdem.profile(
        {"type": "LineString", "coordinates": [*line]},
        spacing=spacing,
        http=session,
        max_download=MAX_DOWNLOAD_BYTES,
        **reading,
        **services.reading,
    )
    slope = np.full(len(made.values), np.nan) if made.slope is None else made.slope
    rows = np.column_stack([made.distance, made.table.points, made.values, slope])
    names = "distance", "lon", "lat", "value", "slope"
    return {
        "stations": [
            {name: None if np.isnan(each) else each for name, each in zip(names, row, strict=True)}
            for row in rows.tolist()
        ],
        "unit": _get_unit(reading["product"]),
        "length": float(made.distance[-1]),
        "spacing": spacing,
        "minimum": float(np.nanmin(made.values)),
        "maximum": float(np.nanmax(made.values)),
    }


def _get_unit(name: str) -> str:
    return next(product.unit for product in hrdem.products() if product.name == name)
