"""Several products in one run: their names, and the files that they are written to."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hrdem.errors import RequestError
from hrdem.request.convert import keep, parse_folder, parse_names, parse_output
from hrdem.request.fields import EXTRACT
from hrdem.request.products import get_product

PLACEHOLDER = "{product}"
_SUFFIXES = (".tif", ".tiff")
_REPLACED: dict[str, dict[str, Any]] = {
    "product": {
        "help": "Products, such as dtm,dtm-slope,chm: a file each.",
        "metavar": "PRODUCTS",
        "parse": parse_names,
    },
    "output": {
        "help": f"Folder, created if needed; or GeoTIFFs to write, as dem-{PLACEHOLDER}.tif.",
        "metavar": f"FOLDER|FILE-{PLACEHOLDER}.tif",
        "parse": keep,
    },
}
#: the parameters of `hrdem.extract_products`
EXTRACT_PRODUCTS = tuple(replace(field, **_REPLACED.get(field.name, {})) for field in EXTRACT)


def split_products(product: str | Iterable[str]) -> list[str]:
    """Return the names of products.

    Args:
        product: Names with commas between, or a list of them.

    Raises:
        RequestError: If one is unknown, or given twice.
    """
    parts = product.split(",") if isinstance(product, str) else product
    names = [get_product(part.strip()).name for part in parts]
    if not names:
        raise RequestError("`product` is empty. Give the names of products: dtm,dtm-slope.")
    for name in names:
        if names.count(name) > 1:
            raise RequestError(f"`product` names {name} twice. Give each product once.")
    return names


def is_pattern(output: str | os.PathLike[str]) -> bool:
    """Whether an output stands for a file of each product."""
    return PLACEHOLDER in os.fspath(output)


def name_outputs(output: str | os.PathLike[str], products: Sequence[str]) -> list[Path]:
    """Return the path of the file of each product.

    Args:
        output: A folder; or a path that contains ``{product}``.
        products: Names of the products.

    Raises:
        RequestError: If it is one file for several products, or no path.
    """
    try:
        if is_pattern(output):
            pattern = parse_output(output)
        else:
            text = os.fspath(output)
            if text.lower().endswith(_SUFFIXES) and not Path(text).is_dir():
                stem, suffix = os.path.splitext(text)  # noqa: PTH122 (keeps the folder as given)
                raise RequestError(
                    f"{len(products)} products need a file each, and `output={text}` is one. Put "
                    f"{PLACEHOLDER} into the name, as {stem}-{PLACEHOLDER}{suffix}, or give a "
                    "folder."
                )
            pattern = parse_folder(output) / f"{PLACEHOLDER}.tif"
    except (TypeError, ValueError) as exc:
        if isinstance(exc, RequestError):
            raise
        raise RequestError(f"`output`: {exc}") from exc
    return [Path(str(pattern).replace(PLACEHOLDER, name)) for name in products]
