"""Datasets that GDAL has open, lent to the threads that read."""

from __future__ import annotations

import collections
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import rasterio
from rasterio.io import DatasetReader


class DatasetPool:
    """Open datasets that threads borrow, each lent to one at a time.

    GDAL keeps up to 15 MB of tile index for an open mosaic file, so how many stay open decides
    over memory; those that were idle longest are closed first.

    Args:
        max_open: Most datasets to keep open.
    """

    def __init__(self, max_open: int) -> None:
        self._max_open = max_open
        self._idle: collections.deque[tuple[str, DatasetReader]] = collections.deque()
        self._lent = 0
        self._lock = threading.Lock()
        self._opening = threading.Lock()

    @contextmanager
    def borrow(self, path: str) -> Iterator[DatasetReader]:
        """Lend a dataset, opened if none is idle; one that failed is not lent again."""
        dataset = self._take(path)
        try:
            if dataset is None:
                dataset = self._opened(path)
            yield dataset
        except BaseException:
            with self._lock:
                self._lent -= 1
            if dataset is not None:
                self._shut([dataset])
            raise
        with self._lock:
            self._lent -= 1
            self._idle.append((path, dataset))

    def close(self) -> None:
        """Close every idle dataset."""
        while self._idle:
            self._shut([self._idle.popleft()[1]])

    def _take(self, path: str) -> DatasetReader | None:
        surplus = []
        with self._lock:
            self._lent += 1
            for entry in self._idle:
                if entry[0] == path:
                    self._idle.remove(entry)
                    return entry[1]
            while self._idle and self._lent + len(self._idle) > self._max_open:
                surplus.append(self._idle.popleft()[1])
        self._shut(surplus)
        return None

    def _opened(self, path: str) -> DatasetReader:
        """Open a dataset, and have GDAL walk through its directories.

        GDAL else does that at the first read, in rasterio's look at the flags of masks, which holds
        Python's lock: no thread of the process moves while GDAL waits for the network. It does not
        wait if the directories are at hand, as they are just after opening; but to open or close
        the same file elsewhere makes GDAL forget them. So only one thread does any of it at a time.
        """
        with self._opening:
            # a COG that is none could be a VRT: no other driver may have a look
            dataset = rasterio.open(path, driver="VRT" if path.startswith("<") else "GTiff")
            _ = dataset.mask_flag_enums
        return dataset

    def _shut(self, datasets: Iterable[DatasetReader]) -> None:
        with self._opening:
            for dataset in datasets:
                dataset.close()
