"""View a raster: draw a map of it as a PNG, or read what a terminal draws."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrdem.errors import OutputError, RequestError
from hrdem.output.paths import FileKind, check_output
from hrdem.pictures.draw_map import draw_map, import_matplotlib
from hrdem.pictures.read_raster import Raster, read_raster
from hrdem.pictures.summary import Summary
from hrdem.request import picture_fields
from hrdem.request.options import Format, Language, RampName
from hrdem.request.protocols import PathLike
from hrdem.runtime.atomic import publish, staged_file


@dataclass(frozen=True, slots=True)
class View:
    """A raster that was viewed.

    Attributes:
        raster: Its pixels, decimated to the size of a picture.
        summary: Statistics and histogram of those.
        output: Path of the PNG; None if none was written.
    """

    raster: Raster
    summary: Summary
    output: Path | None

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        raster = self.raster
        return {
            "file": str(raster.path),
            "output": None if self.output is None else str(self.output),
            "product": raster.product or None,
            "ramp": raster.ramp.name if raster.ramp else RampName.CLASSES.value,
            "unit": raster.ramp.unit if raster.ramp else "",
            **self.summary.as_dict(),
        }


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """What is drawn of a raster, and how.

    Attributes:
        band: Number or name of the band; None for the first.
        ramp: Colour ramp; None for that of the product.
        size: Longer edge of the map, pixels.
        language: Language of its words.
        title: Title; None for that of the product, or the name of the file.
        overwrite: Whether an existing picture may be replaced.
    """

    band: str | None
    ramp: RampName | None
    size: int
    language: Language
    title: str | None
    overwrite: bool


def view_raster(file: PathLike, output: Path | None, options: ViewOptions) -> View:
    """Read a raster, and write a map of it if an output is given.

    Raises:
        RequestError: If the file is no local raster, or has no such band; or if the name of the
            output does not end in ``.png``.
        OutputError: If the output cannot be written.
        MissingLibraryError: If matplotlib is not installed.
    """
    if output is not None:
        check_picture(output, overwrite=options.overwrite)
    raster = read_raster(file, options.band, options.ramp, options.size)
    if output is not None:
        content = draw_map(raster, options.size, options.language, options.title)
        _write(content, output, overwrite=options.overwrite)
    return View(raster, Summary.of(raster), output)


def check_picture(output: Path, *, overwrite: bool) -> None:
    """Check that a map can be drawn and written, before any work.

    Raises:
        RequestError: If the name does not end in ``.png``.
        OutputError: If it cannot be written.
        MissingLibraryError: If matplotlib is not installed.
    """
    check_output(output, overwrite, FileKind.PNG)
    import_matplotlib()


def check_quicklook(picture: Path, layout: Format, *, overwrite: bool) -> None:
    """Check that the picture beside an output can be drawn, before any work.

    Raises:
        RequestError: If the output is a VRT, whose pixels are not read.
        OutputError: If it cannot be written.
        MissingLibraryError: If matplotlib is not installed.
    """
    if layout.is_vrt:
        raise RequestError(
            f"`quicklook` draws pixels, and `format={layout.value}` reads none. Leave it out, or "
            "use hrdem preview."
        )
    check_picture(picture, overwrite=overwrite)


def draw_quicklook(output: Path, picture: Path, language: Language, *, redraw: bool) -> None:
    """Draw an output as a map beside it.

    Args:
        output: The raster.
        picture: Path of the PNG.
        language: Language of its words.
        redraw: Whether a picture that is there is replaced: the raster is a new one.
    """
    if redraw or not picture.exists():
        (size,) = (field.default for field in picture_fields.VIEW if field.name == "size")
        options = ViewOptions(None, None, size, language, title=None, overwrite=True)
        view_raster(output, picture, options)


def _write(content: bytes, output: Path, *, overwrite: bool) -> None:
    try:
        with staged_file(output, content) as staged:
            publish(staged, output, overwrite)
    except OutputError:
        raise
    except OSError as exc:
        raise OutputError(f"{output} cannot be written: {exc}.") from exc
