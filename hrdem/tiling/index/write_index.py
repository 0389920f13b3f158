"""Write the indexes of a job's tiles into its store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hrdem.errors import NoDataError
from hrdem.runtime.gdal_env import pinned_gdal
from hrdem.tiling.index.collection import COLLECTION_NAME, make_collection
from hrdem.tiling.index.item_table import ITEM_TABLE_NAME, load_item_table_writer
from hrdem.tiling.index.tile_index import TILE_INDEX_NAME, write_tile_index
from hrdem.tiling.index.vrt import MAX_VRT_TILES, VRT_NAME, encode_vrt
from hrdem.tiling.job import Job, Tile
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

    The collection is written last: it says that the others are those of its tiles.

    Args:
        job: The job.
        store: Its store.
        states: State of each tile by name, from `hrdem.tiling.journal.read_states`.
        parquet: Whether to write a table of the items, which are all read for it; else one that is
            there is removed.

    Raises:
        NoDataError: If no tile is done.
        MissingLibraryError: If the table needs a library that is not installed.
        OutputError: If the store cannot be written.
    """
    write_items = load_item_table_writer() if parquet else None
    tiles = _list_done(job, states)
    if not tiles:
        raise NoDataError(
            f"There is no finished tile in {store.address} to index. `hrdem tile status` says what "
            "is missing."
        )
    names = _list_names(tiles)
    with store.write_file(TILE_INDEX_NAME) as path:
        write_tile_index(job, tiles, path)
    if len(tiles) <= MAX_VRT_TILES:
        store.write(VRT_NAME, encode_vrt(job, tiles))
    else:
        store.remove(VRT_NAME)
    if write_items is None:
        store.remove(ITEM_TABLE_NAME)
    else:
        items = read_items(store, [tile.name for tile in tiles])
        with store.write_file(ITEM_TABLE_NAME) as path:
            write_items(list(items.values()), path)
        names.append(ITEM_TABLE_NAME)
    store.write(COLLECTION_NAME, encode_json(make_collection(job, tiles)))
    return IndexSummary(len(tiles), tuple(names))


def remove_indexes(store: OutputStore) -> None:
    """Remove the indexes of a store, in which no tile is done any more."""
    names = store.list_names()
    for name in INDEX_NAMES:
        if name in names:
            store.remove(name)


@pinned_gdal()
def has_current_indexes(job: Job, store: OutputStore, states: Mapping[str, TileState]) -> bool:
    """Whether the indexes that `write_index` would write are there, those of the same tiles.

    Args:
        job: The job.
        store: Its store.
        states: State of each tile by name.
    """
    tiles = _list_done(job, states)
    return store.list_names().keys() >= set(_list_names(tiles)) and store.read(
        COLLECTION_NAME
    ) == encode_json(make_collection(job, tiles))


def _list_done(job: Job, states: Mapping[str, TileState]) -> list[Tile]:
    return [tile for tile in job.tiles if states[tile.name] is TileState.DONE]


def _list_names(tiles: Sequence[Tile]) -> list[str]:
    """Return the names of the indexes of tiles, without the table of items."""
    return [COLLECTION_NAME, TILE_INDEX_NAME, *([VRT_NAME] * (len(tiles) <= MAX_VRT_TILES))]
