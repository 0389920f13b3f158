"""GDAL's metadata file beside a raster, which states what its format cannot hold.

GDAL calls it PAM, persistent auxiliary metadata: https://gdal.org/en/stable/drivers/raster/pam.html.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from rasterio.crs import CRS

from hrdem.output.colours import Colour
from hrdem.runtime.gdal_env import pinned_gdal

# name, type (GDALRATFieldType) and usage (GDALRATFieldUsage) of each field
_TABLE_FIELDS = (
    ("Value", 0, 5),
    ("Class", 2, 2),
    ("Red", 0, 6),
    ("Green", 0, 7),
    ("Blue", 0, 8),
)


def get_pam_path(raster: Path) -> Path:
    """Return the path of the metadata file beside a raster."""
    return raster.with_name(f"{raster.name}.aux.xml")


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


def format_table_pam(classes: Iterable[tuple[int, str, Colour]]) -> str:
    """Format a metadata file with a raster attribute table: for values that are far apart.

    Args:
        classes: Value, name and colour of each class.
    """
    root = ET.Element("PAMDataset")
    band = ET.SubElement(root, "PAMRasterBand", band="1")
    table = ET.SubElement(band, "GDALRasterAttributeTable", tableType="thematic")
    for index, (name, kind, usage) in enumerate(_TABLE_FIELDS):
        field = ET.SubElement(table, "FieldDefn", index=str(index))
        for tag, text in (("Name", name), ("Type", kind), ("Usage", usage)):
            ET.SubElement(field, tag).text = str(text)
    for index, (value, name, colour) in enumerate(classes):
        row = ET.SubElement(table, "Row", index=str(index))
        for each in (value, name, *colour):
            ET.SubElement(row, "F").text = str(each)
    return ET.tostring(root, encoding="unicode") + "\n"


def format_class_pam(names: Sequence[str], colours: Sequence[Colour]) -> str:
    """Format a metadata file that names the values of a raster with a colour table.

    The colours are in the TIFF as well, for all 256 values; programs list those of this file.

    Args:
        names: Name of each value from 0 on.
        colours: Colour of each.
    """
    root = ET.Element("PAMDataset")
    band = ET.SubElement(root, "PAMRasterBand", band="1")
    ET.SubElement(band, "ColorInterp").text = "Palette"
    table = ET.SubElement(band, "ColorTable")
    for red, green, blue in colours:
        ET.SubElement(table, "Entry", c1=str(red), c2=str(green), c3=str(blue), c4="255")
    categories = ET.SubElement(band, "CategoryNames")
    for name in names:
        ET.SubElement(categories, "Category").text = name
    return ET.tostring(root, encoding="unicode") + "\n"
