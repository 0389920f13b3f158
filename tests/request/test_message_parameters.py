"""The errors of a function advise only what it can follow."""

from __future__ import annotations

import ast
import functools
import itertools
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import hrdem
from hrdem import errors
from hrdem.errors import RequestError, ServerError
from hrdem.request import (
    fields,
    legacy_fields,
    picture_fields,
    points_fields,
    service_fields,
    survey_fields,
    tile_fields,
)
from hrdem.request.field import Field
from hrdem.request.message_parameters import (
    FIELDS,
    drop_foreign_advice,
    find_foreign,
)
from hrdem.request.signature import takes

PACKAGE = Path(hrdem.__file__).parent

#: the parameters of each function; `hrdem.estimate` and its errors are about a plan
FUNCTIONS = {
    "extract": fields.EXTRACT,
    "load": fields.LOAD,
    "plan": fields.PLAN,
    "preview": fields.PREVIEW,
    "search": fields.SEARCH,
    "assets": fields.ASSETS,
    "profile": points_fields.PROFILE,
    "sample": points_fields.SAMPLE,
    "surveys": survey_fields.SURVEYS,
    "compare": survey_fields.COMPARE,
    "view": picture_fields.VIEW,
    "cache": service_fields.CACHE_FOLDER,
    "legacy_bc": legacy_fields.BC,
    "legacy_cded": legacy_fields.CDED,
    "legacy_convert": legacy_fields.CONVERT,
    "tile_job": (*tile_fields.TILE_JOB, *tile_fields.ENGINE),  # and the methods of its result
}
RUNS = ("extract", "load", "plan")
ALL = (*RUNS, "preview", "search", "assets")

#: the functions that reach a room or a module; the longest path counts
REACHED_BY = {
    "request/aoi/": (*RUNS, "preview", "search", "tile_job", "surveys"),
    "request/aoi/attributes.py": ("tile_job",),
    "request/convert.py": (*RUNS, "preview", "search"),
    "request/advice.py": RUNS,
    "request/fill.py": RUNS,
    "request/output_grid.py": RUNS,
    "request/output_names.py": ("extract",),
    "request/request.py": RUNS,
    "http/cache/store.py": (*ALL, "cache"),
    "geo/": (*RUNS, "preview", "search"),
    "geo/band.py": (*RUNS, "preview"),
    "jobs/compare.py": ("compare",),
    "jobs/compare_surveys.py": ("compare",),
    "planning/": RUNS,
    "planning/resolve.py": (*RUNS, "preview"),
    "planning/versions.py": (*RUNS, "preview"),
    "planning/cost.py": ("extract",),  # and load, which has all but an output
    "sources/": (*RUNS, "preview"),
    "sources/gdal.py": RUNS,  # VRTs, and engine=gdal
    "sources/vrt.py": RUNS,
    "sources/wcs/": RUNS,
    "tiff/": (*RUNS, "preview"),
    "tiff/encode.py": ("extract",),
    "processing/": RUNS,
    "processing/memory_budget.py": ("extract", "load"),
    "output/": ("extract",),
    "output/paths.py": ("extract", "preview", "surveys"),
    "pictures/qml_style.py": ("extract",),
    "pictures/": ("view",),
    "pictures_api.py": ("view",),
    "surveys_api.py": ("compare",),
    "points/interpolate.py": ("sample", "profile"),
    "points/line.py": ("profile",),
    "tiling/": ("tile_job",),
    "runtime/atomic.py": ("extract", "preview", "surveys"),
    "runtime/utf8_folder.py": ("extract", "preview"),
    "runtime/gdal_settings.py": (),  # what a variable would cause, in a table
    "legacy/": ("legacy_cded",),
    "legacy/bc/": ("legacy_bc",),
    "legacy/archive.py": ("legacy_convert",),
    "legacy/inputs.py": ("legacy_convert",),
    "legacy/mosaic.py": ("legacy_convert",),
    "legacy/raster.py": ("legacy_convert",),
    "jobs/": (),
    "jobs/extract.py": ("extract",),
    "jobs/legacy_bc.py": ("legacy_bc",),
    "jobs/legacy_convert.py": ("legacy_convert",),
    "jobs/load.py": ("load",),
    "jobs/preview.py": ("preview",),
    "api.py": (),  # each message is in the function that it is about
    "calls.py": (),  # likewise
    "cli/": (),
}


@functools.cache
def read_messages() -> dict[str, list[str]]:
    """Return the texts of each module that are no docstrings, with … for what is filled in."""
    return {
        path.relative_to(PACKAGE).as_posix(): list(texts_in(ast.parse(path.read_text("utf-8"))))
        for path in PACKAGE.rglob("*.py")
    }


