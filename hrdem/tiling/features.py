"""Areas that get a file each: features of a layer, listed NTS sheets, circles around points."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry.base import BaseGeometry

from hrdem.errors import NoDataError, RequestError
from hrdem.geo.crs import LONLAT, NATIVE_CRS
from hrdem.geo.datum import get_operation, link_crs
from hrdem.geo.reproject import project_geometry
from hrdem.request.aoi.aoi import Aoi
from hrdem.request.aoi.geometry import extract_polygons
from hrdem.request.aoi.local_files import resolve_local_path
from hrdem.request.aoi.nts import Sheet, parse_sheets
from hrdem.request.aoi.parse import ParsedAoi, check_length, parse_circle
from hrdem.request.aoi.shape_part import Selection, ShapePart
from hrdem.request.aoi.unite import unite_shapes
from hrdem.request.aoi.vector import read_parts
from hrdem.tiling.lists import read_points, read_sheets
from hrdem.tiling.names import list_some, name_tiles

log = logging.getLogger(__name__)

_LIST_SUFFIXES = (".csv", ".tsv", ".txt")


@dataclass(frozen=True, slots=True)
class Feature:
    """An area that gets a file of its own.

    Attributes:
        name: Name of the file without its suffix: valid on every system, and no other feature has
            it.
        aoi: The area.
    """

    name: str
    aoi: Aoi


@dataclass(frozen=True, slots=True)
class Features:
    """Areas that get a file each.

    Attributes:
        areas: The areas, in the order in which they were listed.
        whole: All of them as one area.
    """

    areas: tuple[Feature, ...]
    whole: ParsedAoi


@dataclass(frozen=True, slots=True)
class _Draft:
    """An area before it is checked.

    Attributes:
        id: Its number or id, which no other has.
        value: Attribute that names it; None if there is none.
        label: Short description, for messages and provenance.
        make: Checks and creates the area, which has the label.
    """

    id: str
    value: object
    label: str
    make: Callable[[str], Aoi]


class _NoAreaError(RequestError):
    """A feature is a point or a line, or has no geometry."""


def read_features(values: Mapping[str, Any]) -> Features:
    """Read the areas that get a file each.

    Features that are outside Canada or have no area are left out, with a warning that names them.
    Invalid polygons are repaired, with a warning.

    Args:
        values: The parameters of an area, of which one of ``aoi``, ``nts`` and ``point`` is given;
            ``name_by`` and ``where``.

    Raises:
        RequestError: If they are invalid, or no feature has an area.
        NoDataError: If all features are outside Canada.
    """
    buffer = 0.0
    if values["buffer"] is not None:
        buffer = values["buffer"]
        check_length(buffer, "buffer")
    if values["nts"] is not None:
        return _make_features(_draft_sheets(values, buffer), values, "sheet", is_polygon=False)
    if values["point"] is not None:
        return _make_features(_draft_points(values, buffer), values, "point", is_polygon=True)
    parts, crs = _read_layer(values, "aoi")
    drafts = _draft_shapes(parts, crs, buffer, allow=values["allow_inaccurate_datum"])
    return _make_features(drafts, values, _get_prefix(parts[0]), is_polygon=True)


def _read_layer(values: Mapping[str, Any], parameter: str) -> tuple[list[ShapePart], str]:
    selection = Selection(values["name_by"], values["where"])
    return read_parts(
        values[parameter], values["aoi_crs"], values["layer"], parameter, selection=selection
    )


def _draft_shapes(
    parts: Sequence[ShapePart], crs: str, buffer: float, *, allow: bool
) -> Iterator[_Draft]:
    """Yield the features of a layer, or of several."""

    def make(label: str, geometry: BaseGeometry | None, declared: str | None) -> Aoi:
        if geometry is None or geometry.is_empty:
            raise _NoAreaError(f"{label} has no geometry. Give features that are polygons.")
        shape = unite_shapes([[geometry]], crs, label, declared).geometry
        if not buffer and extract_polygons(shape).is_empty:
            raise _NoAreaError(
                f"{label} has no area: it is a {geometry.geom_type}. Give polygons, or give "
                "`buffer` in metres to take the area around each feature."
            )
        return Aoi.from_shape(shape, crs, label, buffer, allow_inaccurate_datum=allow)

    for part, key, value, geometry in _iterate(parts):
        create = functools.partial(make, geometry=geometry, declared=part.declared)
        yield _Draft(key, value, _describe(part, key, value), create)


def _draft_points(values: Mapping[str, Any], buffer: float) -> Iterator[_Draft]:
    """Yield circles around a point, or around those of a list or of a layer."""
    point, radius = values["point"], values["radius"]

    def make(label: str, longitude: float, latitude: float) -> Aoi:
        return parse_circle((longitude, latitude), radius, buffer, label)

    if is_list_file(point):
        path = resolve_local_path(point, "point")
        if path.suffix.lower() in _LIST_SUFFIXES:
            _check_no_condition(values, path)
            for listed in read_points(path, values["name_by"]):
                label = f"{path.name}, line {listed.line}"
                create = functools.partial(
                    make, longitude=listed.longitude, latitude=listed.latitude
                )
                yield _Draft(str(listed.line), listed.name, label, create)
            return
    elif not hasattr(type(point), "total_bounds"):
        longitude, latitude = point
        label = f"{longitude:.10g},{latitude:.10g}"
        yield _Draft(
            "1", None, label, functools.partial(make, longitude=longitude, latitude=latitude)
        )
        return
    parts, crs = _read_layer(values, "point")
    allow = values["allow_inaccurate_datum"]
    for part, key, value, geometry in _iterate(parts):
        label = _describe(part, key, value)
        create = functools.partial(_make_circle, geometry, crs, make, allow=allow)
        yield _Draft(key, value, label, create)


def _make_circle(
    geometry: BaseGeometry | None, crs: str, make: Callable[..., Aoi], label: str, *, allow: bool
) -> Aoi:
    if geometry is None or geometry.is_empty:
        raise _NoAreaError(f"{label} has no geometry. Give features that are points.")
    if geometry.geom_type == "MultiPoint" and len(geometry.geoms) == 1:
        (geometry,) = geometry.geoms
    if geometry.geom_type != "Point":
        raise RequestError(
            f"{label} is a {geometry.geom_type}, and `point` takes points. Give the file as `aoi`; "
            "`buffer` takes the area around lines and points."
        )
    source = link_crs(crs, geometry.bounds, crs, allow_inaccurate=allow)
    centre = project_geometry(geometry, source, LONLAT)
    circle = make(label, longitude=centre.x, latitude=centre.y)
    return replace(circle, operation=get_operation(source))


def _draft_sheets(values: Mapping[str, Any], buffer: float) -> Iterator[_Draft]:
    """Yield NTS sheets, each once."""
    names = values["nts"]
    if is_list_file(names):
        path = resolve_local_path(names, "nts")
        _check_no_condition(values, path)
        listed = [(each.sheet, each.name) for each in read_sheets(path, values["name_by"])]
    else:
        if values["name_by"] is not None:
            raise RequestError(
                "`name_by` names a column, and `nts` has none: sheets have names of their own. "
                "Leave `name_by` out, or give a CSV file as `nts`."
            )
        _check_no_condition(values, "a list of sheets")
        listed = [(sheet, None) for sheet in parse_sheets(names)]

    def make(label: str, sheet: Sheet) -> Aoi:
        return Aoi.from_shape(shapely.box(*sheet.bounds), LONLAT, label, buffer)

    for sheet, name in dict(listed).items():
        create = functools.partial(make, sheet=sheet)
        yield _Draft(sheet.name, name or sheet.name, f"NTS {sheet.name}", create)


def is_list_file(value: Any) -> bool:
    """Whether a value of ``nts`` or ``point`` is the path of a file."""
    if isinstance(value, os.PathLike):
        return True
    if not isinstance(value, str):
        return False
    is_there = os.path.exists(value)  # noqa: PTH110 (a text may be too long for Path)
    return is_there or Path(value).suffix.lower() in _LIST_SUFFIXES


def _check_no_condition(values: Mapping[str, Any], source: Path | str) -> None:
    if values["where"] is not None:
        name = source.name if isinstance(source, Path) else source
        raise RequestError(
            f"`where` selects features of a layer, and {name} is none. Leave `where` out, or give "
            "a vector file."
        )


def _iterate(
    parts: Sequence[ShapePart],
) -> Iterator[tuple[ShapePart, str, object, BaseGeometry | None]]:
    """Yield the features of parts, each with an id that no other has, and its value."""
    for number, part in enumerate(parts, 1):
        count = len(part.geometries)
        ids: Sequence[str] = [str(each) for each in range(1, count + 1)]
        values: Sequence[object] = [None] * count
        if part.attributes is not None:
            ids, values = part.attributes.ids, part.attributes.values
        for key, value, geometry in zip(ids, values, part.geometries, strict=True):
            if value != value:  # noqa: PLR0124 (NaN)
                value = None  # noqa: PLW2901
            yield part, f"{number}.{key}" if len(parts) > 1 else key, value, geometry


def _describe(part: ShapePart, key: str, value: object) -> str:
    """Describe a feature, for messages and provenance."""
    origin = part.label if part.is_file else "the layer"
    return f"feature {key} of {origin}" if value is None else f"{value} (feature {key} of {origin})"


def _get_prefix(part: ShapePart) -> str:
    """Return what names of features that have no own start with: the layer or the file."""
    if not part.is_file:
        return "feature"
    return (
        part.label.rpartition(", layer ")[2] if ", layer " in part.label else Path(part.label).stem
    )


def _make_features(
    drafts: Iterable[_Draft], values: Mapping[str, Any], prefix: str, *, is_polygon: bool
) -> Features:
    """Check areas, leave out those that cannot have pixels, and name the others."""
    kept: list[tuple[_Draft, Aoi]] = []
    outside: dict[str, NoDataError] = {}
    flat: dict[str, _NoAreaError] = {}
    for draft in drafts:
        try:
            kept.append((draft, draft.make(draft.label)))
        except NoDataError as exc:
            outside[draft.label] = exc
        except _NoAreaError as exc:
            flat[draft.label] = exc
    if not kept:
        raise next(iter([*flat.values(), *outside.values()]))
    for left_out, reason in ((outside, "are outside Canada"), (flat, "have no area")):
        if left_out:
            labels = list_some(list(left_out))
            log.warning("Features that %s are left out: %s.", reason, labels)
    names = name_tiles(
        [draft.value for draft, _ in kept],
        [draft.id for draft, _ in kept],
        prefix,
        values["name_by"],
    )
    areas = tuple(Feature(name, aoi) for name, (_, aoi) in zip(names, kept, strict=True))
    return Features(areas, ParsedAoi(_unite(areas), is_polygon=is_polygon))


def _unite(areas: Sequence[Feature]) -> Aoi:
    """Return all areas as one, in EPSG:3979; a single one as it is."""
    first = areas[0].aoi
    if len(areas) == 1:
        return first
    united = shapely.disjoint_subset_union_all([area.aoi.geometry for area in areas])
    label = f"{first.label} and {len(areas) - 1} more"
    return Aoi(united, NATIVE_CRS, united, label, first.operation)
