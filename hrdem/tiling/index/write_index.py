"""Write the indexes of a job's tiles into its store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hrdem.errors import NoDataError
from hrdem.runtime.gdal_env import pinned_gdal
from hrdem.tiling.index.collection import COLLECTION_NAME, make_collection
from hrdem.tiling.index.item_table import ITEM_TABLE_NAME, load_item_table_writer
from hrdem.tiling.index.tile_index import TILE_INDEX_NAME, write_tile_index
from hrdem.tiling.index.vrt import MAX_VRT_TILES, VRT_NAME, encode_vrt
from hrdem.tiling.job import Job
from hrdem.tiling.journal import TileState, encode_json, read_items
from hrdem.tiling.output_store import OutputStore

INDEX_NAMES = (COLLECTION_NAME, TILE_INDEX_NAME, VRT_NAME, ITEM_TABLE_NAME)


@dataclass(frozen=True, slots=True)
class IndexSummary:
    """Indexes that were written.

    Attributes:
        tiles: Number of tiles in them.
        names: Names of their files in the store.
    """

    tiles: int
    names: tuple[str, ...]


@pinned_gdal()
def write_index(
    job: Job, store: OutputStore, states: Mapping[str, TileState], *, parquet: bool = False
) -> IndexSummary:
    """Write the indexes of the tiles that are done, in place of those that are there.

    Args:
        job: The job.
        store: Its store.
        states: State of each tile by name, from `hrdem.tiling.journal.read_states`.
        parquet: Whether to write a table of the items, which are all read for it.

    Raises:
        NoDataError: If no tile is done.
        MissingLibraryError: If the table needs a library that is not installed.
        OutputError: If the store cannot be written.
    """
    write_items = load_item_table_writer() if parquet else None
    tiles = [tile for tile in job.tiles if states[tile.name] is TileState.DONE]
    if not tiles:
        raise NoDataError(
            f"There is no finished tile in {store.address} to index. `hrdem tile status` says what "
            "is missing."
        )
    names = [COLLECTION_NAME, TILE_INDEX_NAME]
    store.write(COLLECTION_NAME, encode_json(make_collection(job, tiles)))
    with store.write_file(TILE_INDEX_NAME) as path:
        write_tile_index(job, tiles, path)
    if len(tiles) <= MAX_VRT_TILES:
        store.write(VRT_NAME, encode_vrt(job, tiles))
        names.append(VRT_NAME)
    else:
        store.remove(VRT_NAME)
    if write_items is not None:
        items = read_items(store, [tile.name for tile in tiles])
        with store.write_file(ITEM_TABLE_NAME) as path:
            write_items(list(items.values()), path)
        names.append(ITEM_TABLE_NAME)
    return IndexSummary(len(tiles), tuple(names))
