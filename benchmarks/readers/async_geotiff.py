"""async-geotiff with obstore: eight pieces at a time, and one writer."""

from __future__ import annotations

import asyncio

from async_geotiff import GeoTIFF, RasterArray, Window
from obstore.store import HTTPStore
from rasterio.windows import Window as OutputWindow

from benchmarks.readers.output import create
from benchmarks.readers.task import Task

_EDGE, _AT_A_TIME = 2_048, 8
_TIMEOUT = "300s"  # of a whole request


async def run(task: Task) -> None:
    folder, _, name = task.url.rpartition("/")
    store = HTTPStore(folder, client_options={"allow_http": True, "timeout": _TIMEOUT})
    source = await GeoTIFF.open(name, store=store)
    turns = asyncio.Semaphore(_AT_A_TIME)
    with create(task, source.transform, "EPSG:3979", source.nodata) as output:

        async def piece(column: int, row: int, width: int, height: int) -> None:
            async with turns:
                found: RasterArray = await source.read(window=Window(column, row, width, height))
                place = OutputWindow(column - task.column, row - task.row, width, height)
                output.write(found.data[0], 1, window=place)

        await asyncio.gather(*(piece(*each) for each in task.pieces(_EDGE)))


if __name__ == "__main__":
    asyncio.run(run(Task.from_command_line()))
