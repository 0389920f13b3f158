"""The header of a block's USGS DEM (BC 2.0, 4.1)."""

from __future__ import annotations

from hrdem.geo.grid import Grid
from hrdem.legacy.bc.blocks import SPACING_METRES, Block, Projection
from hrdem.legacy.bc.names import FileName
from hrdem.legacy.bc.products import DEM, ELEVATION
from hrdem.usgsdem.header import Header

PRODUCER = "BMGS - B.C. Gov. - Victoria"  # element 1
ORIGIN = "BC"  # element 2
UTM, ALBERS = 1, 3  # element 5
METRES = 2  # elements 8 and 9
VALIDATION = 2  # element 24
MEAN_SEA_LEVEL, NAD83 = 1, 4  # elements 26 and 27
#: Element 7: semi-major axis, squared eccentricity, parallels, origin, false origin. Angles are
#: packed, DDD0MM0SS, as the document demands; it prints them in degrees.
ALBERS_PARAMETERS = (
    6_378_137.0,
    0.006_694_380_022_90,
    50_000_000.0,
    58_030_000.0,
    -126_000_000.0,
    45_000_000.0,
    1_000_000.0,
)
PARAMETERS = 15  # of element 7


def make_header(
    block: Block, projection: Projection, grid: Grid, lowest: int, highest: int
) -> Header:
    """Return the header of a DEM.

    Fields that the document leaves empty are blank, also where there are voids.

    Args:
        block: The block.
        projection: Projection of the file.
        grid: Grid of the file.
        lowest: Least height, metres; -32767 if all are void.
        highest: Greatest height, likewise.
    """
    left, top = grid.centre(0, 0)
    right, bottom = grid.centre(grid.width - 1, grid.height - 1)
    west, south, *_ = block.sheet.bounds
    parameters = ALBERS_PARAMETERS if projection is Projection.ALBERS else ()
    return Header(
        file_name=str(FileName(block.name, projection, ELEVATION, DEM)),
        producer=PRODUCER,
        south_west=(west, south),
        process_code="0",
        origin=ORIGIN,
        system=ALBERS if projection is Projection.ALBERS else UTM,
        zone=0 if projection is Projection.ALBERS else block.zone,
        projection=(*parameters, *[0.0] * (PARAMETERS - len(parameters))),
        ground_unit=METRES,
        height_unit=METRES,
        corners=((left, bottom), (left, top), (right, top), (right, bottom)),
        min_height=lowest,
        max_height=highest,
        resolution=(SPACING_METRES, SPACING_METRES, 1.0),
        profiles=grid.width,
        validation=VALIDATION,
        vertical_datum=MEAN_SEA_LEVEL,
        horizontal_datum=NAD83,
    )
