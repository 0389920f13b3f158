"""A layer that cannot be written ends in a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyogrio.raw
import pytest
import shapely

from hrdem.errors import OutputError
from hrdem.runtime.pyogrio_errors import translate_pyogrio_errors


def test_a_layer_that_cannot_be_written_is_named_with_advice(tmp_path: Path) -> None:
    missing = tmp_path / "missing" / "a.gpkg"
    with (
        pytest.raises(OutputError, match=r"^a\.gpkg cannot be written: .+\. Free some space\.$"),
        translate_pyogrio_errors("a.gpkg", "Free some space."),
    ):
        pyogrio.raw.write(
            missing,
            shapely.to_wkb(np.array([shapely.Point(1, 2)])),
            [],
            fields=[],
            geometry_type="Point",
            crs="EPSG:3979",
        )


def test_errors_of_the_system_are_told_without_their_path() -> None:
    with (
        pytest.raises(OutputError, match=r"^a\.gpkg cannot be written: No space left\. Free it\.$"),
        translate_pyogrio_errors("a.gpkg", "Free it."),
    ):
        raise OSError(28, "No space left", "/dev/shm/a.gpkg")
