"""Imports run one way, start-up is light, the API is whole, and every module has its tests."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import hrdem
from hrdem.demo import Addresses

PACKAGE = Path(hrdem.__file__).parent
TESTS = Path(__file__).parent

# From the ground up. A module imports from earlier rows and from its own room.
ROOMS = (
    ("errors", "_version"),
    ("runtime",),
    ("geo", "demo"),
    ("tiff", "http", "usgsdem"),
    ("request",),
    ("catalog", "sources"),
    ("planning",),
    ("processing",),
    ("output",),
    ("pictures",),
    ("legacy", "points"),
    ("jobs",),
    ("tiling",),
    (
        *("areas_api", "calls", "files_api", "legacy_api", "lists_api", "pictures_api"),
        *("points_api", "surveys_api", "tiling_api"),
    ),
    ("products_api", "rerun_api"),
    ("api",),
    ("__init__",),
    ("app",),
    ("cli",),
    ("__main__",),
)
KINDS = {
    "browser",
    "faults",
    "fuzz",
    "live",
    "readers",
    "replays",
    "services",
}  # tests that span rooms

# Modules without a test file of their own that no test imports, and the file that covers them.
COVERED_BY = {
    "hrdem.api": "jobs/test_extract.py",
    "hrdem.app.coordinate_text": "app/test_find.py",
    "hrdem.app.job_process": "app/test_job_queue.py",
    "hrdem.app.estimates": "app/test_looks.py",
    "hrdem.app.heights": "app/test_looks.py",
    "hrdem.app.shared_session": "app/test_looks.py",
    "hrdem.app.surveys": "app/test_looks.py",
    "hrdem.app.recent": "app/test_looks.py",
    "hrdem.app.routes.jobs": "app/test_job_queue.py",
    "hrdem.app.routes.tiles": "app/test_looks.py",
    "hrdem.app.state": "app/test_looks.py",
    "hrdem.areas_api": "request/test_outline.py",
    "hrdem.calls": "jobs/test_extract.py",
    "hrdem.catalog.stac_io": "faults/test_catalogue.py",
    "hrdem.cli.app": "app/test_server.py",
    "hrdem.cli.app_options": "app/test_server.py",
    "hrdem.cli.cache": "faults/test_resume.py",
    "hrdem.cli.compare": "jobs/test_compare.py",
    "hrdem.cli.demo": "cli/test_commands.py",
    "hrdem.cli.extract": "cli/test_commands.py",
    "hrdem.cli.lazy_group": "cli/test_commands.py",
    "hrdem.cli.legacy_compare": "jobs/test_legacy_compare.py",
    "hrdem.cli.plan": "cli/test_commands.py",
    "hrdem.cli.preview": "faults/test_preview.py",
    "hrdem.cli.profile": "jobs/test_make_profile.py",
    "hrdem.cli.sample": "jobs/test_sample_points.py",
    "hrdem.cli.rerun": "jobs/test_rerun.py",
    "hrdem.cli.search": "cli/test_commands.py",
    "hrdem.cli.show_tiles": "cli/test_tile.py",
    "hrdem.cli.status": "jobs/test_status.py",
    "hrdem.cli.surveys": "jobs/test_list_surveys.py",
    "hrdem.cli.tile_index": "cli/test_tile.py",
    "hrdem.cli.tile_retry": "cli/test_tile.py",
    "hrdem.cli.tile_status": "cli/test_tile.py",
    "hrdem.cli.tile_verify": "cli/test_tile.py",
    "hrdem.cli.verify": "jobs/test_verify.py",
    "hrdem.cli.view": "jobs/test_view.py",
    "hrdem.files_api": "jobs/test_verify.py",
    "hrdem.http.body": "faults/test_hostile_bodies.py",
    "hrdem.http.body_reader": "faults/test_hostile_bodies.py",
    "hrdem.http.cache.disk": "http/test_part_store.py",
    "hrdem.http.cache.entries": "http/test_store.py",
    "hrdem.http.early": "catalog/test_early_search.py",
    "hrdem.http.parsed": "faults/test_passing_faults.py",
    "hrdem.http.range_buffer": "faults/test_client.py",
    "hrdem.jobs.compare_surveys": "jobs/test_single_surveys.py",
    "hrdem.jobs.execute": "jobs/test_extract.py",
    "hrdem.jobs.link_sources": "output/test_remote_vrt.py",
    "hrdem.jobs.run_tiles": "jobs/test_extract.py",
    "hrdem.legacy.cded.csdgm": "legacy/test_metadata.py",
    "hrdem.legacy.cded.lineage": "legacy/test_metadata.py",
    "hrdem.legacy.check.bc_ascii": "legacy/test_check_bc.py",
    "hrdem.legacy.check.bc_dem": "legacy/test_check_bc.py",
    "hrdem.legacy.check.bc_header": "legacy/test_check_bc.py",
    "hrdem.legacy.check.bc_heights": "legacy/test_check_bc.py",
    "hrdem.legacy.check.bc_hillshade": "legacy/test_check_bc.py",
    "hrdem.legacy.check.bc_set": "legacy/test_check_bc.py",
    "hrdem.legacy.check.bc_tiff": "legacy/test_check_bc.py",
    "hrdem.legacy.check.bc_world_file": "legacy/test_check_bc.py",
    "hrdem.legacy.check.cded": "legacy/test_check_cded.py",
    "hrdem.legacy.check.cded_header": "legacy/test_check_cded.py",
    "hrdem.legacy.check.edition": "legacy/test_check_cded.py",
    "hrdem.legacy.check.numbers": "legacy/test_check_cded.py",
    "hrdem.legacy.check.records": "legacy/test_check_cded.py",
    "hrdem.legacy.check.sniff": "legacy/test_check_cded.py",
    "hrdem.legacy.check.spikes": "legacy/test_check_cded.py",
    "hrdem.legacy.check.type_a": "legacy/test_check_cded.py",
    "hrdem.legacy.check.type_b": "legacy/test_check_cded.py",
    "hrdem.legacy.comparison": "jobs/test_legacy_compare.py",
    "hrdem.legacy_api": "cli/test_legacy_check.py",
    "hrdem.lists_api": "app/test_choices.py",
    "hrdem.output.citation": "jobs/test_verify.py",
    "hrdem.output.overviews": "output/test_cog.py",
    "hrdem.output.pam": "jobs/test_preview.py",
    "hrdem.output.png": "faults/test_preview.py",
    "hrdem.output.provenance": "jobs/test_extract.py",
    "hrdem.output.raster_tags": "output/test_publish.py",
    "hrdem.output.recorded_run": "jobs/test_rerun.py",
    "hrdem.output.result": "jobs/test_extract.py",
    "hrdem.output.vrt": "output/test_remote_vrt.py",
    "hrdem.pictures.summary": "jobs/test_view.py",
    "hrdem.pictures.words": "pictures/test_terminal.py",
    "hrdem.pictures_api": "jobs/test_view.py",
    "hrdem.planning.cost": "faults/test_resume.py",
    "hrdem.planning.find_flights": "processing/test_survey_years.py",
    "hrdem.planning.find_gaps": "jobs/test_partial.py",
    "hrdem.planning.flight": "processing/test_survey_years.py",
    "hrdem.planning.gap": "jobs/test_partial.py",
    "hrdem.planning.make_mosaic": "processing/test_tiers.py",
    "hrdem.planning.merge_grid": "processing/test_block_copy.py",
    "hrdem.planning.resolved": "faults/test_wcs_fallback.py",
    "hrdem.planning.target": "processing/test_tiers.py",
    "hrdem.planning.versions": "faults/test_sources.py",
    "hrdem.planning.wcs_fallback": "faults/test_wcs_fallback.py",
    "hrdem.points.csv_points": "jobs/test_sample_points.py",
    "hrdem.points.frame_rows": "points/test_write_points.py",
    "hrdem.points.group_points": "jobs/test_sample_points.py",
    "hrdem.points.samples": "jobs/test_sample_points.py",
    "hrdem.points.table": "jobs/test_sample_points.py",
    "hrdem.points_api": "jobs/test_sample_points.py",
    "hrdem.processing.merged_raster": "processing/test_warp.py",
    "hrdem.planning.shared": "jobs/test_extract_products.py",
    "hrdem.processing.stage": "processing/test_derive.py",
    "hrdem.processing.tile_result": "processing/test_tiers.py",
    "hrdem.request.request_document": "jobs/test_rerun.py",
    "hrdem.rerun_api": "jobs/test_rerun.py",
    "hrdem.request.aoi.attributes": "tiling/test_features.py",
    "hrdem.request.aoi.local_files": "request/test_vector.py",
    "hrdem.request.aoi.ogr": "request/test_vector.py",
    "hrdem.request.aoi.plausibility": "request/test_vector.py",
    "hrdem.request.aoi.shape_part": "request/test_objects.py",
    "hrdem.request.file_uris": "request/test_convert.py",
    "hrdem.request.protocols": "request/test_objects.py",
    "hrdem.runtime.limits": "faults/test_resume.py",
    "hrdem.runtime.memory": "processing/test_memory_budget.py",
    "hrdem.runtime.temporary_files": "legacy/test_pixel_store.py",
    "hrdem.runtime.windows_locks": "runtime/test_locks.py",
    "hrdem.sources.tile_reader": "sources/test_cog.py",
    "hrdem.products_api": "jobs/test_extract_products.py",
    "hrdem.surveys_api": "jobs/test_list_surveys.py",
    "hrdem.tiling_api": "cli/test_tile.py",
    "hrdem.tiff.band_metadata": "sources/test_band.py",
    "hrdem.tiff.read_ifd": "fuzz/test_hostile.py",
    "hrdem.tiling.check_raster": "tiling/test_verify_tiles.py",
    "hrdem.tiling.cut_tiles": "tiling/test_freeze_job.py",
    "hrdem.tiling.index.collection": "tiling/test_write_index.py",
    "hrdem.tiling.index.item_table": "tiling/test_write_index.py",
    "hrdem.tiling.lists": "tiling/test_features.py",
    "hrdem.tiling.plan_job": "cli/test_tile.py",
}

# Private names that tests import or replace, until a public one takes their place.
PRIVATE_NAMES: set[str] = set()
HEAVY = (
    "dask",
    "httpx",
    "matplotlib",
    "numpy",
    "pyogrio",
    "pyproj",
    "pystac",
    "pystac_client",
    "rasterio",
    "requests",
    "rich",
    "shapely",
    "xarray",
)
# what the extraction of a box from COGs does without: modules take most of the time of a small one
OF_OTHER_RUNS = (
    *("dask", "html", "multiprocessing", "pyogrio", "pystac_client", "requests", "rich"),
    *("truststore", "urllib3", "xarray"),
    *("hrdem.catalog.surveys", "hrdem.cli", "hrdem.geo.ground", "hrdem.jobs.doctor"),
    *("hrdem.jobs.load", "hrdem.jobs.preview", "hrdem.legacy", "hrdem.output.cog"),
    *("hrdem.pictures", "matplotlib"),
    *("hrdem.output.png", "hrdem.planning.estimate", "hrdem.processing.block_copy"),
    *("hrdem.processing.compose", "hrdem.processing.derive", "hrdem.processing.stage"),
    *("hrdem.processing.terrain", "hrdem.processing.warp", "hrdem.request.aoi.like"),
    *("hrdem.request.aoi.nts", "hrdem.request.aoi.vector", "hrdem.sources.gdal"),
    *("hrdem.sources.vrt", "hrdem.sources.wcs", "hrdem.sources.wms", "hrdem.usgsdem"),
)


def modules() -> dict[str, Path]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


@functools.cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    """The nodes of a file's syntax that import, or name something; parsed once."""
    kinds = ast.Import, ast.ImportFrom, ast.Constant, ast.Attribute, ast.Call
    tree = ast.parse(path.read_text("utf-8"))
    return tuple(node for node in ast.walk(tree) if isinstance(node, kinds))


