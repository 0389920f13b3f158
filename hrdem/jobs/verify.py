"""Verify: whether a file is the one that its STAC item describes, and its sources are the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.io import DatasetReader

from hrdem.errors import ExitCode, OutputError, RequestError
from hrdem.http.protocol import Http
from hrdem.jobs.status import OutputStatus, SourceState, check_sources
from hrdem.output.check_raster import DescribedRaster, check_grid, describe_unreadable
from hrdem.output.record import read_item, read_record
from hrdem.runtime.gdal_errors import GDAL_ERRORS, raise_if_out_of_memory
from hrdem.runtime.progress import OnProgress


class CheckState(StrEnum):
    """What a check of a file found."""

    OK = "ok"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class FileCheck:
    """One check of a file.

    Attributes:
        name: ``file`` for size and checksum, ``grid``, ``pixels`` for their statistics; or the name
            of a layer beside the file, such as ``source``, for its checksum and grid.
        state: What it found.
        reason: What differs, or why it is not known; empty if nothing does.
    """

    name: str
    state: CheckState
    reason: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return it as JSON-ready values."""
        return {"name": self.name, "state": self.state.value, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Verification:
    """A file compared with its STAC item.

    Attributes:
        output: Path of the file.
        checks: What was compared.
        sources: What became of its sources; None if servers were not asked.
        citation: How to cite it, as its item says; empty if it does not.
    """

    output: Path
    checks: tuple[FileCheck, ...]
    sources: OutputStatus | None
    citation: str

    @property
    def exit_code(self) -> ExitCode:
        """3 if the file is another one, else that of its sources, as of `hrdem status`."""
        if any(check.state is CheckState.WRONG for check in self.checks):
            return ExitCode.INCOMPLETE
        if self.sources is None or self.sources.state is SourceState.UNCHANGED:
            return ExitCode.COMPLETE
        changed = self.sources.state is SourceState.CHANGED
        return ExitCode.SOURCE_CHANGED if changed else ExitCode.NETWORK

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "output": str(self.output),
            "checks": [check.as_dict() for check in self.checks],
            "sources": self.sources and self.sources.as_dict(),
            "citation": self.citation,
        }


def verify_file(output: Path, http: Http | None, on_progress: OnProgress) -> Verification:
    """Compare a file with its item: size and checksum, grid, statistics of its pixels, layers.

    All are compared, even if the checksum differs: metadata that another program changed leaves
    pixels as they were.

    Args:
        output: The file.
        http: Client that asks for the versions of the sources; None to leave them out.
        on_progress: Called after each row of blocks.

    Raises:
        RequestError: If there is no such file, or no item that describes it.
        OutputError: If the file cannot be read.
    """
    properties, assets = read_item(output)
    try:
        described = DescribedRaster.of(assets.pop(output))
        layers = [
            (path, asset["bands"][0]["name"], DescribedRaster.of(asset))
            for path, asset in assets.items()
        ]
        height, width = map(int, properties["proj:shape"])
        transform = Affine(*properties["proj:transform"][:6])
        citation = str(properties.get("sci:citation", ""))
    except (LookupError, TypeError, AttributeError, ValueError) as exc:
        raise RequestError(
            f"The STAC item of {output} is not one that hrdem writes ({exc!r}). Make both again."
        ) from exc
    try:
        checks = [_make_check("file", described.check_file(output))]
    except OSError as exc:
        raise OutputError(f"{output} cannot be read: {exc.strerror}.") from exc
    driver = "VRT" if output.suffix.lower() == ".vrt" else "GTiff"
    try:
        with rasterio.open(output, driver=driver) as dataset:
            wrong = check_grid(dataset, (height, width), transform)
            checks.append(_make_check("grid", wrong or _check_crs(dataset, properties)))
            checks.append(_check_pixels(dataset, described, on_progress))
    except GDAL_ERRORS as exc:
        raise_if_out_of_memory(exc)
        checks.append(FileCheck("pixels", CheckState.WRONG, describe_unreadable(exc)))
    checks += [
        _make_check(name, _check_layer(path, layer, (height, width), transform))
        for path, name, layer in layers
    ]
    sources = None
    if http is not None:
        (sources,) = check_sources([read_record(output)], http)
    return Verification(output, tuple(checks), sources, citation)


def _make_check(name: str, problem: str) -> FileCheck:
    return FileCheck(name, CheckState.WRONG if problem else CheckState.OK, problem)


def _check_pixels(
    dataset: DatasetReader, described: DescribedRaster, on_progress: OnProgress
) -> FileCheck:
    if described.pixels is None:
        reason = "The item has no statistics: no pixel was decoded when it was written."
        return FileCheck("pixels", CheckState.UNKNOWN, reason)
    return _make_check("pixels", described.check_pixels(dataset, on_progress))


def _check_layer(
    path: Path, described: DescribedRaster, shape: tuple[int, int], transform: Affine
) -> str:
    """Compare a layer beside the file: checksum, and grid."""
    try:
        if wrong := described.check_file(path):
            return wrong
        with rasterio.open(path, driver="GTiff") as dataset:
            return check_grid(dataset, shape, transform)
    except FileNotFoundError:
        return f"{path.name} is missing."
    except OSError as exc:
        raise OutputError(f"{path} cannot be read: {exc.strerror}.") from exc
    except GDAL_ERRORS as exc:
        raise_if_out_of_memory(exc)
        return describe_unreadable(exc)


def _check_crs(dataset: DatasetReader, properties: Mapping[str, Any]) -> str:
    """Compare the CRS, if the item has a code for it: texts of one CRS differ by writer."""
    code = properties.get("proj:code")
    if not code or (dataset.crs is not None and dataset.crs == CRS.from_user_input(code)):
        return ""
    return f"Its CRS is {dataset.crs or 'missing'}, and {code} according to its item."
