"""A pool of open GDAL datasets for threads that read."""

from __future__ import annotations

import collections
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import rasterio
from rasterio.io import DatasetReader


class DatasetPool:
    """Open datasets that threads borrow; one thread uses a dataset at a time.

    GDAL keeps up to 15 MB of tile index for an open mosaic file, so the number of open datasets
    limits memory. The least recently used ones are closed first.

    Args:
        max_open: Maximum number of open datasets.
    """

    def __init__(self, max_open: int) -> None:
        self._max_open = max_open
        self._idle: collections.deque[tuple[str, DatasetReader]] = collections.deque()
        self._lent = 0
        self._lock = threading.Lock()
        self._opening = threading.Lock()

    @contextmanager
    def borrow(self, path: str) -> Iterator[DatasetReader]:
        """Borrow a dataset, opened if none is idle; one that failed is closed."""
        dataset = self._take(path)
        try:
            if dataset is None:
                dataset = self._open(path)
            yield dataset
        except BaseException:
            with self._lock:
                self._lent -= 1
            if dataset is not None:
                self._close_datasets([dataset])
            raise
        with self._lock:
            self._lent -= 1
            self._idle.append((path, dataset))

    def close(self) -> None:
        """Close every idle dataset."""
        with self._lock:
            idle = [dataset for _, dataset in self._idle]
            self._idle.clear()
        self._close_datasets(idle)

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
        self._close_datasets(surplus)
        return None

    def _open(self, path: str) -> DatasetReader:
        """Open a dataset, and let GDAL read its directories.

        Otherwise GDAL does so at the first read, when rasterio queries the mask flags with Python's
        lock acquired: every thread of the process stops while GDAL waits for the network. Just
        after opening the directories are cached and it does not wait; but opening or closing the
        same file elsewhere evicts them. So one thread opens or closes at a time.
        """
        with self._opening:
            # a file that is not a COG could be a VRT: allow one driver only
            dataset = rasterio.open(path, driver="VRT" if path.startswith("<") else "GTiff")
            _ = dataset.mask_flag_enums
        return dataset

    def _close_datasets(self, datasets: Iterable[DatasetReader]) -> None:
        with self._opening:
            for dataset in datasets:
                dataset.close()
