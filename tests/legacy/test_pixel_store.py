"""Pixels of rasters: small ones within a limit, large ones in files."""

from __future__ import annotations

import numpy as np
import pytest

from hrdem.errors import OutputError
from hrdem.geo.grid import Window
from hrdem.legacy import pixel_store
from hrdem.legacy.pixel_store import PixelStore

WINDOW = Window(3, 1, 4, 2)


@pytest.mark.parametrize("max_small", [0, 1 << 20], ids=["file", "memory"])
@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_windows_are_those_of_the_raster(
    monkeypatch: pytest.MonkeyPatch, max_small: int, dtype: str
) -> None:
    monkeypatch.setattr(pixel_store, "MAX_SMALL_BYTES", max_small)
    store, rasters = PixelStore(), [np.arange(50, dtype=dtype).reshape(5, 10) + n for n in range(3)]
    for number, pixels in enumerate(rasters):
        store.put(number, pixels)
    for number, pixels in enumerate(rasters):
        found = store.get(number, WINDOW)
        assert np.array_equal(found, pixels[WINDOW.slices])
        assert found.dtype == dtype


def test_small_rasters_that_were_not_used_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixel_store, "MAX_KEPT_BYTES", 200)
    store = PixelStore()
    store.put(0, np.zeros((5, 10), np.int16))
    store.put(1, np.zeros((5, 10), np.int16))
    store.get(0, WINDOW)
    store.put(2, np.zeros((5, 10), np.int16))
    assert [number in store for number in range(3)] == [True, False, True]


def test_a_full_disk_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pixel_store, "MAX_SMALL_BYTES", 0)
    monkeypatch.setattr("tempfile.TemporaryDirectory", fail)
    with pytest.raises(OutputError) as caught:
        PixelStore().put(0, np.zeros((5, 10), np.int16))
    assert "cannot take 100 B of temporary files: No space left on device." in str(caught.value)
    assert str(caught.value).endswith("Free space there, or set TMPDIR to another folder.")
