"""Change the code in small ways and count which changes the tests see.

    python -m benchmarks.mutation geo.mask --sample 50 --seed 1

A mutant is a module with one change: another comparison or arithmetic operator, a number one off, a
condition negated or cut, two arguments swapped, a statement left out. For each one a forked process
imports the mutant in place of the module and runs the tests listed in `TESTS`. What survives has no
test, or changes nothing that can be observed.

mutmut leaves out properties, context managers and constants; cosmic-ray starts an interpreter for
each mutant, which takes longer than the tests. Run it in a checkout that nobody edits meanwhile.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.machinery
import importlib.util
import multiprocessing
import multiprocessing.connection
import multiprocessing.process
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

import hypothesis
import pytest

ROOT = Path(__file__).parent.parent
TESTS = {
    "geo.grid": ["geo/test_grid.py"],
    "geo.ground": ["geo/test_ground.py"],
    "geo.lattice": ["geo/test_lattice.py", "geo/test_resampling.py"],
    "geo.mask": ["geo/test_mask.py"],
    "geo.nodata": ["geo/test_nodata.py", "processing/test_finish.py"],
    "geo.positions": ["geo/test_positions.py"],
    "geo.reproject": ["geo/test_reproject.py", "request/test_geometry.py", "request/test_aoi.py"],
    "geo.resampling": ["geo/test_resampling.py", "processing/test_warp.py"],
    "http.ranges": ["http/test_ranges.py"],
    "output.geotiff": ["output/test_geotiff.py", "output/test_cog.py"],
    "output.geotiff_metadata": ["output/test_geotiff.py", "output/test_layers.py"],
    "output.overviews": ["output/test_cog.py"],
    "output.tile_level": [
        "output/test_tile_level.py",
        "output/test_cog.py",
        "output/test_geotiff.py",
    ],
    "planning.feather": ["processing/test_tiers.py"],
    "points.interpolate": ["points/test_interpolate.py", "jobs/test_sample_points.py"],
    "points.line": ["points/test_line.py"],
    "processing.assemble": ["processing/test_assemble.py"],
    "processing.finish": ["processing/test_finish.py", "jobs/test_sparse.py"],
    "processing.halve": ["processing/test_halve.py"],
    "processing.merge": ["processing/test_merge.py", "processing/test_tiers.py"],
    "processing.sample": ["processing/test_sample.py"],
    "processing.statistics": ["processing/test_statistics.py", "output/test_geotiff.py"],
    "processing.survey_years": ["processing/test_survey_years.py"],
    "processing.terrain": ["processing/test_terrain.py"],
    "processing.tiers": ["processing/test_tiers.py"],
    "processing.vertical.shift_grid": ["processing/test_shift_grid.py"],
    "processing.warp": ["processing/test_warp.py"],
    "request.output_grid": ["request/test_output_grid.py"],
    "sources.tile_reader": ["sources/test_cog.py"],
    "sources.wcs.chunking": ["sources/test_chunking.py"],
    "tiff.decode": ["tiff/test_decode.py", "sources/test_cog.py"],
    "tiff.header": [
        "tiff/test_header.py",
        "tiff/test_tile_index.py",
        "sources/test_band.py",
        "sources/test_cog.py",
        "fuzz/test_hostile.py",
    ],
    "tiff.tile_index": ["tiff/test_tile_index.py", "sources/test_cog.py"],
    "tiling.schemes": ["tiling/test_schemes.py"],
    "tiling.shared_tiles": ["tiling/test_shared_tiles.py"],
}
PRELOADED = ("numpy", "pyproj", "rasterio", "rasterio.warp", "shapely", "tifffile", "httpx")
MAX_ADDRESS_SPACE_BYTES = 8 << 30  # a mutant may compute a size
OPTIONS = [
    "-x", "-q", "-o", "addopts=", "-p", "no:xdist", "-p", "no:cacheprovider",
    "-m", "not (slow or services or readers or live)",
    "--hypothesis-profile=mutation",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",
]  # fmt: skip

COMPARED: dict[type[ast.cmpop], list[type[ast.cmpop]]] = {
    ast.Lt: [ast.LtE, ast.GtE], ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.LtE], ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq],
    ast.In: [ast.NotIn], ast.NotIn: [ast.In], ast.Is: [ast.IsNot], ast.IsNot: [ast.Is],
}  # fmt: skip
COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div, ast.Mod: ast.Mult, ast.Pow: ast.Mult,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr,
}  # fmt: skip
SYMMETRIC = ("max", "min", "np.maximum", "np.minimum")  # functions
NO_CODE = ("annotation", "returns", "decorator_list", "exc", "cause", "msg")  # fields


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module with one change.

    Attributes:
        line: Line of the change.
        column: Column of the change.
        before: The code that is changed.
        after: What it is changed to.
        code: The compiled module.
    """

    line: int
    column: int
    before: str
    after: str
    code: CodeType

    def __str__(self) -> str:
        """What differs, with some characters around it."""
        before, after = (" ".join(text.split()) for text in (self.before, self.after))
        start = count_equal(before, after)
        end = count_equal(before[:start:-1], after[:start:-1])
        begin, end = max(0, start - 30), max(0, end - 30)
        return f"{before[begin : len(before) - end]}  ->  {after[begin : len(after) - end]}"


