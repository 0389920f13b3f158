"""A short form of benchmarks.tile_soak: all goes wrong at once, and the tiles are right."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.tile_soak import soak_tiles

pytestmark = [pytest.mark.slow, pytest.mark.long]


@pytest.mark.skipif(sys.platform != "linux", reason="counts connections in /proc/net/tcp")
def test_a_job_survives_kills_faults_and_a_new_edition(tmp_path: Path) -> None:
    found = soak_tiles("processes", tiles=30, seed=5, room=tmp_path)
    assert found.defects == []
    assert found.counts.wrong == 0
    assert found.counts.mixed == ()
    assert found.killed_workers >= 3
    assert found.stale >= 1
    assert found.remade >= 1
