"""Select features of a layer by their attributes, and read one of these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hrdem.errors import RequestError
from hrdem.request.aoi.shape_part import Attributes, Selection
from hrdem.runtime.closest import find_closest
from hrdem.runtime.text import end_sentence


def choose_field(fields: Sequence[str], selection: Selection, name: str) -> str | None:
    """Return the field of a layer that a selection means; None if it names none.

    Args:
        fields: Names of the layer's fields.
        selection: What is selected; the case of its field does not count.
        name: Name of the file or the object, for messages.

    Raises:
        RequestError: If there is no such field, or several.
    """
    wanted = selection.field
    if wanted is None or wanted in fields:
        return wanted
    alike = [field for field in fields if field.casefold() == wanted.casefold()]
    if len(alike) == 1:
        return alike[0]
    if not fields:
        raise RequestError(
            f"{name} has no attributes, so that `name_by={wanted}` names none. Leave `name_by` out."
        )
    closest = find_closest(wanted, fields)
    hint = f"Did you mean {closest}? " if closest else ""
    raise RequestError(
        f"{name} has no field {wanted!r}, given as `name_by`. {hint}Its fields are: "
        f"{', '.join(fields)}."
    )


def check_selectable(selection: Selection | None, parameter: str) -> None:
    """Check that nothing is selected by attributes that a shape does not have.

    Raises:
        RequestError: If something is.
    """
    if selection is None:
        return
    for name, value in (("name_by", selection.field), ("where", selection.where)):
        if value is not None:
            raise RequestError(
                f"`{name}` needs attributes, and `{parameter}` is a shape without any. Give a "
                f"vector file or a GeoDataFrame, or leave `{name}` out."
            )


def choose_column(columns: Sequence[str], selection: Selection, name: str) -> str | None:
    """Return the column of a GeoDataFrame that a selection means; as `choose_field`.

    Raises:
        RequestError: If there is none, or a condition in SQL was given.
    """
    if selection.where is not None:
        raise RequestError(
            "`where` selects from files. Select the rows of the GeoDataFrame itself, for example "
            "by its query."
        )
    return choose_field(columns, selection, name)


def read_layer(
    source: Any, layer: int, selection: Selection, name: str
) -> tuple[Mapping[str, Any], Sequence[bytes | None], Attributes]:
    """Read the features of a layer that a selection selects, by pyogrio.

    Args:
        source: Path, virtual path of GDAL, or bytes.
        layer: Index of the layer.
        selection: What is selected.
        name: Name of the file, for messages.

    Returns:
        What pyogrio says about the layer, geometries as WKB, and their ids and values.

    Raises:
        RequestError: If a field is unknown, the condition invalid, or no feature meets it.
    """
    import pyogrio.raw  # noqa: PLC0415 (slow to import, and only files need it)
    from pyogrio.errors import DataLayerError, FeatureError  # noqa: PLC0415

    info = pyogrio.read_info(source, layer=layer)
    fields, key = info["fields"].tolist(), info["fid_column"]
    field = choose_field([*([key] if key else []), *fields], selection, name)
    where = selection.where
    if where is not None and not where.strip():  # GDAL would take all features
        raise RequestError(f"`where` is empty. {_explain_conditions(fields)}")
    try:
        meta, fids, blobs, columns = pyogrio.raw.read(
            source,
            layer=layer,
            columns=[field] if field in fields else [],
            where=where,
            return_fids=True,
            force_2d=True,
            datetime_as_string=True,
        )
    except (DataLayerError, FeatureError, ValueError) as exc:
        if where is None or where not in str(exc):
            raise
        cause = str(exc).partition(f"{where}: ")[2]
        found = end_sentence(f": {cause}") if cause else "."
        raise RequestError(
            f"`where` is not a condition in SQL that fits {name}{found} It was {where!r}. "
            f"{_explain_conditions(fields)}"
        ) from exc
    if where is not None and not len(fids):
        raise RequestError(
            f"No feature of {name} meets the condition of `where`, {where!r}; it has "
            f"{info['features']:,}. {_explain_conditions(fields)}"
        )
    ids = [str(fid) for fid in fids.tolist()]
    values: Sequence[Any] = [None] * len(ids)
    if field is not None:
        values = columns[0].tolist() if columns else ids
    return meta, blobs, Attributes(ids, values)


def _explain_conditions(fields: Sequence[str]) -> str:
    listed = ", ".join(fields) or "none"
    return f"Its fields are: {listed}; texts stand in single quotes, as in NAME = 'Don River'."
