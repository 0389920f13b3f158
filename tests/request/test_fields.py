"""The table of fields, which signatures, defaults and checks follow from."""

from __future__ import annotations

import inspect
from typing import Any, Unpack

import pytest

import hrdem
from hrdem.request import (
    fields,
    file_fields,
    legacy_fields,
    output_names,
    params,
    points_fields,
    service_fields,
    survey_fields,
    tile_fields,
)
from hrdem.request.field import Field
from hrdem.request.signature import complete, takes

TABLES: dict[str, tuple[tuple[Field, ...], Any]] = {
    "extract": (fields.EXTRACT, params.ExtractParams),
    "extract_products": (output_names.EXTRACT_PRODUCTS, params.ExtractProductsParams),
    "load": (fields.LOAD, params.LoadParams),
    "plan": (fields.PLAN, params.PlanParams),
    "estimate": (service_fields.CACHE, params.CacheParams),
    "preview": (fields.PREVIEW, params.PreviewParams),
    "search": (fields.SEARCH, params.SearchParams),
    "assets": (fields.ASSETS, params.AssetsParams),
    "compare": (survey_fields.COMPARE, params.CompareRastersParams),
    "profile": (points_fields.PROFILE, params.ProfileParams),
    "sample": (points_fields.SAMPLE, params.SampleParams),
    "rerun": (file_fields.RERUN, params.RerunParams),
    "surveys": (survey_fields.SURVEYS, params.SurveysParams),
    "doctor": (fields.DOCTOR, params.DoctorParams),
    "legacy_bc": (legacy_fields.BC, params.BcParams),
    "legacy_cded": (legacy_fields.CDED, params.CdedParams),
    "tile_job": (tile_fields.TILE_JOB, params.TileJobParams),
}


@pytest.mark.parametrize("name", TABLES)
def test_types_agree_with_the_table(name: str) -> None:
    table, typed = TABLES[name]
    assert {field.name for field in table} == typed.__annotations__.keys()
    required = {name for name, kind in typed.__annotations__.items() if "Required[" in str(kind)}
    assert {field.name for field in table if field.required} == required


@pytest.mark.parametrize("name", TABLES)
def test_signatures_agree_with_the_table(name: str) -> None:
    shown = inspect.signature(getattr(hrdem, name)).parameters
    for field in TABLES[name][0]:
        default = inspect.Parameter.empty if field.required else field.default
        assert shown[field.name].default == default
        assert shown[field.name].kind is inspect.Parameter.KEYWORD_ONLY


def test_names_are_unique_in_each_table() -> None:
    for table, _ in TABLES.values():
        assert len({field.name for field in table}) == len(table)


def test_defaults_are_valid_choices() -> None:
    for field in fields.EXTRACT:
        if field.choices:
            assert field.default in list(field.choices)


@takes(fields.ASSETS)
def listed(item: str, **params: Unpack[params.AssetsParams]) -> dict[str, Any]:
    return {"item": item, **params}


def test_function_receives_every_field() -> None:
    values = listed("9_2", kind="vrt")
    assert values["item"] == "9_2"
    assert values["kind"] == "vrt"
    assert values["product"] is None
    assert values["max_cache"] == 20_000_000_000


def test_unknown_parameter_suggests_the_closest() -> None:
    with pytest.raises(TypeError, match="no parameter 'ofline'. Did you mean 'offline'"):
        listed("9_2", ofline=True)  # type: ignore[call-arg]


def test_missing_parameter_is_named() -> None:
    with pytest.raises(TypeError, match="'product' is required"):
        complete(fields.REQUEST, {"bbox": (-76, 45, -75, 46)})


def test_invalid_choice_is_a_request_error() -> None:
    with pytest.raises(hrdem.RequestError, match="vrt"):
        listed("9_2", kind="tif")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("max_memory", "300MB"),
        ("max_cache", "20GB"),
        ("wcs_limit", "300"),
        ("via", "auto"),
        ("crs", "EPSG:3979"),
        ("fill", ""),
        ("offline", ""),
    ],
)
def test_defaults_are_shown_as_users_write_them(name: str, shown: str) -> None:
    (field,) = (field for field in fields.EXTRACT if field.name == name)
    assert field.displayed_default == shown
