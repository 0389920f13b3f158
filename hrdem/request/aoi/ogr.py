"""Read vector data through GDAL: files, and arcs, which neither GEOS nor JSON has."""

from __future__ import annotations

import os
import re
import tempfile
import warnings
from pathlib import Path

import shapely
from shapely.errors import ShapelyError

from hrdem.errors import NoDataError, RequestError
from hrdem.geo.crs import LONLAT, drop_vertical
from hrdem.geo.datum import link_crs
from hrdem.geo.grid import Bounds
from hrdem.geo.reproject import project_geometry
from hrdem.request.aoi.attributes import read_layer
from hrdem.request.aoi.shape_part import (
    MAX_LABEL_CHARACTERS,
    FileLayer,
    Geometries,
    Selection,
    ShapePart,
)
from hrdem.runtime.gdal_env import pinned_pyogrio
from hrdem.runtime.memory import trim_allocator

FORMATS = "GeoJSON, a GeoPackage, a Shapefile (zipped or not), KML, or another format of GDAL"
_RASTER_ENDINGS = (".tif", ".tiff", ".vrt", ".img", ".asc", ".dem")
_UNDEFINED_CRS = re.compile(r'\w+\["Undefined ')  # srs_id -1 and 0 of a GeoPackage (1.3, 1.1.2)
_ARC = re.compile(r"Unknown WKB type (8|9|1[0-2])\b")  # with GEOS before 3.13
_SURFACE = re.compile(r"Unknown WKB type 1[567]\b")  # polyhedral surface, TIN, triangle


def read_file(
    source: Path | str | bytes,
    name: str,
    layer: str | None,
    near: shapely.Geometry | None = None,
    selection: Selection | None = None,
) -> ShapePart:
    """Read a layer of a file, or of the bytes of one. Arcs become chords.

    Args:
        source: Path, virtual path of GDAL, or bytes.
        name: Name of the file, for messages.
        layer: Layer, if it has several.
        near: Area in EPSG:4617; only features that touch its box are read. None for all.
        selection: Features that are read, with an attribute; None for all, without. Not both.

    Raises:
        RequestError: If GDAL cannot read it, the layer is not clear, or the selection invalid.
        NoDataError: If it has features, but none in that area.
    """
    import pyogrio.raw  # noqa: PLC0415 (slow to import, and only files need it)
    from pyogrio.errors import DataLayerError, DataSourceError  # noqa: PLC0415

    try:
        # the result is checked by the caller
        with pinned_pyogrio(), warnings.catch_warnings(action="ignore"):
            listed = enumerate(pyogrio.list_layers(source).tolist())
            layers = {each: index for index, (each, kind) in listed if kind is not None}
            chosen = _choose_layer(list(layers), layer, name)
            index = layers[chosen]  # layers of bytes change their names
            attributes = None
            if selection is not None:
                meta, blobs, attributes = read_layer(source, index, selection, name)
            else:
                box = None if near is None else _find_box(source, index, near)
                meta, _, blobs, _ = pyogrio.raw.read(
                    source, layer=index, columns=[], force_2d=True, bbox=box
                )
                if not len(blobs) and box and pyogrio.read_info(source, layer=index)["features"]:
                    raise NoDataError(f"{name} has nothing in the area.")
        geometries = shapely.from_wkb(blobs)
    except (DataSourceError, DataLayerError, ShapelyError) as exc:
        if _SURFACE.search(str(exc)):
            raise surface_error(name) from exc
        if _ARC.search(str(exc)):
            raise arcs_error(name) from exc
        is_raster = name.lower().endswith(_RASTER_ENDINGS)
        raise RequestError(
            f"{name} cannot be read as a vector file: {_describe_cause(exc, source, name)}. Give "
            f"{FORMATS}.{' `like` takes the area and the grid of a raster.' if is_raster else ''}"
        ) from exc
    trim_allocator()
    label = name if len(layers) == 1 else f"{name}, layer {chosen}"
    declared = None if _UNDEFINED_CRS.match(meta["crs"] or "") else meta["crs"]
    return ShapePart(
        geometries, declared, label, must_declare=True, is_file=True, attributes=attributes,
        layer=FileLayer(source, index),
    )  # fmt: skip


def _find_box(source: Path | str | bytes, layer: int, near: shapely.Geometry) -> Bounds | None:
    """Return the bounds of an area in the CRS of a layer; None if that is not known."""
    import pyogrio  # noqa: PLC0415

    declared = pyogrio.read_info(source, layer=layer)["crs"]
    if declared is None or _UNDEFINED_CRS.match(declared):
        return None
    crs = link_crs(drop_vertical(declared), near.bounds, LONLAT)
    left, bottom, right, top = project_geometry(near.envelope, LONLAT, crs).bounds
    return left, bottom, right, top


def linearize_wkt(wkt: str) -> Geometries:
    """Return a geometry that has arcs with chords in their place, within a 100,000th of the radius.

    Raises:
        RequestError: If GDAL cannot read it.
    """
    label = repr(wkt[:MAX_LABEL_CHARACTERS])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "arcs.csv"
        path.write_text(f'WKT\n"{wkt}"\n', encoding="utf-8")
        geometries = read_file(path, label, None).geometries
    if not len(geometries) or geometries[0] is None:
        raise RequestError(
            f"{label} is not valid WKT. Give a geometry like CURVEPOLYGON(CIRCULARSTRING("
            "-75.71 45.41, -75.69 45.41, -75.71 45.41))."
        )
    return geometries


def arcs_error(label: str) -> RequestError:
    """Return the error for arcs that GDAL has left, as it does inside a collection."""
    return RequestError(
        f"{label} has arcs inside a collection. Give the shapes of the collection as separate "
        "features, or with chords in place of arcs."
    )


def surface_error(label: str) -> RequestError:
    """Return the error for surfaces in space, whose triangles may hang over one another."""
    return RequestError(
        f"{label} has a surface of three dimensions (TIN, POLYHEDRALSURFACE). Give its outline as "
        "a polygon."
    )


def _describe_cause(exc: Exception, source: Path | str | bytes, name: str) -> str:
    """Return GDAL's message without advice on GDAL's options and without folders."""
    if "duckdb" in str(exc):  # which GDAL tries for Parquet, when it was built without Arrow
        return "GDAL has no driver for it here"
    message = re.split(r";|\. (?:It might help|Set )", str(exc))[0].rstrip(".")
    if isinstance(source, bytes):
        return re.sub(r"'?/vsimem/\w+'?", lambda _: name, message)
    message = message.replace(str(source), name)
    return message.replace(f"{source.parent}{os.sep}", "") if isinstance(source, Path) else message


def _choose_layer(layers: list[str], layer: str | None, name: str) -> str:
    if not layers:
        fix = "Give a file that contains polygons."
        if name.lower().endswith(".csv"):
            fix = "Give WKT in a column that is named WKT, or another file that contains polygons."
        raise RequestError(f"{name} has no layer with geometries. {fix}")
    listed = ", ".join(layers)
    if layer is None and len(layers) > 1:
        raise RequestError(f"{name} has {len(layers)} layers: {listed}. Choose one with `layer`.")
    if layer is not None and layer not in layers:
        raise RequestError(f"{name} has no layer {layer!r}. Choose one of: {listed}.")
    return layers[0] if layer is None else layer