@functools.cache
def imported_by(path: Path) -> frozenset[str]:
    """The package's modules that a file imports, anywhere in its text."""
    return frozenset(find_imports(path))


def find_imports(path: Path) -> Iterator[str]:
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            source = node.module or ""
            names = [
                f"{source}.{alias.name}" if f"{source}.{alias.name}" in MODULES else source
                for alias in node.names
            ]
        else:
            continue
        yield from (name for name in names if name in MODULES)


def room_of(module: str) -> str:
    """The room of a module: the first part of its name below the package."""
    return module.split(".")[1] if "." in module else "__init__"


def row_of(module: str) -> int:
    """The row of a module; StopIteration if its room has none."""
    return next(number for number, row in enumerate(ROOMS) if room_of(module) in row)


def test_no_module_imports_upward_or_sideways() -> None:
    for module in sorted(MODULES):
        for other in imported_by(MODULES[module]):
            if room_of(other) != room_of(module):
                assert row_of(other) < row_of(module), f"{module} imports {other}"


def test_the_page_uses_public_names_alone() -> None:
    for module in sorted(each for each in MODULES if room_of(each) == "app"):
        others = {each for each in imported_by(MODULES[module]) if room_of(each) != "app"}
        assert others <= {"hrdem", "hrdem.errors"}, module


