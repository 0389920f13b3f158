"""Run the command ``hrdem``: its words, its JSON document, its errors. It needs no QGIS.

hrdem has its own Python, because that of QGIS may be older, and has other versions of GDAL.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import tempfile

VARIABLE = "HRDEM_COMMAND"  # path of the command, or words such as "python3 -m hrdem"
PRODUCTS = (
    *("dtm", "dtm-slope", "dtm-aspect", "dtm-hillshade"),
    *("dsm", "dsm-slope", "dsm-aspect", "dsm-hillshade", "chm"),
)
SURFACES = ("dtm", "dsm")
COLLECTIONS = ("1m", "2m", "30m", "lidar")
INTERPOLATIONS = ("nearest", "bilinear", "cubic")
_POLL_SECONDS = 0.2
_QGIS_VARIABLES = ("PYTHONHOME", "PYTHONPATH", "GDAL_DATA", "PROJ_LIB", "PROJ_DATA")


class CommandError(Exception):
    """The command is missing, was cancelled, or failed; the message is for the user."""


def find_command():
    """Return the words that start ``hrdem``.

    Raises:
        CommandError: If it is not installed.
    """
    if os.environ.get(VARIABLE):
        return shlex.split(os.environ[VARIABLE], posix=os.name != "nt")
    path = shutil.which("hrdem")
    if path is None:
        raise CommandError(
            f"The command hrdem was not found. Install it, and set the variable {VARIABLE} to its "
            "path in Settings > Options > System > Environment."
        )
    return [path]


def make_box_words(bounds, crs):
    """Return the options of an area.

    Args:
        bounds: Left, bottom, right, top.
        crs: CRS of the bounds: a name such as ``EPSG:3979``, or WKT.
    """
    return [f"--bbox={','.join(map(repr, bounds))}", "--bbox-crs", crs]


def make_extract_words(
    bounds,
    crs,
    product,
    collection,
    output,
    fill="",
    resolution=None,
    target_crs="",
    more="",
    vrt_format="vrt",
):
    """Return the words of ``hrdem extract``; an output that ends in .vrt refers to remote files."""
    options = {
        "--product": product,
        "--collection": collection,
        "--fill": fill,
        "--resolution": repr(resolution) if resolution else "",
        "--crs": target_crs,
        "--format": vrt_format if output.lower().endswith(".vrt") else "",
    }
    words = ["extract", *make_box_words(bounds, crs), "--output", output, "--overwrite"]
    return words + _join_options(options, more)


def make_surveys_words(bounds, crs, product, collection, output, more=""):
    """Return the words of ``hrdem surveys``."""
    options = {"--product": product, "--collection": collection}
    words = ["surveys", *make_box_words(bounds, crs), "--output", output, "--overwrite"]
    return words + _join_options(options, more)


def make_sample_words(
    points, crs, product, collection, output, interpolation="nearest", fill="", more=""
):
    """Return the words of ``hrdem sample``.

    Args:
        points: Path of a vector file with one layer of points.
        crs: CRS of the points, if the file does not declare one; "" if it does.
        product: Product to sample.
        collection: Collection to read.
        output: Path that ends in .gpkg or .csv.
        interpolation: One of `INTERPOLATIONS`.
        fill: Collections for empty pixels.
        more: Further options.
    """
    options = {
        "--product": product,
        "--collection": collection,
        "--interpolation": interpolation,
        "--fill": fill,
        "--points-crs": crs,
    }
    words = ["sample", points, "--output", output, "--overwrite"]
    return words + _join_options(options, more)


def _join_options(options, more):
    """Return the options that have a value; those among the further ones replace them."""
    try:
        further = shlex.split(more)
    except ValueError as exc:
        raise CommandError(
            f"The further options {more} cannot be split into words: {exc}."
        ) from exc
    given = {word.partition("=")[0] for word in further}
    chosen = {name: value for name, value in options.items() if value and name not in given}
    return [word for option in chosen.items() for word in option] + further


def run_hrdem(words, report=print, is_cancelled=lambda: False):
    """Run the command, and return its JSON document.

    Args:
        words: Its words, without ``--json``.
        report: Called with each message of the command.
        is_cancelled: Whether to end it; asked five times a second.

    Raises:
        CommandError: If it is missing, was cancelled, or failed.
    """
    environment = {k: v for k, v in os.environ.items() if k not in _QGIS_VARIABLES}
    flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            process = subprocess.Popen(
                [*find_command(), *words, "--json"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=environment,
                creationflags=flags,
            )
        except OSError as exc:
            raise CommandError(f"The command hrdem cannot be started: {exc}.") from exc
        while process.poll() is None:
            if is_cancelled():
                process.terminate()
                process.wait()
                raise CommandError("Cancelled. What was fetched is in the cache of hrdem.")
            try:
                process.wait(_POLL_SECONDS)
            except subprocess.TimeoutExpired:
                continue
        printed, messages = (_read(file) for file in (out, err))
    for line in messages.splitlines():
        report(line)
    if process.returncode not in (0, 3):  # 3 is an incomplete output, which was allowed
        raise CommandError(messages.strip() or f"hrdem ended with {process.returncode}.")
    return json.loads(printed)


def _read(file):
    file.seek(0)
    return file.read().decode("utf-8", "replace")
