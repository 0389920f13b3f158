"""Fuzz targets by name, such as ``tiff`` or ``dem``."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz import (
    answers,
    archives,
    ascii_grids,
    catalogues,
    checks,
    coverages,
    dems,
    vrts,
)
from tests.fuzz.attempt import FAR, attempt
from tests.fuzz.mutation import mutated
from tests.fuzz.seeds import seeds

_CORPORA = Path(__file__).parent / "corpus"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of input and its fuzz target.

    Attributes:
        attempt: Tests an input and returns the outcome; raises an exception for a finding.
        mutated: Mutates an input, reproducibly from a seed.
        seeds: Creates the initial inputs by name.
        blind: Use a format-agnostic mutation once in this many mutations.
        readers: Name prefixes of the modules that read these inputs.
    """

    attempt: Callable[[bytes], object]
    mutated: Callable[[bytes, int], bytes]
    seeds: Callable[[], Mapping[str, bytes]]
    blind: int
    readers: tuple[str, ...]


def _attempt_file(content: bytes) -> tuple[str, str]:
    """Test a file unchanged and padded to a large size."""
    as_it_is, large = attempt(content), attempt(content, FAR)
    return str(as_it_is.error), str(large.error)


def _files() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as room:
        return dict(seeds(Path(room)))


KINDS = {
    "tiff": Kind(
        _attempt_file,
        mutated,
        _files,
        16,
        ("hrdem.tiff", "hrdem.sources.cog", "hrdem.sources.tile_reader", "hrdem.http.ranges"),
    ),
    "vrt": Kind(
        vrts.attempt_vrt,
        vrts.mutated_vrt,
        lambda: vrts.SEEDS,
        8,
        ("hrdem.sources.vrt", "hrdem.jobs.save_vrt"),
    ),
    "stac": Kind(
        catalogues.attempt_catalogue,
        catalogues.mutated_catalogue,
        lambda: catalogues.SEEDS,
        16,
        ("hrdem.catalog.items", "hrdem.http"),
    ),
    "wcs-words": Kind(
        answers.attempt_answer,
        answers.mutated_answer,
        lambda: answers.SEEDS,
        4,
        ("hrdem.sources.wcs",),
    ),
    "wcs-coverages": Kind(
        coverages.attempt_coverage,
        coverages.mutated_coverage,
        coverages.seeds,
        16,
        ("hrdem.sources.wcs.response", "hrdem.sources.ogc_exceptions"),
    ),
    "dem": Kind(
        dems.attempt_dem,
        dems.mutated_dem,
        lambda: dems.SEEDS,
        8,
        ("hrdem.usgsdem",),
    ),
    "check": Kind(
        checks.attempt_check,
        checks.mutated_check,
        lambda: checks.SEEDS,
        8,
        ("hrdem.legacy.check",),
    ),
    "ascii": Kind(
        ascii_grids.attempt_ascii,
        ascii_grids.mutated_ascii,
        lambda: ascii_grids.SEEDS,
        8,
        ("hrdem.usgsdem", "hrdem.request.aoi.ascii_crs"),
    ),
    "archive": Kind(
        archives.attempt_archive,
        archives.mutated_archive,
        lambda: archives.SEEDS,
        16,
        ("hrdem.legacy.archive", "hrdem.legacy.inputs", "hrdem.legacy.raster"),
    ),
}


def corpus(name: str) -> Path:
    """Return the corpus directory of a kind."""
    return _CORPORA / name