def texts_in(tree: ast.Module) -> Iterator[str]:
    nodes = list(ast.walk(tree))
    parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    prose = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if id(node) in parts | prose:
            continue
        if isinstance(node, ast.JoinedStr):
            yield "".join(p.value if isinstance(p, ast.Constant) else "…" for p in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def is_table(module: str) -> bool:
    """Whether a module has rows of parameters: their help is tested by itself."""
    return re.fullmatch(r"request/(\w+_)?fields\.py", module) is not None


def functions_that_reach(module: str) -> tuple[str, ...]:
    if is_table(module):
        return ()
    prefixes = [prefix for prefix in REACHED_BY if module.startswith(prefix)]
    return REACHED_BY[max(prefixes, key=len)] if prefixes else ALL


@pytest.mark.slow
def test_no_message_names_what_the_function_that_gives_it_lacks() -> None:
    """Every text of every module, in the words of each function that can get there."""
    for module, texts in read_messages().items():
        for text, name in itertools.product(texts, functions_that_reach(module)):
            available = {field.name for field in FUNCTIONS[name]}
            # advice that is added to another sentence starts with a blank
            left = drop_foreign_advice(f"…{text}" if text.startswith(" ") else text, available)
            assert not find_foreign(left, available), (module, name, left)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_help_of_a_function_names_only_its_own_parameters(name: str) -> None:
    available = {field.name for field in FUNCTIONS[name]}
    for field in FUNCTIONS[name]:
        assert not find_foreign(f"{field.help} {field.default_text}", available)


def test_messages_below_the_command_line_name_parameters() -> None:
    """An option has no meaning to a user of Python."""
    options = {flag for field in FIELDS.values() for flag in (field.option, *field.flags)}
    named = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, options))})(?![\w-])")
    for module, texts in read_messages().items():
        if not module.startswith(("cli/", "demo/")) and not is_table(module):
            assert not [text for text in texts if named.search(text)], module


def test_parameters_in_backquotes_exist() -> None:
    texts = itertools.chain(*read_messages().values())
    named = {name for text in texts for name in re.findall(r"`([a-z_]+)(?:=[^`]*)?`", text)}
    assert named <= FIELDS.keys()


def test_every_path_of_the_table_exists() -> None:
    assert all((PACKAGE / path).exists() for path in REACHED_BY)


@pytest.mark.parametrize(
    ("message", "left"),
    [
        (
            "a.tif is gone. It may have moved: try later. Or try `via=vrt`. `allow_partial` helps.",
            "a.tif is gone. It may have moved: try later.",
        ),
        ("`via=vrt` is not there. Leave it out.", "`via=vrt` is not there. Leave it out."),
        ("It is gone. Check `stac_url`.", "It is gone. Check `stac_url`."),
        ("It is gone. Run `pyproj sync`.", "It is gone. Run `pyproj sync`."),
    ],
)
def test_sentences_that_a_preview_cannot_follow_are_left_out(message: str, left: str) -> None:
    assert drop_foreign_advice(message, {field.name for field in fields.PREVIEW}) == left


@pytest.mark.parametrize(
    ("table", "also", "message"),
    [
        (service_fields.CACHE, (), "It failed."),
        (service_fields.CACHE, fields.PLAN, "It failed. `allow_partial` helps."),
        (fields.PLAN, (), "It failed. `allow_partial` helps."),
    ],
)
def test_a_function_rewords_its_errors(table: tuple[Field, ...], also, message: str) -> None:
    @takes(table, advice=also)
    def fail(**params: object) -> None:
        raise ServerError("It failed. `allow_partial` helps.", 404)

    required = {field.name: "dtm" for field in table if field.required}
    with pytest.raises(ServerError) as caught:
        fail(**required)
    assert (str(caught.value), caught.value.status) == (message, 404)


def test_errors_of_conversion_are_reworded_too() -> None:
    """A box with a CRS of its own belongs into `aoi`, which every function with boxes has."""

    @takes((FIELDS["bbox"],))
    def search(**params: object) -> None:
        raise AssertionError

    class Frame:
        crs = "EPSG:4326"

    with pytest.raises(RequestError, match="has a CRS of its own.$"):
        search(bbox=Frame())


@pytest.mark.parametrize("name", sorted(name for name in vars(errors) if name.endswith("Error")))
def test_errors_of_every_class_can_be_reworded(name: str) -> None:
    """Some standard exceptions print a copy of their message."""
    error = getattr(errors, name)("a")
    error.__cause__ = ValueError()
    error.reword("b")
    assert (str(error), type(error.__cause__)) == ("b", ValueError)
    assert str(pickle.loads(pickle.dumps(error))) == "b"
