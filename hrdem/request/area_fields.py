"""The parameters of the area; as in `hrdem.request.fields`."""

from __future__ import annotations

from hrdem.request.convert import (
    keep,
    parse_box,
    parse_crs,
    parse_metres,
    parse_point,
)
from hrdem.request.field import (
    Field,
    Group,
)

AREA = (
    Field(
        "bbox",
        "Area as a bounding box: west,south,east,north.",
        Group.AREA,
        "W,S,E,N",
        parse=parse_box,
    ),
    Field(
        "bbox_crs",
        "CRS of `bbox`.",
        Group.AREA,
        "CRS",
        default_text="EPSG:4326",
        parse=parse_crs,
    ),
    Field(
        "aoi",
        "Area from a vector file, from GeoJSON on standard input (-), or as WKT or GeoJSON.",
        Group.AREA,
        "FILE|-|WKT",
        parse=keep,
    ),
    Field(
        "aoi_crs",
        "CRS of `aoi`, if it does not name one.",
        Group.AREA,
        "CRS",
        default_text="EPSG:4326 for GeoJSON and WKT",
        parse=parse_crs,
    ),
    Field("layer", "Layer of the vector file, if it has several.", Group.AREA, "NAME"),
    Field("like", "Area and grid of an existing raster.", Group.AREA, "RASTER", parse=keep),
    Field("nts", "Area of an NTS map sheet, such as 031G05 or 31G.", Group.AREA, "SHEET"),
    Field(
        "point",
        "Centre of a circular area, in degrees; needs `radius`.",
        Group.AREA,
        "LON,LAT",
        parse=parse_point,
    ),
    Field(
        "radius",
        "Radius of the circle around `point`.",
        Group.AREA,
        "METRES",
        parse=parse_metres,
    ),
    Field(
        "buffer",
        "Widen the area by this distance; not with `like`.",
        Group.AREA,
        "METRES",
        parse=parse_metres,
    ),
    Field(
        "allow_inaccurate_datum",
        "Continue, with a warning, where PROJ cannot bring a datum to NAD83(CSRS) within a metre.",
        Group.AREA,
        default=False,
    ),
)
