"""All items of a job in one file: STAC GeoParquet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hrdem.errors import MissingLibraryError

ITEM_TABLE_NAME = "items.parquet"
_BATCH_ITEMS = 1_024  # held in memory at once


def load_item_table_writer() -> Callable[[Sequence[dict[str, Any]], Path], None]:
    """Return what writes items into a GeoParquet file.

    Raises:
        MissingLibraryError: If stac-geoparquet is not installed.
    """
    try:
        from stac_geoparquet import arrow  # noqa: PLC0415 (optional, and slow to import)
    except ModuleNotFoundError as exc:
        raise MissingLibraryError(
            f"{ITEM_TABLE_NAME} needs stac-geoparquet, which is not installed: pip install "
            "'hrdem[parquet]'. The other indexes work without it.",
            name=exc.name,
        ) from exc

    def write(items: Sequence[dict[str, Any]], path: Path) -> None:
        batches = arrow.parse_stac_items_to_arrow(items, chunk_size=_BATCH_ITEMS)
        arrow.to_parquet(batches, path)

    return write
