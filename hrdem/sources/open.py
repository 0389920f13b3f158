"""From a file that was met to a source to read."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hrdem.geo.grid import Window
from hrdem.http.protocol import Http
from hrdem.sources.cog import CogFile, CogSource
from hrdem.sources.dataset_pool import DatasetPool
from hrdem.sources.gdal import GdalFile, GdalSource
from hrdem.sources.protocol import Source
from hrdem.sources.wcs.coverage import WcsCoverage
from hrdem.sources.wcs.reader import WcsSource, wcs_turns

RasterFile = CogFile | GdalFile | WcsCoverage


@dataclass(frozen=True, slots=True)
class ReadContext:
    """What files are read with.

    Attributes:
        http: Client to ask with.
        handles: Where GDAL's open datasets are borrowed.
        cache: Folder of what is kept.
        turns: What each request to a WCS waits for, so that not too many are under way.
    """

    http: Http
    handles: DatasetPool
    cache: Path
    turns: threading.Semaphore = field(default_factory=wcs_turns)


@contextlib.contextmanager
def opened(file: RasterFile, level: int, within: Window, means: ReadContext) -> Iterator[Source]:
    """Open a file for reading, for as long as the context lasts.

    Args:
        file: The file.
        level: Which of a COG's levels to read; 0 is full resolution.
        within: Window of that level that all reading will stay in.
        means: What to read with.
    """
    match file:
        case CogFile():
            yield CogSource(file, means.http, level, within)
        case GdalFile():
            yield GdalSource(file, means.handles, means.http)
        case WcsCoverage():
            with contextlib.closing(
                WcsSource(file, means.http, within, means.cache, means.turns)
            ) as source:
                yield source
