"""Outputs and the layers beside them."""

from __future__ import annotations

from pathlib import Path

import rasterio

from hrdem.geo.grid import Pixels
from hrdem.output.paths import LAYER_NAMES, get_layer_path


def read_with_layers(output: Path, *names: str) -> list[Pixels]:
    """Return the pixels of an output, and of layers beside it.

    Args:
        output: Path of the output.
        *names: Names of the layers; none for all that are there.
    """
    beside = [get_layer_path(output, name) for name in names or LAYER_NAMES]
    arrays = []
    for path in (output, *(each for each in beside if names or each.exists())):
        with rasterio.open(path) as dataset:
            (pixels,) = dataset.read()
            arrays.append(pixels)
    return arrays