def test_no_import_cycle() -> None:
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path, module))
        if module not in done:
            for other in imported_by(MODULES[module]):
                visit(other, (*path, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())


def test_an_upward_import_is_detected(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    guilty = tmp_path / "locks.py"
    guilty.write_text("def f():\n    from hrdem.api import extract\n")
    monkeypatch.setitem(MODULES, "hrdem.runtime.locks", guilty)
    with pytest.raises(AssertionError, match=r"hrdem\.runtime\.locks imports hrdem\.api"):
        test_no_module_imports_upward_or_sideways()


@pytest.mark.parametrize(
    "arguments", [["--help"], ["extract", "--help"], ["preview", "--help"], ["--version"]]
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys; from hrdem.cli.main import run; "
        f"code = run({arguments!r}); "
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr); "
        "sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr.strip() == "[]"


def test_importing_the_package_imports_nothing_heavy() -> None:
    program = f"import sys, hrdem; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_first_search_is_sent_before_anything_heavy_is_imported() -> None:
    program = (
        "import sys, hrdem.cli.extract, hrdem.catalog.early_search; "
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_garbage_is_collected_again_when_the_command_line_is_imported() -> None:
    program = (
        "import gc, sys; import hrdem.__main__ as command; import hrdem.cli.main; "
        "hrdem.cli.main.main = lambda: print(gc.isenabled(), gc.get_freeze_count() > 10_000); "
        "command.main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "True True", done.stderr


def test_plain_extraction_imports_no_more_than_it_uses(demo: Addresses, tmp_path: Path) -> None:
    program = (
        "import sys, hrdem; "
        "hrdem.extract(bbox=(-75.7, 45.4, -75.699, 45.401), product='dtm', no_cache=True, "
        "stac_url=sys.argv[1], output=sys.argv[2]); "
        f"print([name for name in {OF_OTHER_RUNS!r} if name in sys.modules])"
    )
    command = [sys.executable, "-c", program, demo.by_option["stac_url"], str(tmp_path / "a.tif")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_every_public_name_is_there_and_documented() -> None:
    for name in hrdem.__all__:
        assert name == "__version__" or getattr(hrdem, name).__doc__, name
    assert set(dir(hrdem)) == set(hrdem.__all__)


def test_no_module_hides_a_public_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """`hrdem.plan` has to be the function, whatever was imported before."""
    assert not hidden_names()
    monkeypatch.setitem(MODULES, "hrdem.plan", PACKAGE / "plan" / "__init__.py")
    assert hidden_names() == {"hrdem.plan"}


def hidden_names() -> set[str]:
    return {f"hrdem.{name}" for name in hrdem.__all__} & MODULES.keys()


def test_every_test_folder_is_a_room_or_a_kind() -> None:
    folders = {path.parent.relative_to(TESTS).parts[0] for path in TESTS.glob("*/**/test_*.py")}
    assert folders - KINDS <= {room_of(module) for module in MODULES}


def test_every_module_has_its_tests() -> None:
    """A test file of its name in its room, a test that imports it, or a row in COVERED_BY."""
    imported = {module for path in TESTS.rglob("*.py") for module in imported_by(path)}
    own = {path.relative_to(TESTS).as_posix() for path in TESTS.rglob("test_*.py")}
    uncovered = {
        module
        for module, path in MODULES.items()
        if room_of(module) not in ("__init__", "__main__", "_version", "demo")
        and path.name != "__init__.py"
        and f"{room_of(module)}/test_{path.stem}.py" not in own
        and module not in imported
    }
    assert uncovered == COVERED_BY.keys()
    assert set(COVERED_BY.values()) <= own


def test_prepared_geometries_have_one_type() -> None:
    """Whatever else prepares a geometry hands threads an index that GEOS does not protect."""
    prepares = re.compile(r"shapely[\w. ]*(import prepare|prepare\(|prepared)|STRtree")
    guilty = [name for name, path in MODULES.items() if prepares.search(path.read_text("utf-8"))]
    assert guilty == ["hrdem.geo.prepared"]


def test_tests_use_public_names_of_modules() -> None:
    files = set(TESTS.rglob("*.py")) - {Path(__file__)}
    assert {name for path in files for name in private_names_in(path)} == PRIVATE_NAMES


def private_names_in(path: Path) -> Iterator[str]:
    """Yield the private names of the package's modules that a file imports, reads or replaces."""
    imports = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in nodes_of(path)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    private = re.compile(r"hrdem(\.\w+)*\._[a-zA-Z]\w*")
    yield from filter(private.fullmatch, imports.values())
    for node in nodes_of(path):
        match node:
            case ast.Constant(str(name)) if private.fullmatch(name):
                yield name
            case ast.Attribute(ast.Name(module), name) | ast.Call(
                ast.Attribute(), [ast.Name(module), ast.Constant(str(name)), *_]
            ) if name.startswith("_") and imports.get(module) in MODULES:
                yield f"{imports[module]}.{name}"
