"""GDAL's metadata file beside a picture, which states the CRS that its format cannot hold.

GDAL calls it PAM, persistent auxiliary metadata: https://gdal.org/en/stable/drivers/raster/pam.html.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from rasterio.crs import CRS

from hrdem.runtime.gdal_env import pinned_gdal


def get_pam_path(picture: Path) -> Path:
    """Return the path of the metadata file beside a picture."""
    return picture.with_name(f"{picture.name}.aux.xml")


def format_pam(crs: str) -> str:
    """Format a metadata file that states a CRS; a world file states the position.

    Args:
        crs: Name from `hrdem.geo.crs.normalize_crs`. Coordinates are x before y, which GDAL assumes
            where the file states no order.
    """
    with pinned_gdal():
        wkt = CRS.from_user_input(crs).to_wkt()
    root = ET.Element("PAMDataset")
    ET.SubElement(root, "SRS").text = wkt
    return ET.tostring(root, encoding="unicode") + "\n"
