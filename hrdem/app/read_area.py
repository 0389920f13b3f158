"""Read the area of an uploaded file, and write it with its exact corners."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import shapely

import hrdem
from hrdem.app.map_area import Area, UploadedArea
from hrdem.app.upload_content import Kind, unpack_content
from hrdem.errors import HrdemError, RequestError

AREA_FILE = "area.geojson"
MAX_CORNERS = 500_000
MAX_LISTED_LAYERS = 50
_LONLAT = "EPSG:4326"
_CODE = re.compile(r"EPSG:\d+")
_SENTENCES = re.compile(r"(?<=[.!?]) +(?=[A-Z`])")
_SHAPES_WITHOUT_AREA = {"Point": "points", "LineString": "lines"}


class ChooseLayerError(RequestError):
    """A file has several layers, and one has to be chosen.

    Attributes:
        layers: Their names.
    """

    def __init__(self, message: str, layers: Sequence[str]) -> None:
        super().__init__(message)
        self.layers = tuple(layers)


def read_area(folder: Path, name: str, layer: str | None) -> UploadedArea:
    """Read the uploaded file in a folder, and write its area as ``area.geojson`` beside it.

    Args:
        folder: Folder that holds the file as ``content``.
        name: Name for messages.
        layer: Layer, if it has several.

    Raises:
        ChooseLayerError: If it has several layers and none was chosen.
        RequestError: If it cannot be read, or has no area or too many corners.
        NoDataError: If it is outside Canada.
    """
    path, kind = unpack_content(folder, name)
    layers: tuple[str, ...] = ()
    if kind is Kind.GEOJSON:
        features, layer = _count_features(path), None
    else:
        layers, features, layer = _choose_layer(path, name, layer)
    try:
        outline = hrdem.outline(aoi=path, layer=layer)
    except HrdemError as exc:
        raise type(exc)(_address_page(str(exc).replace(path.name, name))) from exc
    corners = int(shapely.get_num_coordinates(outline.shape))
    if corners > MAX_CORNERS:
        raise RequestError(
            f"{name} has {corners:,} corners, and {MAX_CORNERS:,} are read at most. Simplify its "
            "polygons, or use the command line."
        )
    (folder / AREA_FILE).write_text(json.dumps(_format_geojson(outline)), encoding="utf-8")
    area = replace(Area.of(outline), label=outline.label.replace(path.name, name))
    return UploadedArea(area, features, () if kind is Kind.SHAPEFILE else layers)


def _format_geojson(outline: hrdem.Outline) -> dict[str, Any]:
    """Return an outline as GeoJSON, in its own CRS if that has a code.

    There its edges are straight, so that an extraction has the pixels that one of the file has.
    """
    has_code = bool(_CODE.fullmatch(outline.crs))
    crs = outline.crs if has_code else _LONLAT
    shape = outline.shape if has_code else outline.geometry
    document: dict[str, Any] = {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(shape)}
        ],
    }
    if crs != _LONLAT:
        name = f"urn:ogc:def:crs:EPSG::{crs.removeprefix('EPSG:')}"
        document["crs"] = {"type": "name", "properties": {"name": name}}
    return document


def _count_features(path: Path) -> int:
    document = json.loads(path.read_bytes())
    features = document.get("features")
    return len(features) if isinstance(features, list) else 1


def _choose_layer(
    path: Path, name: str, layer: str | None
) -> tuple[tuple[str, ...], int, str | None]:
    """Return the layers with geometries, the number of features of the chosen one, and its name.

    Raises:
        ChooseLayerError: If there are several and none was chosen.
        RequestError: If there is none, or not the chosen one, or it has no polygons or no CRS.
    """
    import pyogrio

    try:
        listed = pyogrio.list_layers(path).tolist()
        layers = tuple(str(each) for each, kind in listed if kind is not None)
        if not layers:
            raise RequestError(f"{name} has no layer with polygons. Choose another file.")
        if layer is not None and layer not in layers:
            raise RequestError(f"{name} has no layer {layer!r}. Choose one of its layers.")
        if layer is None and len(layers) > 1:
            names = ", ".join(layers[:MAX_LISTED_LAYERS])
            raise ChooseLayerError(f"{name} has {len(layers)} layers: {names}. Choose one.", layers)
        chosen = layer or layers[0]
        info = pyogrio.read_info(path, layer=chosen, force_feature_count=True)
    except pyogrio.errors.DataSourceError as exc:
        raise RequestError(
            f"{name} cannot be read: it is damaged, or not what its first bytes say. Choose "
            "another file."
        ) from exc
    kind = str(info["geometry_type"] or "").removeprefix("Multi").partition(" ")[0]
    if shapes := _SHAPES_WITHOUT_AREA.get(kind):
        raise RequestError(
            f"{name} has {shapes}, which have no area. Choose a file with polygons, or draw one."
        )
    if info["crs"] is None:
        raise RequestError(
            f"{name} does not say which coordinate reference system its coordinates are in. Save "
            "it with one; for a Shapefile, put the .prj into the archive."
        )
    return layers, int(info["features"]), chosen


def _address_page(message: str) -> str:
    """Return a message without advice on parameters, which the page has none of."""
    sentences = _SENTENCES.split(message)
    kept = [sentences[0], *(each for each in sentences[1:] if "`" not in each)]
    if len(kept) < max(len(sentences), 2):
        kept.append("Choose another file, or draw the area.")
    return " ".join(kept)
