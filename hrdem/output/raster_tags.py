"""The tags of an output, by which it is known where its STAC item is missing."""

from __future__ import annotations

from pathlib import Path

from hrdem.runtime.gdal_errors import GDAL_ERRORS, raise_if_out_of_memory


def read_raster_tags(path: Path) -> dict[str, str]:
    """Return the tags of a GeoTIFF; none if it is none, or cannot be read."""
    import rasterio  # noqa: PLC0415 (most runs read none)

    try:
        with rasterio.open(path, driver="GTiff") as dataset:
            return dict(dataset.tags())
    except (*GDAL_ERRORS, UnicodeEncodeError) as exc:  # names in other encodings than UTF-8
        raise_if_out_of_memory(exc)
        return {}
