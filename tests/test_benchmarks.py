"""The parts of the benchmarks that decide and report: figures, limits, targets, pages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import mutation, scale
from benchmarks.figures import PATH, judge, read_figures
from benchmarks.publish import pages
from benchmarks.report import write_page
from benchmarks.results import BEFORE, Results, Run, join_results
from benchmarks.targets import targets

ROOT = Path(__file__).parents[1]
FAR = "60ms-12MB/s-per-connection"

CPU = ("loopback", "hrdem", "CPU")
FIRST = '{ value = 1.0, reason = "First measured." }'


def recorded(*changes: str) -> str:
    return f"[loopback.hrdem]\nCPU = [{', '.join(changes)}]"


def test_the_recorded_figures_can_be_read() -> None:
    """Those of computing and memory are among them."""
    found = read_figures(PATH.read_text("utf-8"))
    assert {name for _, _, name in found} >= {"instructions", "page faults", "peak MB", "requests"}


def test_a_figure_more_than_ten_percent_worse_fails() -> None:
    """One that is as much better passes, and asks to be recorded."""
    figures = read_figures(recorded(FIRST))
    for measured, passes, outdated in (
        (1.09, True, False),
        (1.11, False, False),
        (0.9, True, True),
    ):
        (verdict,) = judge(figures, {CPU: measured})
        assert (verdict.passes, verdict.is_outdated) == (passes, outdated), measured


def test_a_new_value_counts_and_needs_a_reason_of_its_own() -> None:
    """The last value counts; the old reason is no reason for the new value."""
    worse = '{ value = 1.3, reason = "Checks each tile." }'
    assert read_figures(recorded(FIRST, worse)) == {CPU: 1.3}
    for change in ("{ value = 1.3 }", '{ value = 1.3, reason = " " }', FIRST):
        with pytest.raises(ValueError, match="loopback hrdem CPU: each value needs a reason"):
            read_figures(recorded(FIRST, change))


def test_a_figure_cannot_be_left_out() -> None:
    """Neither by removing its record, nor by no longer measuring it; a skipped link may be."""
    figures = read_figures(recorded(FIRST)) | {("60ms", "hrdem", "CPU"): 1.0}
    assert len(judge(figures, {CPU: 1.0})) == 1
    with pytest.raises(ValueError, match="loopback hrdem MB = 83"):
        judge(figures, {CPU: 1.0, ("loopback", "hrdem", "MB"): 83})
    with pytest.raises(ValueError, match="60ms hrdem CPU = None"):
        judge(figures, {CPU: 1.0, ("60ms", "plain", "CPU"): 1.0})


def run(reader: str, wall: float, **others: object) -> Run:
    values = {"link": FAR, "codec": "lzw", "size": 16_384, "round": 0, "outcome": "equal",
              "cpu": wall, "other_cpu": 0.0, "peak": 290_000_000, "requests": 1, "connections": 1,
              "size_received": 1, "first_tile": None, "round_trips": None, "opening": [],
              "stderr": ""}  # fmt: skip
    return Run(**values | {"reader": reader, "wall": wall} | others)


def results(*runs: Run, commit: str = "0123456789") -> Results:
    machine = {"processor": "x", "cores": "2", "memory": "4 GiB", "kernel": "Linux"}
    return Results(commit, "2026-11-29", machine, {BEFORE: "9876543210"}, ("python",), (), runs)


def test_the_page_and_the_readme_are_those_of_the_results() -> None:
    """`python -m benchmarks.publish` writes them again."""
    for path, text in pages(ROOT).items():
        assert (ROOT / path).read_text("utf-8") == text, path


def test_the_tables_of_large_jobs_are_those_of_the_figures() -> None:
    """`python -m benchmarks.tiling --page` writes them again."""
    text = (ROOT / scale.PAGE).read_text("utf-8")
    assert scale.update_page(text, ROOT / scale.RESULTS) == text


def test_a_figure_beyond_its_limit_is_marked() -> None:
    """Efficiencies are to be above it, everything else below."""
    for value, at_least, met in ((1.1, False, False), (0.9, False, True), (0.9, True, False)):
        assert scale.Target("x", 1.0, value, scale.ratio, at_least).is_met == met


def test_results_survive_json() -> None:
    made = results(run("hrdem", 8.0), run("floor", 7.0, tls=True, catalog_ms=400))
    assert Results.from_json(made.to_json()) == made


def test_results_of_two_commits_are_not_joined() -> None:
    """A page names one commit, and all of its figures are of it."""
    one, other = results(run("hrdem", 8.0)), results(run("floor", 7.0))
    assert [each.reader for each in join_results([one, other]).runs] == ["hrdem", "floor"]
    with pytest.raises(ValueError, match="0123456789 and 0123456789\\+"):
        join_results([one, results(commit="0123456789+")])


def test_targets_are_ratios_of_medians() -> None:
    """A run with wrong pixels does not count; the best peer is neither the floor nor hrdem."""
    runs = [run("hrdem", wall) for wall in (8.0, 8.4, 99.0)]
    runs += [run("hrdem", 1.0, outcome="wrong pixels"), run("floor", 7.0), run(BEFORE, 2.0)]
    runs += [run("guide", 28.0), run("rio-tiler", 14.0), run("hrdem:no_cache=True", 8.0)]
    found = {each.figure: each.measured for each in targets(runs)}
    assert found == pytest.approx(
        {
            "wall over the floor": 1.2,
            "wall over the best peer": 0.6,
            "CPU with the cache over that without": 1.05,
            "largest peak of memory over 300 MB": 0.29 / 0.3,
        }
    )


def test_runs_with_tls_have_a_table_and_no_targets() -> None:
    """Neither are failed runs silently left out."""
    runs = [
        run("hrdem", 8.0, tls=True, catalog_ms=400),
        run("floor", 7.0, tls=True, catalog_ms=400),
    ]
    failed = run("guide", 1.0, tls=True, catalog_ms=400, outcome="failed with status 1")
    assert not list(targets(runs))
    page = write_page(results(*runs, failed))
    assert f"## {FAR}, LZW, TLS, catalogue 400 ms" in page
    assert "guide at 16,384 px: failed with status 1." in page


def test_an_earlier_state_has_a_column_beside_the_targets() -> None:
    """The same ratio, of the runs of the other checkout."""
    page = write_page(results(run("hrdem", 7.7), run(BEFORE, 14.0), run("floor", 7.0)))
    assert f"| wall over the floor | {FAR}, LZW, 16,384 px | 1.15 | 2.00 | 1.10 | reached |" in page
    assert "Before: hrdem at commit 9876543210" in page


def test_modules_that_are_mutated_and_their_tests_are_there() -> None:
    for module, tests in mutation.TESTS.items():
        assert mutation.locate(module).is_file(), module
        assert all((ROOT / "tests" / each).is_file() for each in tests), module


@pytest.mark.slow
@pytest.mark.long
def test_mutants_are_killed_by_the_tests_of_their_module() -> None:
    """One of the two of the smallest module; the tool still fits the tests and their plugins."""
    command = [sys.executable, "-m", "benchmarks.mutation", "planning.feather", "--sample", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "| `planning.feather` | 2 | 1 | 1 | 0 | 0 |" in done.stdout