def count_equal(one: str, other: str) -> int:
    """Return how many characters are equal before the first that differs."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def find_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the parts of a module that are executed, but for the texts of messages."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in NO_CODE:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not isinstance(child, ast.JoinedStr | ast.Import):
                yield from find_nodes(child)


def vary(node: ast.AST) -> list[ast.AST]:  # noqa: C901, PLR0912 - one case an operator
    """Return what stands in place of a node in each of its mutants."""
    found: list[ast.AST] = []

    def change(**fields: object) -> None:
        copy = deepcopy(node)
        for name, value in fields.items():
            setattr(copy, name, value)
        found.append(copy)

    match node:
        case ast.Compare(ops=ops):
            for index, operator in enumerate(ops):
                for other in COMPARED[type(operator)]:
                    change(ops=[*ops[:index], other(), *ops[index + 1 :]])
        case ast.BinOp(op=operator) | ast.AugAssign(op=operator) if type(operator) in COMPUTED:
            change(op=COMPUTED[type(operator)]())
        case ast.BoolOp(op=operator, values=values):
            change(op=ast.Or() if isinstance(operator, ast.And) else ast.And())
            for index in range(len(values)):
                others = values[:index] + values[index + 1 :]
                found.append(ast.BoolOp(operator, others) if len(others) > 1 else others[0])
        case ast.UnaryOp(operand=operand):
            found.append(operand)
        case ast.Constant(value=bool(value)):
            change(value=not value)
        case ast.Constant(value=int(value) | float(value)):
            change(value=value + 1)
            change(value=value - 1)
        case ast.Constant(value=bytes(value)):
            change(value=b"?" + value)
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            change(test=ast.UnaryOp(ast.Not(), test))
        case ast.Call(func, [first, second, *others]) if (
            not isinstance(second, ast.Starred) and ast.unparse(func) not in SYMMETRIC
        ):
            change(args=[second, first, *others])
        case ast.Return(value=ast.expr()):
            change(value=ast.Constant(None))
    match node:
        case ast.Call(keywords=[_, *_] as keywords):
            for index in range(len(keywords)):
                change(keywords=keywords[:index] + keywords[index + 1 :])
        case ast.Expr(value=ast.Call()) | ast.Raise() | ast.AugAssign() | ast.Delete():
            found.append(ast.Pass())
        case ast.Break() | ast.Continue():
            found.append(ast.Pass())
    return found


def replace(tree: ast.AST, old: ast.AST, new: ast.AST) -> None:
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
            elif isinstance(value, list):
                value[:] = [new if each is old else each for each in value]


def make_mutants(path: Path) -> list[Mutant]:
    """Make all mutants of a module."""
    tree = ast.parse(path.read_text("utf-8"))
    mutants = []
    for old in list(find_nodes(tree)):
        for new in vary(old):
            before, after = ast.unparse(old), ast.unparse(new)
            if before == after:
                continue
            replace(tree, old, ast.copy_location(new, old))
            ast.fix_missing_locations(tree)
            code = compile(tree, path, "exec")
            replace(tree, new, old)
            mutants.append(Mutant(old.lineno, old.col_offset, before, after, code))
    return mutants


class MutantFinder(importlib.machinery.SourceFileLoader):
    """Imports a mutant under the name of its module."""

    def __init__(self, name: str, path: Path, code: CodeType) -> None:
        super().__init__(name, str(path))
        self._code = code

    def find_spec(self, name: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        if name != self.name:
            return None
        return importlib.util.spec_from_file_location(name, self.path, loader=self)

    def get_code(self, name: str) -> CodeType:
        return self._code


def locate(module: str) -> Path:
    return ROOT.joinpath("hrdem", *module.split(".")).with_suffix(".py")


def run_tests(module: str, mutant: Mutant | None, folder: Path) -> None:
    """Run the tests of a module in this process, a forked one, and exit with pytest's code."""
    os.setsid()
    folder.mkdir()
    output = os.open(folder / "log", os.O_WRONLY | os.O_CREAT)
    os.dup2(output, 1)
    os.dup2(output, 2)
    resource.setrlimit(resource.RLIMIT_AS, (MAX_ADDRESS_SPACE_BYTES,) * 2)
    if mutant is not None:
        sys.meta_path.insert(0, MutantFinder(f"hrdem.{module}", locate(module), mutant.code))
    files = [str(ROOT / "tests" / file) for file in TESTS[module]]
    sys.exit(pytest.main([*OPTIONS, f"--basetemp={folder / 'pytest'}", *files]))


