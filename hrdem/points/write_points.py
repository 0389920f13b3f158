"""Write the rows of points with further columns, as CSV or as a layer of a GeoPackage."""

from __future__ import annotations

import csv
import datetime
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import shapely
from numpy.typing import NDArray

from hrdem.errors import OutputError, RequestError
from hrdem.output.paths import FileKind, check_no_input, check_output
from hrdem.points.table import BATCH_ROWS, Columns, PointTable, Times
from hrdem.runtime.atomic import publish, staging_dir
from hrdem.runtime.gdal_env import pinned_pyogrio
from hrdem.runtime.gdal_errors import translate_pyogrio_errors

Added = dict[str, NDArray[Any]]
GetColumns = Callable[[slice], Added]
LAYER = "points"
SUFFIXES = (".csv", ".gpkg")
_NO_ZONE, _UTC = 0, 100  # in OGR


def check_sample_output(output: Path, overwrite: bool, points: object = None) -> None:
    """Check that the rows can be written, before any work.

    Args:
        output: Path of the file.
        overwrite: Whether an existing file may be replaced.
        points: What the points are read from; if it is a path, it may not be replaced.

    Raises:
        RequestError: If the name does not end in ``.csv`` or ``.gpkg``, or is that of the points.
        OutputError: If it exists and may not be replaced, or cannot be written.
    """
    if output.suffix.lower() not in SUFFIXES:
        raise RequestError(
            f"{output.name} is not the name of a CSV file or a GeoPackage. Give an `output` that "
            "ends in .csv or .gpkg."
        )
    kind = FileKind.GEOPACKAGE if output.suffix.lower() == ".gpkg" else None
    check_output(output, overwrite, kind)
    check_no_input([output], [points])


def write_csv(table: PointTable, added: GetColumns, file: TextIO) -> None:
    """Write the rows as CSV; what is missing is an empty cell.

    Args:
        table: The points.
        added: Returns the columns to add for some points, by name: floating-point numbers, or text
            where "" is missing.
        file: Text file that is open for writing, without translation of line ends.
    """
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*table.rows.names, *_name_apart(table.rows.names, added(slice(0)))])
    for columns, more in _iterate(table, added):
        cells = [_to_text(each) for each in (*columns, *more)]
        writer.writerows(zip(*cells, strict=True))


def write_layer(table: PointTable, added: GetColumns, path: Path) -> None:
    """Write the rows as a layer of points in a new GeoPackage, in their own CRS.

    Args:
        table: The points.
        added: Columns to add, as for `write_csv`; what is missing is NULL.
        path: Path of a file to create.

    Raises:
        OSError: If it cannot be written.
    """
    import pyogrio.raw  # noqa: PLC0415 (slow to import, and only layers need it)

    names = _name_apart((), table.rows.names)  # GeoPackage names differ by more than case
    names += _name_apart(names, added(slice(0)))
    key, geometry = _name_apart(names, ("fid", "geom"))
    start = 0
    for columns, more in _iterate(table, added):
        stop = start + len(more[0])
        points = shapely.points(table.points[start:stop])
        wkb = shapely.to_wkb(np.where(np.isnan(table.points[start:stop, 0]), None, points))
        values, missing, zones = [], [], {}
        for name, column in zip(names, (*columns, *more), strict=True):
            if isinstance(column, Times):
                times, zones[name] = _convert_to_utc(column)
                values.append(times)
                missing.append(np.isnat(times))
            else:
                values.append(np.ma.getdata(column))
                missing.append(_is_missing(column))
        with pinned_pyogrio(), translate_pyogrio_errors():
            pyogrio.raw.write(
                path,
                wkb,
                values,
                fields=names,
                field_mask=missing,
                gdal_tz_offsets=zones,
                geometry_type="Point",
                crs=table.crs,
                layer=LAYER,
                driver="GPKG",
                append=start > 0,
                layer_options={"FID": key, "GEOMETRY_NAME": geometry},
            )
        start = stop


def publish_rows(table: PointTable, added: GetColumns, output: Path, *, overwrite: bool) -> None:
    """Write the rows of points with further columns, under their name once they are whole.

    Args:
        table: The points.
        added: Returns the columns to add to some of the rows, by name.
        output: Path that ends in ``.csv`` or ``.gpkg``.
        overwrite: Whether an existing file may be replaced.

    Raises:
        OutputError: If it exists and may not be replaced, or cannot be written.
    """
    try:
        with staging_dir(output) as folder:
            partial = folder / f"points{output.suffix.lower()}"
            if partial.suffix == ".gpkg":
                write_layer(table, added, partial)
            else:
                with partial.open("w", encoding="utf-8", newline="") as file:
                    write_csv(table, added, file)
            publish(partial, output, overwrite)
    except OutputError:
        raise
    except OSError as exc:
        raise OutputError(f"{output} cannot be written: {exc}.") from exc


def _iterate(table: PointTable, added: GetColumns) -> Iterator[tuple[Columns, Columns]]:
    """Yield the columns of the rows and those to add, a batch at a time."""
    start = 0
    for columns in table.rows.read_batches():
        stop = start + (len(columns[0]) if columns else BATCH_ROWS)
        yield columns, [*added(slice(start, stop)).values()]
        start = stop


def _name_apart(taken: Sequence[str], names: Iterable[str]) -> list[str]:
    """Return names of columns that are not taken, with a number behind them if need be."""
    folded = {name.casefold() for name in taken}
    apart = []
    for name in names:
        free, number = name, 2
        while free.casefold() in folded:
            free, number = f"{name}_{number}", number + 1
        apart.append(free)
        folded.add(free.casefold())
    return apart


def _to_text(values: NDArray[Any] | Times) -> list[str]:
    if isinstance(values, Times):
        values = values.text
    if values.dtype.kind == "f":  # the shortest text that is this number in its own precision
        return ["" if np.isnan(v) else np.format_float_positional(v, trim="-") for v in values]
    return ["" if value is None else str(value) for value in values.tolist()]


def _convert_to_utc(times: Times) -> tuple[NDArray[np.datetime64], NDArray[np.int64]]:
    """Return times, and their zones in OGR: UTC, as a GeoPackage has it, or none as given."""
    moments = np.full(len(times), "NaT", "datetime64[ms]")
    zones = np.full(len(times), _NO_ZONE)
    for number, text in enumerate(times.text):
        if text is None:
            continue
        time = datetime.datetime.fromisoformat(text)
        if time.tzinfo is not None:
            time, zones[number] = time.astimezone(datetime.UTC).replace(tzinfo=None), _UTC
        moments[number] = np.datetime64(time, "ms")
    return moments, zones


def _is_missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    missing: NDArray[np.bool_] = np.ma.getmaskarray(values)
    if values.dtype.kind == "f":
        missing = np.isnan(values)
    elif values.dtype.kind == "M":
        missing = np.isnat(values)
    elif values.dtype == object:
        missing = np.array([value is None or value == "" for value in values], np.bool_)
    return missing
