"""Pictures for the page: of an area before it is extracted, and of a raster after."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hrdem
from hrdem.app.choices import area_parameters
from hrdem.app.settings import Services
from hrdem.app.web_mercator import project_box

PICTURE_PIXELS = 512  # longer edge of a preview, and of a result, whose words are read in the page
_SHADES = {"dtm": "dtm-hillshade", "dsm": "dsm-hillshade", "chm": "dsm-hillshade"}
_STATISTICS = {
    **{name: name for name in ("pixels", "minimum", "maximum", "mean")},
    "valid": "valid_pixels",
}


def draw_area(
    request: Mapping[str, Any],
    area_file: Path | None,
    session: hrdem.Session,
    services: Services,
) -> bytes:
    """Draw the box around an area as a PNG: the shaded relief of heights, or the first product.

    The picture is in the map's projection, so it lies between the corners of the box in degrees.

    Args:
        request: The checked request.
        area_file: File of an uploaded area; None for other areas.
        session: Session to read with.
        services: Services to read.

    Raises:
        HrdemError: If there is no data, or a service fails.
    """
    product = request["products"][0]
    box = hrdem.outline(**area_parameters(request["area"], area_file)).bbox
    with tempfile.TemporaryDirectory(prefix="hrdem-") as folder:
        output = Path(folder, "preview.png")
        hrdem.preview(
            http=session,
            product=_SHADES.get(product, product),
            collection=request["collection"],
            size=PICTURE_PIXELS,
            output=output,
            bbox=project_box(box),
            bbox_crs="EPSG:3857",
            **services.drawing,
        )
        return output.read_bytes()


def describe_raster(raster: Path, counted: Mapping[str, Any]) -> dict[str, Any]:
    """Return statistics and histogram of a raster.

    Args:
        raster: The raster, of which a large one is decimated for the histogram.
        counted: Its statistics as they were counted when it was written.

    Raises:
        HrdemError: If it cannot be read.
    """
    found = hrdem.view(raster).as_dict()
    bars = found["histogram"]
    return {
        "product": found["product"],
        "unit": found["unit"],
        "statistics": {name: counted[key] for name, key in _STATISTICS.items()},
        "histogram": {
            "edges": [bar["low"] for bar in bars] + [bar["high"] for bar in bars[-1:]],
            "counts": [bar["pixels"] for bar in bars],
        },
    }


def draw_raster(raster: Path, language: str) -> bytes:
    """Draw a raster as a PNG with a legend.

    Raises:
        HrdemError: If it cannot be read, or matplotlib is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="hrdem-") as folder:
        output = Path(folder, "view.png")
        hrdem.view(raster, output=output, size=PICTURE_PIXELS, language=language)
        return output.read_bytes()