def run_mutants(module: str, mutants: list[Mutant], jobs: int) -> Iterator[tuple[Mutant, str]]:
    """Run the tests on each mutant; yield it with its fate: killed, survived or timed out.

    Raises:
        SystemExit: If the tests fail without a mutant.
    """
    fork = multiprocessing.get_context("fork")
    with tempfile.TemporaryDirectory(prefix="hrdem-mutation-") as name:

        def start(mutant: Mutant | None, number: int) -> multiprocessing.process.BaseProcess:
            process = fork.Process(target=run_tests, args=(module, mutant, Path(name, f"{number}")))
            process.start()
            return process

        begun = time.monotonic()
        plain = start(None, -1)
        plain.join()
        if plain.exitcode:
            sys.exit(
                f"{module}: tests fail as it is:\n{Path(name, '-1', 'log').read_text('utf-8')}"
            )
        limit = 20 + 5 * (time.monotonic() - begun)  # seconds
        running: list[tuple[multiprocessing.process.BaseProcess, Mutant, float]] = []
        waiting = list(enumerate(mutants))
        while waiting or running:
            while waiting and len(running) < jobs:
                number, mutant = waiting.pop(0)
                running.append((start(mutant, number), mutant, time.monotonic() + limit))
            multiprocessing.connection.wait([process.sentinel for process, *_ in running], 1)
            for each in list(running):
                process, mutant, deadline = each
                is_late = process.is_alive() and time.monotonic() > deadline
                if is_late:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.join()
                if not process.is_alive():
                    running.remove(each)
                    yield (
                        mutant,
                        "timed out" if is_late else "killed" if process.exitcode else "survived",
                    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="*", metavar="module", help=f"of {', '.join(TESTS)}")
    parser.add_argument("--sample", type=int, default=50, help="mutants of each module; 0 for all")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--lines", type=int, nargs="*", help="only mutants of these lines")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args()
    for name in PRELOADED:
        importlib.import_module(name)
    hypothesis.settings.register_profile(
        "mutation",
        derandomize=True,
        database=None,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],  # do not shrink
    )
    hypothesis.settings.load_profile("mutation")
    table = [
        "| Module | Mutants | Tried | Killed | Timed out | Survived |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for module in chosen.modules or TESTS:
        mutants = make_mutants(locate(module))
        tried = [each for each in mutants if not chosen.lines or each.line in chosen.lines]
        if 0 < chosen.sample < len(tried):
            tried = random.Random(chosen.seed).sample(tried, chosen.sample)
        fates: Counter[str] = Counter()
        for mutant, fate in run_mutants(module, tried, chosen.jobs):
            fates[fate] += 1
            if fate == "survived":
                print(f"{module}:{mutant.line}:{mutant.column}: {mutant}", flush=True)
        counts = len(mutants), len(tried), fates["killed"], fates["timed out"], fates["survived"]
        table.append(f"| `{module}` | {' | '.join(map(str, counts))} |")
    print("\n".join(table))


if __name__ == "__main__":
    main()
