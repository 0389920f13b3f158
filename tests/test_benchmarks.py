"""The parts of the benchmarks that decide: recorded figures and their limits."""

from __future__ import annotations

import pytest

from benchmarks.figures import PATH, judge, read_figures

CPU = ("loopback", "hrdem", "CPU")
FIRST = '{ value = 1.0, reason = "First measured." }'


def recorded(*changes: str) -> str:
    return f"[loopback.hrdem]\nCPU = [{', '.join(changes)}]"


def test_the_recorded_figures_can_be_read() -> None:
    """Those of computing and memory are among them."""
    found = read_figures(PATH.read_text("utf-8"))
    assert {name for _, _, name in found} >= {"CPU", "peak MB", "requests"}


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
